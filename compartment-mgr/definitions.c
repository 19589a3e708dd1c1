/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is defined: new definitions, staged ones and their end (compartment.h). The lock is held
 * while these files are written: defining and undefining must not overtake each other.
 */
#include "compartment-mgr/vm_table.h"
#include "compartment-mgr/work.h"
#include "lib/report.h"
#include "lib/state_kinds.h"
#include "lib/state_record.h"

#include <string.h>

/* --- defining -------------------------------------------------------------------------------- */

/* To undefine a sealed VM may be to lose the last key of its disks. */
static enum status refuse_second(const struct compartment *c)
{
        const char *name = c->definition.name;

        return FAIL(ST_EXISTS, .subject = FMT("VM %s", name),
                    .found = c->definition.generation ? "a VM that is sealed"
                                                      : "a VM that was never sealed",
                    .remedy = c->definition.generation
                                      ? FMT("give the new one another name and UUID; bulkhead vm "
                                            "show %s has what is defined, and bulkhead vm define "
                                            "--replace=%s changes it",
                                            name, name)
                                      : FMT("bulkhead vm undefine %s", name));
}

static enum status define_locked(const struct vm_definition *d, struct arena *a,
                                 struct vm_summary *summary_out)
{
        char uuid[37];
        struct compartment *c;
        enum status s;

        if (vm_table.in_doubt)
                return vm_table_refuse();
        uuid_write(&d->uuid, uuid);
        if (vm_table_taken_by(d->name) || vm_table_find(uuid))
                return refuse_second(vm_table_taken_by(d->name) ? vm_table_taken_by(d->name)
                                                                : vm_table_find(uuid));
        if (vm_table.count >= VMS_MOST)
                return FAIL(ST_TOO_LARGE, .subject = "VMs",
                            .expected = FMT("at most %d", VMS_MOST));
        s = vm_table_write(d);
        if (s)
                return s;
        c = compartment_new(d);
        vm_table_add(c);
        vm_table_forget_damaged(&d->uuid);
        vm_table.changes++;
        *summary_out = vm_table_summary(c, a);
        return ST_DONE;
}

enum status compartment_define(const struct vm_definition *d, struct arena *a,
                               struct vm_summary *summary_out)
{
        enum status s;

        pthread_mutex_lock(&vm_table.lock);
        s = define_locked(d, a, summary_out);
        pthread_mutex_unlock(&vm_table.lock);
        return s;
}

/* --- replacing ------------------------------------------------------------------------------- */

/* Within the lock. The present definition goes, and with it whatever points into it. */
static void take_definition(struct compartment *c, const struct vm_definition *d)
{
        struct arena *a = arena_new(), *old = c->arena;

        c->definition = vm_table_copy(a, d);
        c->arena = a;
        arena_free(c->refusal_arena);
        c->refusal_arena = NULL;
        arena_free(old);
        vm_table.changes++;
}

static enum status name_free(const struct compartment *c, const char *name)
{
        const struct compartment *other = vm_table_taken_by(name);

        if (!other || other == c)
                return ST_DONE;
        return FAIL(ST_EXISTS, .subject = FMT("VM %s", name), .found = "another VM",
                    .remedy = "give it another name");
}

enum status compartment_replace(struct compartment *c, const struct vm_definition *d)
{
        enum status s;

        pthread_mutex_lock(&vm_table.lock);
        s = name_free(c, d->name);
        if (!s)
                s = vm_table_write(d);
        if (!s)
                take_definition(c, d);
        pthread_mutex_unlock(&vm_table.lock);
        return s;
}

enum status compartment_stage(struct compartment *c, const struct vm_definition *d)
{
        char name[64];
        enum status s;

        pthread_mutex_lock(&vm_table.lock);
        s = name_free(c, d->name);
        if (!s)
                s = state_write_record(vm_table.dir, vm_table_beside(c, "next", name),
                                       &state_kind_vm_next, d);
        if (!s)
                vm_table_keep_next(c, d);
        pthread_mutex_unlock(&vm_table.lock);
        return s;
}

/* Whether the staged definition is the one that was sealed, and not one of a seal that failed, put
 * back later under a generation that counts. */
static bool is_next(const struct compartment *c, const struct im_sealed_rep *present)
{
        struct digest found;

        if (!c->next_arena || c->next.generation != present->generation)
                return false;
        found = digest_of(HASH_SHA256, c->next.config.data, c->next.config.len);
        return digest_equal(&found, &present->config) &&
               principal_is(&c->next.owner, &present->owner);
}

/* The record that says what was sealed cannot be read now. */
static bool nobody_knows(const struct compartment *c, const struct im_sealed_rep *present)
{
        return c->next.generation == present->generation && present->config.alg == HASH_NONE;
}

const struct disk_list *compartment_disks(const struct compartment *c,
                                          const struct im_sealed_rep *present)
{
        return is_next(c, present) ? &c->next.disks : &c->definition.disks;
}

/* Once the definition is written, a second time would write the same. */
static enum status settle_locked(struct compartment *c, const struct im_sealed_rep *present)
{
        enum status s = ST_DONE;
        char name[64];

        if (is_next(c, present)) {
                c->next.autostart = c->definition.autostart;
                s = vm_table_write(&c->next);
                if (!s)
                        take_definition(c, &c->next);
        } else if (c->next.generation == present->generation) {
                report_warning("VM %s: a definition was staged for its seal that the seal is not "
                               "for: dropped",
                               c->definition.name);
        }
        if (!s)
                s = state_remove(vm_table.dir, vm_table_beside(c, "next", name));
        if (!s)
                vm_table_keep_next(c, NULL);
        return s;
}

enum status compartment_settle(struct compartment *c, const struct im_sealed_rep *present)
{
        enum status s = ST_DONE;

        if (c->next_arena && !nobody_knows(c, present)) {
                pthread_mutex_lock(&vm_table.lock);
                s = settle_locked(c, present);
                pthread_mutex_unlock(&vm_table.lock);
        }
        return s ? s : compartment_set_generation(c, present->generation);
}

enum status compartment_undefine(struct compartment *c)
{
        char name[37], next[64];
        enum status s;

        uuid_write(&c->definition.uuid, name);
        pthread_mutex_lock(&vm_table.lock);
        s = state_remove(vm_table.dir,
                         vm_table_beside(c, "next", next)); /* or a new VM of its UUID got it */
        if (!s)
                s = state_remove(vm_table.dir, name);
        work_end(c->work);
        c->work = NULL;
        vm_table.changes++;
        for (size_t i = 0; i < vm_table.count && !s; i++)
                if (vm_table.vms[i] == c) {
                        vm_table.vms[i] = vm_table.vms[--vm_table.count];
                        break;
                }
        pthread_mutex_unlock(&vm_table.lock);
        if (!s)
                compartment_free(c);
        return s;
}
