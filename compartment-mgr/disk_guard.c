/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk is touched only if nothing else has it. The story of a seal comes here; compartment-mgr
 * knows the definitions, the hypervisor the running domains, svdm all that lies on this host.
 */
#include "compartment-mgr/disk_guard.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/workers.h"
#include "lib/disk_words.h"
#include "lib/report.h"

#include <string.h>
#include <sys/stat.h>

enum status disk_guard_may_format(const struct operation *o)
{
        const bool lost = !o->sealed.generation && o->vm->generation;

        if (!o->sealed.generation && !lost)
                return ST_DONE;
        return FAIL(
                ST_WRONG_STATE, .subject = FMT("--format of VM %s", o->vm->name),
                .expected = "a VM that is not sealed",
                .found = lost ? "it was sealed, and integrity-mgr has no record of it: its disks "
                                "hold its data"
                              : "its disks hold its data",
                .remedy = lost ? FMT_LONG("restore integrity-mgr's newest state folder; without "
                                          "it only a passphrase opens the disks: bulkhead vm "
                                          "seal %s DESCRIPTOR.xml --passphrase-file FILE",
                                          o->vm->name)
                               : FMT_LONG("to seal it again and keep the data: the same without "
                                          "--format; if a header is lost, the seal still has "
                                          "its key: cryptsetup luksHeaderRestore puts a copy of "
                                          "the header back; bulkhead vm undefine %s says what "
                                          "would be lost",
                                          o->vm->name));
}

/* --- others ---------------------------------------------------------------------------------- */

/* Those of the next request. */
struct batch {
        struct operation *o;
        struct other_disk items[OTHER_DISKS_MOST];
        size_t count;
};

static enum status ask(struct batch *b)
{
        struct svdm_others_req q = {.others = {b->items, b->count}};
        struct svdm_others_rep p;

        b->count = 0;
        return q.others.count ? operation_svdm(b->o, CALL(svdm_others, &q, &p), PEER_SHORT)
                              : ST_DONE;
}

static enum status add(struct batch *b, struct other_disk other)
{
        b->items[b->count++] = other;
        return b->count == OTHER_DISKS_MOST ? ask(b) : ST_DONE;
}

static enum status add_definition(struct batch *b, const struct vm_definition *d)
{
        enum status s = ST_DONE;

        for (size_t j = 0; j < d->disks.count && !s; j++)
                s = add(b, (struct other_disk){.who = arena_print(b->o->arena, "VM %s", d->name),
                                               .path = d->disks.items[j].path});
        return s;
}

/* Those that are sealed, and with `all` the others, too. */
static enum status add_definitions(struct batch *b, const struct vm_definition *definitions,
                                   size_t count, bool all)
{
        enum status s = ST_DONE;

        for (size_t i = 0; i < count && !s; i++)
                if ((all || definitions[i].generation) &&
                    !uuid_equal(&definitions[i].uuid, &b->o->vm->uuid))
                        s = add_definition(b, &definitions[i]);
        return s;
}

static enum status add_domains(struct batch *b)
{
        struct domain_disks_req q = {};
        struct domain_disks_rep p = {0};
        enum status s =
                worker_call(workers.domain, LIST_DEADLINE, CALL(domain_disks, &q, &p), b->o->arena);

        for (size_t i = 0; !s && i < p.disks.count; i++)
                s = add(b, p.disks.items[i]);
        return s;
}

static enum status nobody_else(struct operation *o, const struct vm_definition *definitions,
                               size_t count, bool all)
{
        struct batch b = {.o = o};
        enum status s = add_definitions(&b, definitions, count, all);

        if (!s)
                s = add_domains(&b);
        return s ? s : ask(&b);
}

/* --- whoever only names it ------------------------------------------------------------------- */

static bool has_path(const struct disk_list *disks, const char *path)
{
        for (size_t i = 0; i < disks->count; i++)
                if (!strcmp(disks->items[i].path, path))
                        return true;
        return false;
}

/* All disks are those of the definition that the present seal is for. */
static bool owns_disks(const struct operation *o, bool format)
{
        const struct vm_definition *sealed = compartment_definition(o->compartment);

        for (size_t i = 0; i < o->vm->disks.count; i++)
                if (!has_path(&sealed->disks, o->vm->disks.items[i].path))
                        return false;
        return o->sealed.generation && !format;
}

/* Anybody who may define a VM can name a disk. What is sealed is not given up for that. */
static enum status name_claimants(struct operation *o, const struct vm_definition *definitions,
                                  size_t count, const char **warning_out)
{
        enum status s = ST_DONE;

        for (size_t i = 0; i < count && !s; i++) {
                struct batch b = {.o = o};

                if (definitions[i].generation || uuid_equal(&definitions[i].uuid, &o->vm->uuid))
                        continue;
                s = add_definition(&b, &definitions[i]);
                if (!s)
                        s = ask(&b);
                if (s != ST_REFUSED) /* svdm_others has no other reason for it */
                        continue;
                s = ST_DONE;
                *warning_out = arena_print(o->arena,
                                           "%s: %s, without a seal; give that VM a disk of its "
                                           "own: bulkhead vm undefine %s",
                                           error_last()->subject, error_last()->found,
                                           definitions[i].name);
                report_warning("VM %s: %s", o->vm->name, *warning_out);
                error_clear();
        }
        return s;
}

/* --- what lies there ------------------------------------------------------------------------- */

static enum status refuse_member(const struct disk_content *d)
{
        return FAIL(ST_REFUSED, .subject = d->path,
                    .expected = "a disk that nothing else is made of", .found = d->what,
                    .remedy = FMT("take it out of that first (vgreduce and pvremove, or mdadm "
                                  "--remove and --zero-superblock): lsblk -f %s",
                                  d->path));
}

static enum status refuse_sealed(const struct disk_content *d, const char *vm)
{
        return FAIL(ST_REFUSED, .subject = d->path, .expected = "a disk that no other VM has",
                    .found = FMT("it is sealed for VM %s", vm),
                    .remedy = FMT("give this VM a disk of its own; bulkhead vm show %s has the "
                                  "other's",
                                  vm));
}

static const char *name_of(const struct uuid *vm, const struct vm_definition *all, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (uuid_equal(&all[i].uuid, vm))
                        return all[i].name;
        return NULL;
}

const char *disk_guard_identity(const struct operation *o, const char *path)
{
        struct stat st;

        for (size_t i = 0; i < o->open.disks.count; i++) {
                const struct open_disk *d = &o->open.disks.items[i];

                if (!strcmp(d->path, path) && !fstat(d->file, &st))
                        return arena_print(
                                o->arena, "%llu %llu %llu", (unsigned long long)st.st_dev,
                                (unsigned long long)st.st_ino, (unsigned long long)st.st_rdev);
        }
        return "";
}

/* What a person has to agree to; "" if nothing of this disk. What a --format that came to no seal
 * has left is nobody's. */
static const char *in_question(const struct operation *o, const struct disk_content *d, bool format)
{
        const struct uuid none = {0};
        const bool stranger = !uuid_equal(&d->stranger, &none);
        const bool own = !strcmp(d->what, DISK_UNKNOWN) &&
                         compartment_has_filled(o->compartment, disk_guard_identity(o, d->path));
        struct arena *a = o->arena;

        if (!stranger && !(format && *d->what && !own))
                return "";
        return arena_print(a, "%s: %s%s%s", d->path, d->what,
                           stranger ? ", sealed for a VM that is not defined here: " : "",
                           stranger ? UUID_TEXT(&d->stranger) : "");
}

static enum status ask_for_yes(const struct operation *o, bool format, const char *what)
{
        return FAIL(ST_CONSENT, .subject = FMT("VM %s", o->vm->name), .found = what,
                    .remedy = format ? "see whose it is and whether it is needed; the same with "
                                       "--yes DESTROYS it"
                                     : "see that no other host uses it; the same with --yes takes "
                                       "it over");
}

static enum status check_content(struct operation *o, const struct vm_definition *all, size_t count,
                                 bool format, bool yes)
{
        struct svdm_content_req q = {};
        struct svdm_content_rep p = {0};
        const char *what = "", *one;
        enum status s = operation_svdm(o, CALL(svdm_content, &q, &p), PEER_LONG);

        for (size_t i = 0; !s && i < p.disks.count; i++) {
                const struct disk_content *d = &p.disks.items[i];
                const char *vm = name_of(&d->stranger, all, count);

                if (d->member)
                        s = refuse_member(d);
                else if (vm)
                        s = refuse_sealed(d, vm);
                one = s ? "" : in_question(o, d, format);
                what = arena_print(o->arena, "%s%s%s", what, *what && *one ? "; " : "", one);
        }
        return s || yes || !*what ? s : ask_for_yes(o, format, what);
}

enum status disk_guard_check(struct operation *o, bool format, bool yes, const char **warning_out)
{
        const bool own = owns_disks(o, format);
        struct vm_definition *all;
        struct vm_summary *summaries;
        size_t count;
        enum status s = compartments_list(o->arena, &all, &summaries, &count);

        *warning_out = "";
        if (!s)
                s = nobody_else(o, all, count, !own);
        if (!s && own)
                s = name_claimants(o, all, count, warning_out);
        return s ? s : check_content(o, all, count, format, yes);
}
