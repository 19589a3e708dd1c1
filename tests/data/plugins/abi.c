/* SPDX-License-Identifier: Apache-2.0 */
/* Was built for another host. */
#include "bulkhead/measure_plugin.h"

static int measure(const struct bulkhead_target *target, const struct bulkhead_host *host)
{
        return host->node_begin(target->name, "test") || host->node_end();
}

const struct bulkhead_measure_plugin bulkhead_measure_plugin = {
        .size = sizeof bulkhead_measure_plugin,
        .abi = BULKHEAD_MEASURE_ABI + 1,
        .name = "abi",
        .version = 1,
        .measure = measure,
};
