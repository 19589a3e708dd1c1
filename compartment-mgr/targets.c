/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matches a descriptor's targets to the table of target kinds and to open disks. The stories come
 * here; descriptors are duplicated.
 */
#include "compartment-mgr/targets.h"
#include "compartment-mgr/compartment.h"

#include <string.h>

void targets_clear(struct targets *t)
{
        for (size_t i = 0; i < t->count; i++)
                open_disks_close(
                        &(struct open_disk){.file = t->items[i].file, .header = t->items[i].header},
                        1);
        t->count = 0;
}

static const struct open_disk *disk_at(const char *path, const struct open_disk *disks, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (!strcmp(disks[i].path, path))
                        return &disks[i];
        return NULL;
}

/* --- kinds ----------------------------------------------------------------------------------- */

/* The last line of the table is for names that no other line has. */
static const struct target_kind *kind_of(const char *plugin)
{
        const struct target_kind *k = target_kinds;

        while (k->plugin && strcmp(k->plugin, plugin))
                k++;
        return k;
}

static const char *known(struct arena *a)
{
        const char *list = "";

        for (const struct target_kind *k = target_kinds; k->plugin; k++)
                list = arena_print(a, "%s%s%s", list, *list ? ", " : "", k->plugin);
        return list;
}

static enum status refuse_unknown(const struct target *t, struct arena *a)
{
        return FAIL(ST_INVALID, .subject = t->name, .expected = known(a),
                    .found = FMT("unknown: '%.150s'", t->plugin),
                    .remedy = FMT("name one of those, or %s:PATH if that is a plug-in of this "
                                  "host that measures a file",
                                  t->plugin));
}

/* --- who may ask ----------------------------------------------------------------------------- */

static bool may_ask(const struct caller *c, const struct target *t)
{
        const struct target_kind *kind = kind_of(t->plugin);

        return (c->roles & ADMIN) ||
               ((c->roles & VERIFIER) && kind->may && kind->may(&c->principal, t));
}

enum status targets_permit(const struct caller *c, const struct target *targets, size_t count)
{
        if (!(c->roles & (ADMIN | VERIFIER)))
                return FAIL(ST_DENIED, .subject = "attest");
        for (size_t i = 0; i < count; i++)
                if (!may_ask(c, &targets[i]))
                        return FAIL(ST_DENIED, .subject = targets[i].name,
                                    .remedy = "ask for your own VMs and their disks only, or "
                                              "vms:own: `bulkhead vm list` shows them");
        return ST_DONE;
}

/* --- what would have no effect -------------------------------------------------------------- */

enum status targets_check(const struct target *targets, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                const struct target *t = &targets[i];

                if (kind_of(t->plugin)->digests || (!t->alg && !t->salted))
                        continue;
                return FAIL(ST_INVALID, .subject = t->name,
                            .expected = FMT("no %s: %s: is measured in one way",
                                            t->alg ? "digest" : "salt", t->plugin),
                            .found = t->alg ? FMT("digest=\"%s\"", hash_name(t->alg)) : "a salt",
                            .remedy = "take that attribute out of the descriptor");
        }
        return ST_DONE;
}

/* --- opening --------------------------------------------------------------------------------- */

static enum status open_path(const struct target *t, const struct open_disk *disks, size_t count,
                             const struct targets_from *from, struct arena *a,
                             struct open_target *out)
{
        const struct open_disk *disk = disk_at(t->argument, disks, count);
        const char *component = compartment_disk_at(t->argument, a);
        struct open_disk opened = {.file = -1, .header = -1};
        enum status s = disk ? open_disks_share(disk, &opened)
                             : from->open(from->with, t->argument, a, &opened);

        if (component)
                out->component = component;
        out->file = opened.file;
        out->header = opened.header;
        return s;
}

static enum status open_one(const struct target *t, const struct open_disk *disks, size_t count,
                            const struct targets_from *from, struct arena *a,
                            struct open_target *out)
{
        const struct target_kind *kind = kind_of(t->plugin);

        *out = (struct open_target){
                .component = kind->component, .covers = kind->covers, .file = -1, .header = -1};
        if (kind->facts)
                return kind->facts(from->scope, t, a, out);
        if (*t->argument == '/')
                return open_path(t, disks, count, from, a, out);
        if (kind->plugin)
                return FAIL(ST_INVALID, .subject = t->name,
                            .expected = FMT("%s: and an absolute path", kind->plugin),
                            .found = *t->argument ? QUOTED(t->argument) : "no path",
                            .remedy =
                                    FMT("in the descriptor: name=\"%s:/FULL/PATH\"", kind->plugin));
        return *t->argument ? refuse_unknown(t, a) : ST_DONE;
}

enum status targets_open(struct targets *t, const struct descriptor *d,
                         const struct open_disk *disks, size_t disks_count,
                         const struct targets_from *from, struct arena *a)
{
        enum status s = ST_DONE;

        targets_clear(t);
        if (d->targets.count > TARGETS_MOST)
                return FAIL(ST_TOO_LARGE, .subject = "targets",
                            .expected = FMT("at most %d", TARGETS_MOST));
        for (size_t i = 0; i < d->targets.count && !s; i++)
                s = open_one(&d->targets.items[i], disks, disks_count, from, a,
                             &t->items[t->count++]);
        if (s)
                targets_clear(t);
        return s;
}
