/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hypervisor: what the running hypervisor says of itself (version, build-id, command line,
 * capabilities...), without what changes while it runs. The argument is its kind, "xen" or "sim",
 * so that nobody takes one for the other.
 */
#include "plugins/facts.h"

#include <string.h>

enum { FACTS_MOST = 64 };

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

static int add_all(const struct facts *f, struct json_object *root)
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

static int measure(const struct bulkhead_target *target, const struct bulkhead_host *host)
{
        static const char *const keys[] = {"facts", "kind", "values", "version", NULL};
        const struct facts f = {target, host};

        return facts_measure(&f, "hypervisor", keys, add_all);
}

const struct bulkhead_measure_plugin bulkhead_measure_plugin = {
        .size = sizeof bulkhead_measure_plugin,
        .abi = BULKHEAD_MEASURE_ABI,
        .name = "hypervisor",
        .version = 1,
        .takes_file = 2,
        .measure = measure,
};
