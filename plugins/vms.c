/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vms: which VMs there are, and their state at this moment: getCurrentState() of OpenTC D05.4, 3.4.
 * vms:all has all VMs of the host, also those that others started, and the free memory; vms:own has
 * the VMs of the principal that asks. It changes all the time, so a seal with it needs
 * judged="yes".
 */
#include "plugins/facts/facts_nodes.h"

#include <string.h>

static int measure(const struct bulkhead_target *target, const struct bulkhead_host *host)
{
        static const char *const all[] = {"facts",   "free-memory", "kind", "scope",
                                          "version", "vms",         NULL};
        static const char *const own[] = {"facts", "kind", "scope", "version", "vms", NULL};
        const struct facts f = {target, host};

        return facts_measure(&f, "vms", strcmp(target->argument, "all") ? own : all, facts_add_vms);
}

const struct bulkhead_measure_plugin bulkhead_measure_plugin = {
        .size = sizeof bulkhead_measure_plugin,
        .abi = BULKHEAD_MEASURE_ABI,
        .name = "vms",
        .version = FACTS_VMS_VERSION,
        .takes_file = 2,
        .measure = measure,
};
