/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the nodes of the hypervisor and of the VMs. The plug-ins hypervisor and vms come here with
 * facts that they read, compartment-mgr with facts that it gathered. */
#include "plugins/facts/facts_nodes.h"

#include <string.h>

/* A measurement has at most 4,096 nodes; one of them holds those of the VMs. */
enum { FACTS_MOST = 64, VMS_MOST = 4095 };

/* --- hypervisor ------------------------------------------------------------------------------ */

static const char *const pair_keys[] = {"name", "text", NULL};

static int is_twice(struct json_object *list, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++)
                if (!strcmp(facts_text(json_object_array_get_idx(list, i), "name"), name))
                        return 1;
        return 0;
}

static int add_pairs(const struct facts *f, struct json_object *list)
{
        size_t count = json_object_array_length(list);

        if (count > FACTS_MOST)
                return facts_refuse(f, "at most 64 facts", "more");
        for (size_t i = 0; i < count; i++) {
                struct json_object *pair = json_object_array_get_idx(list, i);
                const char *name = facts_text(pair, "name"), *text = facts_text(pair, "text");

                if (!name || !*name || !text || !facts_has(pair, pair_keys) ||
                    is_twice(list, i, name) || !strcmp(name, "kind"))
                        return facts_refuse(f, "facts of a name and a text, each once",
                                            name && *name ? name : "one without a name");
                if (f->host->value(name, text))
                        return -1;
        }
        return 0;
}

int facts_add_hypervisor(const struct facts *f, struct json_object *root)
{
        struct json_object *list = facts_array(root, "values");
        const char *kind = facts_text(root, "kind");

        if (!kind || !list)
                return facts_refuse(f, "the hypervisor's kind and facts", "not both");
        if (strcmp(kind, f->target->argument))
                return f->host->refuse(f->target->name, f->target->argument, kind,
                                       "ask for the hypervisor that runs: bulkhead status");
        return f->host->node_begin(f->target->name, "hypervisor") || f->host->value("kind", kind) ||
               add_pairs(f, list) || f->host->node_end();
}

/* --- vms ------------------------------------------------------------------------------------- */

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

/* Only vms:all tells of the free memory, which all VMs share. */
static int add_memory(const struct facts *f, struct json_object *root)
{
        struct json_object *free_memory;

        if (strcmp(f->target->argument, "all"))
                return 0;
        json_object_object_get_ex(root, "free-memory", &free_memory);
        return facts_value(f, "free-memory", free_memory);
}

int facts_add_vms(const struct facts *f, struct json_object *root)
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
