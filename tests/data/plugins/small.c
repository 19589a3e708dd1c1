/* SPDX-License-Identifier: Apache-2.0 */
/* Has fewer members than the ABI says. */
#include "bulkhead/measure_plugin.h"

static int measure(const struct bulkhead_target *target, const struct bulkhead_host *host)
{
        return host->node_begin(target->name, "test") || host->node_end();
}

const struct bulkhead_measure_plugin bulkhead_measure_plugin = {
        .size = offsetof(struct bulkhead_measure_plugin, measure),
        .abi = BULKHEAD_MEASURE_ABI,
        .name = "small",
        .version = 1,
        .measure = measure,
};
