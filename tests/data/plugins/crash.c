/* SPDX-License-Identifier: Apache-2.0 */
/* Dies in the middle of a node. */
#include "bulkhead/measure_plugin.h"

#include <signal.h>

static int measure(const struct bulkhead_target *target, const struct bulkhead_host *host)
{
        host->node_begin(target->name, "test");
        return raise(SIGSEGV);
}

const struct bulkhead_measure_plugin bulkhead_measure_plugin = {
        .size = sizeof bulkhead_measure_plugin,
        .abi = BULKHEAD_MEASURE_ABI,
        .name = "crash",
        .version = 1,
        .measure = measure,
};
