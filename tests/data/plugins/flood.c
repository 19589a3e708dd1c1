/* SPDX-License-Identifier: Apache-2.0 */
/* A gigabyte of output, whatever the host says. */
#include "bulkhead/measure_plugin.h"

#include <string.h>

static int measure(const struct bulkhead_target *target, const struct bulkhead_host *host)
{
        static char text[4096];

        memset(text, 0x61, sizeof text - 1);
        for (int i = 0; i < 4096; i++) {
                host->node_begin(target->name, "test");
                for (int k = 0; k < 64; k++)
                        host->value("text", text);
                host->node_end();
        }
        return 0;
}

const struct bulkhead_measure_plugin bulkhead_measure_plugin = {
        .size = sizeof bulkhead_measure_plugin,
        .abi = BULKHEAD_MEASURE_ABI,
        .name = "flood",
        .version = 1,
        .measure = measure,
};
