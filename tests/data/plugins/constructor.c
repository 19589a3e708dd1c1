/* SPDX-License-Identifier: Apache-2.0 */
/* Does as it is loaded what it may not do when it is called. */
#include "bulkhead/measure_plugin.h"

#include <sys/socket.h>
#include <unistd.h>

__attribute__((constructor)) static void at_load(void)
{
        if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 && fork() == 0) {
                setsid();
                for (;;)
                        pause();
        }
}

static int measure(const struct bulkhead_target *target, const struct bulkhead_host *host)
{
        return host->node_begin(target->name, "test") || host->node_end();
}

const struct bulkhead_measure_plugin bulkhead_measure_plugin = {
        .size = sizeof bulkhead_measure_plugin,
        .abi = BULKHEAD_MEASURE_ABI,
        .name = "constructor",
        .version = 1,
        .measure = measure,
};
