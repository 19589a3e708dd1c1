/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of VMs: read, in doubt while nobody vouches for them, signed (compartment.h).
 */
#include "compartment-mgr/vm_table.h"
#include "lib/report.h"
#include "lib/state_kinds.h"
#include "lib/state_record.h"

#include <stdio.h>
#include <string.h>

/* --- reading --------------------------------------------------------------------------------- */

/* It stays in the list until its VM is defined again; the others go on. */
static void note_damaged(const struct uuid *uuid)
{
        char path[CONFIG_PATH], folder[CONFIG_PATH], text[37];

        uuid_write(uuid, text);
        config_path(folder, config.state, "compartment-mgr");
        snprintf(path, sizeof path, "%.400s/vms/%s", folder, text);
        FAIL(ST_DAMAGED, .subject = path, .expected = "the definition of a VM",
             .found = FMT("%s: %.150s", error_last()->subject, error_last()->found),
             .remedy = FMT("put that file back from a backup, and start compartment-mgr anew; or "
                           "define the VM from its xl.cfg with uuid = \"%s\" and the MAC addresses "
                           "that it had: its seal opens if nothing else differs",
                           text));
        report_error("reading a VM's definition, which is damaged");
        vm_table.damaged =
                memory_grow(vm_table.damaged, vm_table.damaged_count + 1, sizeof *vm_table.damaged);
        vm_table.damaged[vm_table.damaged_count++] =
                (struct damaged){.uuid = *uuid, .why = *error_last()};
}

/* What is in doubt stays as it is. */
static __typeof__(state_read_record) *reader(void)
{
        return vm_table.in_doubt ? state_read_record : state_renew_record;
}

static void load_next(struct compartment *c)
{
        struct arena *a = arena_new();
        struct vm_definition d;
        char name[64];
        enum status s = reader()(vm_table.dir, vm_table_beside(c, "next", name),
                                 &state_kind_vm_next, a, &d);

        if (!s && uuid_equal(&d.uuid, &c->definition.uuid))
                vm_table_keep_next(c, &d);
        else if (s != ST_NOT_FOUND)
                report_error("reading the definition that a VM was to have next");
        arena_free(a);
}

/* If the file that names the memory image cannot be read, the VM starts as after a power cut. */
static void add_as_kept(const struct vm_definition *d, struct arena *a)
{
        struct compartment *c = compartment_new(d);
        struct memory_image m;
        char name[64];
        enum status s = reader()(vm_table.dir, vm_table_beside(c, "memory", name),
                                 &state_kind_vm_memory, a, &m);

        if (!s) {
                c->memory = memory_text(m.path);
                c->state = VM_HIBERNATING;
        } else if (s != ST_NOT_FOUND) {
                report_error("reading where the memory of a VM is, which then starts afresh");
        }
        load_next(c);
        vm_table_add(c);
}

static enum status read_definition(int dir, const char *name, const struct uuid *uuid,
                                   struct arena *a, struct vm_definition *d_out)
{
        enum status s = reader()(dir, name, &state_kind_vm, a, d_out);

        if (!s)
                s = principal_needed(&d_out->owner, "the owner of a VM");
        if (!s && !uuid_equal(&d_out->uuid, uuid))
                s = FAIL(ST_DAMAGED, .subject = name, .expected = "the definition of that VM",
                         .found = "the definition of another VM");
        return s;
}

/* Only what no operation can have claimed. */
static void drop_unbelieved(void)
{
        for (size_t i = 0; vm_table.in_doubt && i < vm_table.count; i++)
                compartment_free(vm_table.vms[i]);
        if (vm_table.in_doubt)
                vm_table.count = 0;
        vm_table.damaged_count = 0;
        vm_table.changes++;
}

/* Called with the lock. */
static enum status read_all(int dir)
{
        struct arena *a = arena_new();
        const char **names;
        size_t count = 0;
        enum status s = state_kinds_check(dir);

        if (!s)
                s = state_list(dir, a, &names, &count);
        for (size_t i = 0; i < count && !s; i++) {
                struct vm_definition d;
                struct uuid uuid;

                if (!uuid_read(names[i], &uuid) || vm_table_find(names[i]))
                        continue;
                if (read_definition(dir, names[i], &uuid, a, &d))
                        note_damaged(&uuid);
                else
                        add_as_kept(&d, a);
        }
        arena_free(a);
        return s;
}

void compartments_set_up(int dir, bool simulated,
                         void (*changed)(const struct vm_definition *, enum vm_state, const char *))
{
        vm_table.dir = dir;
        vm_table.simulated = simulated;
        vm_table.changed = changed;
}

enum status compartments_read(void)
{
        enum status s;

        pthread_mutex_lock(&vm_table.lock);
        drop_unbelieved();
        vm_table.in_doubt = false;
        s = read_all(vm_table.dir);
        pthread_mutex_unlock(&vm_table.lock);
        return s;
}

enum status compartments_open(int dir, bool simulated,
                              void (*changed)(const struct vm_definition *, enum vm_state,
                                              const char *))
{
        compartments_set_up(dir, simulated, changed);
        return compartments_read();
}

/* --- in doubt -------------------------------------------------------------------------------- */

/* Nobody vouches for names and owners either, so only an admin sees them. */
static void doubt_one(struct compartment *c, struct arena *a)
{
        c->state = VM_UNKNOWN;
        c->definition.owner = principal_nobody;
        arena_free(c->refusal_arena);
        c->refusal_arena = a;
        c->definition.last_refusal = vm_table_describe(a, &vm_table.doubt);
}

void compartments_doubt(const struct error *why)
{
        static const uint8_t no_key[STATE_KEY_SIZE];

        pthread_mutex_lock(&vm_table.lock);
        vm_table.doubt = *why;
        if (!vm_table.in_doubt) {
                state_use_key(vm_table.dir, no_key, true); /* to read; nothing is written */
                vm_table.in_doubt = true;
                drop_unbelieved();
                if (read_all(vm_table.dir))
                        report_error("reading definitions that are in doubt");
                for (size_t i = 0; i < vm_table.count; i++)
                        doubt_one(vm_table.vms[i], arena_new());
                state_forget_keys();
        }
        pthread_mutex_unlock(&vm_table.lock);
        error_keep(&vm_table.doubt);
}

/* --- signing --------------------------------------------------------------------------------- */

/* A file that cannot be read says nothing, with a MAC or without. */
static enum status sign_domain(const struct compartment *c, struct arena *a)
{
        struct bytes domain;
        char name[64];
        enum status s = state_read_record(vm_table.dir, vm_table_beside(c, "domain", name),
                                          &state_kind_vm_domain, a, &domain);

        if (!s)
                return state_write(vm_table.dir, name, &state_kind_vm_domain, domain);
        if (s == ST_DAMAGED) {
                report_error("reading which domain ran a VM; that file goes");
                s = state_remove(vm_table.dir, name);
        }
        return s == ST_NOT_FOUND ? ST_DONE : s;
}

static enum status sign_one(struct compartment *c, struct arena *a)
{
        struct memory_image m = {.path = c->memory};
        char name[64];
        enum status s = vm_table_write(&c->definition);

        if (!s && c->memory)
                s = state_write_record(vm_table.dir, vm_table_beside(c, "memory", name),
                                       &state_kind_vm_memory, &m);
        if (!s && c->next_arena)
                s = state_write_record(vm_table.dir, vm_table_beside(c, "next", name),
                                       &state_kind_vm_next, &c->next);
        if (!s)
                s = sign_domain(c, a);
        c->has_macs = !s;
        return s;
}

static bool has_macs(const char *uuid)
{
        const struct compartment *c;
        bool has;

        pthread_mutex_lock(&vm_table.lock);
        c = vm_table_find(uuid);
        has = !c || c->has_macs; /* what was undefined has no files */
        pthread_mutex_unlock(&vm_table.lock);
        return has;
}

static enum status sign_claimed(const char *uuid, struct arena *a)
{
        struct compartment *c;
        enum status s;

        if (has_macs(uuid))
                return ST_DONE;
        s = compartment_claim(uuid, "signing its state", &principal_self, &c);
        if (!s)
                s = sign_one(c, a);
        compartment_release(c);
        return s == ST_NOT_FOUND ? ST_DONE : s;
}

enum status compartments_sign(void)
{
        struct arena *a = arena_new();
        struct vm_definition *definitions;
        struct vm_summary *summaries;
        size_t count;
        enum status first = ST_DONE, s;
        struct error why = {0};

        compartments_list(a, &definitions, &summaries, &count);
        for (size_t i = 0; i < count; i++) {
                s = sign_claimed(UUID_TEXT(&definitions[i].uuid), a);
                if (s && !first)
                        why = *error_last();
                first = first ? first : s;
        }
        if (first)
                error_keep(&why);
        arena_free(a);
        return first;
}
