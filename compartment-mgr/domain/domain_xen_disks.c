/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads /local/domain/0/backend and the names of domains, where no guest writes. The back-end for
 * Xen comes here.
 */
#include "compartment-mgr/domain/domain_xen_disks.h"
#include "compartment-mgr/domain/domain_xen_store.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#define BACKENDS "/local/domain/0/backend"

struct found {
        struct other_disk *items;
        size_t count;
};

/* "fd:3", in hexadecimal; 0 for anything else. */
static uint64_t node_of(const char *text)
{
        unsigned high, low;

        return text && sscanf(text, "%x:%x", &high, &low) == 2 ? makedev(high, low) : 0;
}

/* "/dev/vg/a", or "aio:/srv/a.img" of a disk that QEMU serves. */
static const char *path_of(const char *params)
{
        const char *colon = params && *params != '/' ? strchr(params, ':') : NULL;

        return colon ? colon + 1 : params ? params : "";
}

/* As xl(1) names it: by its name, or by its number. */
static enum status name_domain(struct arena *a, const char *domain, const char **who_out)
{
        const char *name;
        enum status s = store_read(a, arena_print(a, "/local/domain/%s/name", domain), &name);

        if (!s)
                *who_out = arena_print(a, "domain %s", name && *name ? name : domain);
        return s;
}

static enum status read_disk(struct arena *a, const char *folder, const char *domain,
                             struct found *to)
{
        const char *params, *node, *who;
        enum status s = store_read(a, arena_print(a, "%s/params", folder), &params);

        if (!s)
                s = store_read(a, arena_print(a, "%s/physical-device", folder), &node);
        if (!s)
                s = name_domain(a, domain, &who);
        if (s || to->count == VMS_MOST || (!params && !node))
                return s;
        to->items[to->count++] =
                (struct other_disk){.who = who, .path = path_of(params), .node = node_of(node)};
        return ST_DONE;
}

static enum status read_kind(struct arena *a, const char *kind, struct found *to)
{
        const char *const *domains, *const *disks;
        size_t domains_count, disks_count;
        enum status s =
                store_list(a, arena_print(a, BACKENDS "/%s", kind), &domains, &domains_count);

        for (size_t i = 0; !s && i < domains_count; i++) {
                const char *folder = arena_print(a, BACKENDS "/%s/%s", kind, domains[i]);

                s = store_list(a, folder, &disks, &disks_count);
                for (size_t j = 0; !s && j < disks_count; j++)
                        s = read_disk(a, arena_print(a, "%s/%s", folder, disks[j]), domains[i], to);
        }
        return s;
}

enum status xen_disks(struct arena *a, struct other_disk **disks_out, size_t *count_out)
{
        static const char *const kinds[] = {"vbd", "vbd3", "qdisk", "tap"};
        struct found found = {.items = arena_get_many(a, VMS_MOST, sizeof *found.items)};
        enum status s = ST_DONE;

        for (size_t i = 0; !s && i < sizeof kinds / sizeof *kinds; i++)
                s = read_kind(a, kinds[i], &found);
        *disks_out = found.items;
        *count_out = found.count;
        return s;
}
