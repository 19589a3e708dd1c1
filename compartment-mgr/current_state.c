/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has the plug-ins' writer of nodes write facts into measurements. device_check.c comes here once
 * for each device; the domain worker is asked.
 */
#include "compartment-mgr/current_state.h"
#include "compartment-mgr/facts.h"
#include "plugins/facts/facts_nodes.h"

#include <string.h>

enum { VALUES_MOST = 2 + PART_FACTS_MOST, DEPTH_MOST = 2 };

/* --- a host for that writer, which calls it without a context -------------------------------- */

struct writing {
        struct arena *arena;
        struct measurement *m;
        uint32_t open[DEPTH_MOST]; /* nodes that are open, counted as node.parent does */
        size_t depth;
};

static __thread struct writing writing;

/* Room for one more after `count` items. */
static void *grown(void *items, size_t count, size_t size)
{
        void *more;

        if (count & (count - 1))
                return items;
        more = arena_get_many(writing.arena, count ? 2 * count : 1, size);
        if (count)
                memcpy(more, items, count * size);
        return more;
}

static int refuse(const char *subject, const char *expected, const char *found, const char *remedy)
{
        (void)FAIL(ST_PLUGIN, .subject = subject, .expected = expected, .found = found,
                   .remedy = remedy);
        return -1;
}

static int node_begin(const char *id, const char *type)
{
        struct measurement *m = writing.m;
        uint32_t parent = writing.depth ? writing.open[writing.depth - 1] : 0;

        if (writing.depth == DEPTH_MOST || m->nodes.count == NODES_MOST)
                return refuse(m->target, "at most 4,096 nodes, in two levels", "more", NULL);
        m->nodes.items = grown(m->nodes.items, m->nodes.count, sizeof *m->nodes.items);
        m->nodes.items[m->nodes.count++] = (struct node){.parent = parent,
                                                         .id = arena_text(writing.arena, id),
                                                         .type = arena_text(writing.arena, type)};
        writing.open[writing.depth++] = (uint32_t)m->nodes.count;
        return 0;
}

static int add_value(const char *name, const char *text)
{
        struct measurement *m = writing.m;
        struct node *n =
                writing.depth ? &m->nodes.items[writing.open[writing.depth - 1] - 1] : NULL;

        if (!n || n->values.count == VALUES_MOST)
                return refuse(m->target, "at most 66 values of a node", n ? "more" : "no node",
                              NULL);
        n->values.items = grown(n->values.items, n->values.count, sizeof *n->values.items);
        n->values.items[n->values.count++] =
                (struct value){arena_text(writing.arena, name), arena_text(writing.arena, text)};
        return 0;
}

static int node_end(void)
{
        writing.depth--;
        return 0;
}

/* --- hypervisor and VMs ---------------------------------------------------------------------- */

/* Frees json. */
static enum status write_nodes(struct arena *a, const char *plugin, uint32_t version,
                               const char *argument, struct json_object *json,
                               int (*add)(const struct facts *, struct json_object *),
                               struct measurement *out)
{
        static const struct bulkhead_host host = {.size = sizeof host,
                                                  .abi = BULKHEAD_MEASURE_ABI,
                                                  .node_begin = node_begin,
                                                  .value = add_value,
                                                  .node_end = node_end,
                                                  .refuse = refuse};
        const struct bulkhead_target target = {.size = sizeof target,
                                               .name = arena_print(a, "%s:%s", plugin, argument),
                                               .argument = argument,
                                               .method = "",
                                               .file = -1,
                                               .header = -1};
        int r;

        *out = (struct measurement){.target = target.name, .plugin = plugin, .version = version};
        writing = (struct writing){.arena = a, .m = out};
        r = add(&(struct facts){&target, &host}, json);
        json_object_put(json);
        return r ? ST_PLUGIN : ST_DONE;
}

enum status current_state(struct arena *a, struct measurement *hypervisor_out,
                          struct measurement *vms_out)
{
        struct domain_hypervisor_rep h;
        struct json_object *vms;
        enum status s = facts_hypervisor(a, &h);

        if (!s)
                s = facts_all_vms_json(a, &h, &vms);
        if (!s)
                s = write_nodes(a, "vms", FACTS_VMS_VERSION, "all", vms, facts_add_vms, vms_out);
        if (!s)
                s = write_nodes(a, "hypervisor", FACTS_HYPERVISOR_VERSION, facts_kind(),
                                facts_hypervisor_json(&h), facts_add_hypervisor, hypervisor_out);
        return s;
}
