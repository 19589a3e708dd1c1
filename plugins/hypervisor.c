/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hypervisor: what the running hypervisor says of itself (version, build-id, command line,
 * capabilities...), without what changes while it runs. The argument is the hypervisor's kind,
 * "xen" or "sim", so that one cannot be taken for the other.
 */
#include "plugins/facts/facts_nodes.h"

static int measure(const struct bulkhead_target *target, const struct bulkhead_host *host)
{
        static const char *const keys[] = {"facts", "kind", "values", "version", NULL};
        const struct facts f = {target, host};

        return facts_measure(&f, "hypervisor", keys, facts_add_hypervisor);
}

const struct bulkhead_measure_plugin bulkhead_measure_plugin = {
        .size = sizeof bulkhead_measure_plugin,
        .abi = BULKHEAD_MEASURE_ABI,
        .name = "hypervisor",
        .version = FACTS_HYPERVISOR_VERSION,
        .takes_file = 2,
        .measure = measure,
};
