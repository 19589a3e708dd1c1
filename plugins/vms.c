/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vms: which VMs there are and what they do at this moment: getCurrentState() of OpenTC D05.4, 3.4.
 * "all" are all on the host, also those that others started, and the free memory; "own" those of
 * whoever has it attested. It changes all the time: a seal that has it needs judged="yes".
 */
#include "plugins/facts.h"

#include <string.h>

enum { VMS_MOST = 4095 /* nodes of one measurement, less its own */ };

static const char *const vm_keys[] = {"foreign", "generation", "memory", "name",
                                      "owner",   "state",      "uuid",   NULL};

static int add_vm(const struct facts *f, struct json_object *vm)
{
        const char *uuid = facts_text(vm, "uuid");
        struct json_object *foreign;

        if (!uuid || !facts_has(vm, vm_keys) ||
            !json_object_object_get_ex(vm, "foreign", &foreign) ||
            !json_object_is_type(foreign, json_type_boolean))
                return facts_refuse(f, "VMs with UUID, name, owner and state", "something else");
        if (facts_node(f, uuid, json_object_get_boolean(foreign) ? "vms-foreign" : "vms-vm"))
                return -1;
        json_object_object_foreach(vm, key, value)
        {
                if (strcmp(key, "uuid") && facts_value(f, key, value))
                        return -1;
        }
        return f->host->node_end();
}

/* Only "all" tells of the memory that all share. */
static int add_memory(const struct facts *f, struct json_object *root)
{
        struct json_object *free_memory;

        if (strcmp(f->target->argument, "all"))
                return 0;
        json_object_object_get_ex(root, "free-memory", &free_memory);
        return facts_value(f, "free-memory", free_memory);
}

static int add_all(const struct facts *f, struct json_object *root)
{
        struct json_object *list = facts_array(root, "vms");
        const char *scope = facts_text(root, "scope"), *kind = facts_text(root, "kind");

        if (!list || !kind || !scope || strcmp(scope, f->target->argument))
                return facts_refuse(f, f->target->argument, scope ? scope : "no scope");
        if (json_object_array_length(list) > VMS_MOST)
                return facts_refuse(f, "at most 4,095 VMs", "more");
        if (f->host->node_begin(f->target->name, "vms") || f->host->value("hypervisor", kind) ||
            add_memory(f, root))
                return -1;
        for (size_t i = 0; i < json_object_array_length(list); i++)
                if (add_vm(f, json_object_array_get_idx(list, i)))
                        return -1;
        return f->host->node_end();
}

static int measure(const struct bulkhead_target *target, const struct bulkhead_host *host)
{
        static const char *const all[] = {"facts",   "free-memory", "kind", "scope",
                                          "version", "vms",         NULL};
        static const char *const own[] = {"facts", "kind", "scope", "version", "vms", NULL};
        const struct facts f = {target, host};

        return facts_measure(&f, "vms", strcmp(target->argument, "all") ? own : all, add_all);
}

const struct bulkhead_measure_plugin bulkhead_measure_plugin = {
        .size = sizeof bulkhead_measure_plugin,
        .abi = BULKHEAD_MEASURE_ABI,
        .name = "vms",
        .version = 1,
        .takes_file = 2,
        .measure = measure,
};
