/* SPDX-License-Identifier: Apache-2.0 */
/* Ends the process as if all were well. */
#include "bulkhead/measure_plugin.h"

#include <unistd.h>

static int measure(const struct bulkhead_target *target, const struct bulkhead_host *host)
{
        host->node_begin(target->name, "test");
        host->node_end();
        _exit(0);
}

const struct bulkhead_measure_plugin bulkhead_measure_plugin = {
        .size = sizeof bulkhead_measure_plugin,
        .abi = BULKHEAD_MEASURE_ABI,
        .name = "exits",
        .version = 1,
        .measure = measure,
};
