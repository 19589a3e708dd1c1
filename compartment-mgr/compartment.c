/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VM definitions and life cycle. Handlers of all requests come here; this file touches the state
 * files of the VMs. The lock is not held while a file is written, except by defining and
 * undefining, which must not overtake each other.
 */
#include "compartment-mgr/compartment.h"
#include "compartment-mgr/work.h"
#include "lib/channel.h"
#include "lib/component.h"
#include "lib/config.h"
#include "lib/report.h"
#include "lib/state_kinds.h"
#include "lib/state_record.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RESTART_LEAST = 20 * 1000 /* ms */ };

struct compartment {
        struct arena *arena;         /* of the definition */
        struct arena *refusal_arena; /* of definition.last_refusal, once it was set here */
        struct vm_definition definition;
        enum vm_state state;
        struct work *work;         /* the operation that is under way, or NULL */
        char *memory;              /* the path of its image, or NULL */
        struct arena *next_arena;  /* of next; NULL: none is staged */
        struct vm_definition next; /* what compartment_stage() was given */
        bool has_macs;             /* compartments_sign() has signed its files */
        bool restarted;            /* this run began by a restart */
        int64_t began;             /* when this run began, in ms */
};

/* A definition that cannot be read. */
struct damaged {
        struct uuid uuid;
        struct error why;
};

static struct {
        pthread_mutex_t lock;
        struct damaged *damaged;
        size_t damaged_count;
        struct compartment **vms;
        size_t count;
        uint64_t changes;
        int dir;
        bool simulated, in_doubt; /* in_doubt: compartments_doubt() */
        struct error doubt;       /* why */
        void (*released)(void);
        void (*changed)(const struct vm_definition *, enum vm_state, const char *);
} table = {.lock = PTHREAD_MUTEX_INITIALIZER, .dir = -1};

/* --- copies ------------------------------------------------------------------------------ */

static struct vm_definition copy_definition(struct arena *a, const struct vm_definition *d)
{
        struct vm_definition to = *d;

        to.name = arena_text(a, d->name);
        to.owner = principal_copy(a, &d->owner);
        to.last_refusal = arena_text(a, d->last_refusal);
        to.config.data = arena_copy(a, d->config.data, d->config.len);
        to.disks.items = arena_get_many(a, d->disks.count, sizeof *to.disks.items);
        for (size_t i = 0; i < d->disks.count; i++)
                to.disks.items[i] = (struct disk){
                        .device = arena_text(a, d->disks.items[i].device),
                        .path = arena_text(a, d->disks.items[i].path),
                        .writable = d->disks.items[i].writable,
                        .kind = arena_text(a, d->disks.items[i].kind),
                };
        return to;
}

static struct compartment *new_compartment(const struct vm_definition *d)
{
        struct compartment *c = memory_new(1, sizeof *c);

        c->arena = arena_new();
        c->definition = copy_definition(c->arena, d);
        return c;
}

static void free_compartment(struct compartment *c)
{
        arena_free(c->arena);
        arena_free(c->refusal_arena);
        arena_free(c->next_arena);
        free(c->memory);
        free(c);
}

static const char *describe(struct arena *a, const struct error *e)
{
        return arena_print(a, "%s%s%s%s%s%s", e->subject, e->subject[0] ? ": " : "",
                           status_sentence(e->status), e->found[0] ? " (found " : "", e->found,
                           e->found[0] ? ")" : "");
}

static struct vm_summary summarise(const struct compartment *c, struct arena *a)
{
        return (struct vm_summary){
                .uuid = c->definition.uuid,
                .name = arena_text(a, c->definition.name),
                .owner = principal_copy(a, &c->definition.owner),
                .state = c->state,
                .generation = c->definition.generation,
                .simulated = table.simulated,
                .autostart = c->definition.autostart,
                .last_refusal = arena_text(a, c->definition.last_refusal),
        };
}

/* --- the table --------------------------------------------------------------------------- */

static enum status write_definition(const struct vm_definition *d)
{
        char name[37];

        uuid_write(&d->uuid, name);
        return state_write_record(table.dir, name, &state_kind_vm, d);
}

static void add(struct compartment *c)
{
        table.vms = memory_grow(table.vms, table.count + 1, sizeof *table.vms);
        table.vms[table.count++] = c;
}

static struct compartment *find(const char *vm)
{
        struct uuid uuid;
        bool by_uuid = uuid_read(vm, &uuid);

        for (size_t i = 0; i < table.count; i++) {
                const struct vm_definition *d = &table.vms[i]->definition;

                if (by_uuid ? uuid_equal(&uuid, &d->uuid) : !strcmp(vm, d->name))
                        return table.vms[i];
        }
        return NULL;
}

/* The VM that has, or is to have, that name. */
static struct compartment *taken_by(const char *name)
{
        struct compartment *c = find(name);

        for (size_t i = 0; i < table.count && !c; i++)
                if (table.vms[i]->next_arena && !strcmp(table.vms[i]->next.name, name))
                        c = table.vms[i];
        return c;
}

static struct damaged *find_damaged(const struct uuid *uuid)
{
        for (size_t i = 0; i < table.damaged_count; i++)
                if (uuid_equal(&table.damaged[i].uuid, uuid))
                        return &table.damaged[i];
        return NULL;
}

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
        table.damaged = memory_grow(table.damaged, table.damaged_count + 1, sizeof *table.damaged);
        table.damaged[table.damaged_count++] =
                (struct damaged){.uuid = *uuid, .why = *error_last()};
}

static void forget_damaged(const struct uuid *uuid)
{
        struct damaged *d = find_damaged(uuid);

        if (d)
                *d = table.damaged[--table.damaged_count];
}

static enum status not_found(const char *vm)
{
        struct uuid uuid;
        struct error why = {0};

        pthread_mutex_lock(&table.lock);
        if (uuid_read(vm, &uuid) && find_damaged(&uuid))
                why = find_damaged(&uuid)->why;
        pthread_mutex_unlock(&table.lock);
        if (why.status) {
                error_keep(&why);
                return why.status;
        }
        return FAIL(ST_NOT_FOUND, .subject = FMT("VM %s", vm),
                    .remedy = "`bulkhead vm list` shows what is defined");
}

static const char *beside(const struct compartment *c, const char *what, char name[64]);
static char *copy_text(const char *text);

/* What is in doubt stays as it is. */
static __typeof__(state_read_record) *reader(void)
{
        return table.in_doubt ? state_read_record : state_renew_record;
}

static void keep_next(struct compartment *c, const struct vm_definition *d)
{
        arena_free(c->next_arena);
        c->next_arena = d ? arena_new() : NULL;
        if (d)
                c->next = copy_definition(c->next_arena, d);
}

static void load_next(struct compartment *c)
{
        struct arena *a = arena_new();
        struct vm_definition d;
        char name[64];
        enum status s = reader()(table.dir, beside(c, "next", name), &state_kind_vm_next, a, &d);

        if (!s && uuid_equal(&d.uuid, &c->definition.uuid))
                keep_next(c, &d);
        else if (s != ST_NOT_FOUND)
                report_error("reading the definition that a VM was to have next");
        arena_free(a);
}

/* If the file that names the memory image cannot be read, the VM starts as after a power cut. */
static void add_as_kept(const struct vm_definition *d, struct arena *a)
{
        struct compartment *c = new_compartment(d);
        struct memory_image m;
        char name[64];
        enum status s =
                reader()(table.dir, beside(c, "memory", name), &state_kind_vm_memory, a, &m);

        if (!s) {
                c->memory = copy_text(m.path);
                c->state = VM_HIBERNATING;
        } else if (s != ST_NOT_FOUND) {
                report_error("reading where the memory of a VM is, which then starts afresh");
        }
        load_next(c);
        add(c);
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
        for (size_t i = 0; table.in_doubt && i < table.count; i++)
                free_compartment(table.vms[i]);
        if (table.in_doubt)
                table.count = 0;
        table.damaged_count = 0;
        table.changes++;
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

                if (!uuid_read(names[i], &uuid) || find(names[i]))
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
        table.dir = dir;
        table.simulated = simulated;
        table.changed = changed;
}

enum status compartments_read(void)
{
        enum status s;

        pthread_mutex_lock(&table.lock);
        drop_unbelieved();
        table.in_doubt = false;
        s = read_all(table.dir);
        pthread_mutex_unlock(&table.lock);
        return s;
}

enum status compartments_open(int dir, bool simulated,
                              void (*changed)(const struct vm_definition *, enum vm_state,
                                              const char *))
{
        compartments_set_up(dir, simulated, changed);
        return compartments_read();
}

/* --- in doubt ---------------------------------------------------------------------------- */

/* Nobody vouches for names and owners either, so only an admin sees them. */
static void doubt_one(struct compartment *c, struct arena *a)
{
        c->state = VM_UNKNOWN;
        c->definition.owner = principal_nobody;
        arena_free(c->refusal_arena);
        c->refusal_arena = a;
        c->definition.last_refusal = describe(a, &table.doubt);
}

void compartments_doubt(const struct error *why)
{
        static const uint8_t no_key[STATE_KEY_SIZE];

        pthread_mutex_lock(&table.lock);
        table.doubt = *why;
        if (!table.in_doubt) {
                state_use_key(table.dir, no_key, true); /* to read; nothing is written */
                table.in_doubt = true;
                drop_unbelieved();
                if (read_all(table.dir))
                        report_error("reading definitions that are in doubt");
                for (size_t i = 0; i < table.count; i++)
                        doubt_one(table.vms[i], arena_new());
                state_forget_keys();
        }
        pthread_mutex_unlock(&table.lock);
        error_keep(&table.doubt);
}

/* A file that cannot be read says nothing, with a MAC or without. */
static enum status sign_domain(const struct compartment *c, struct arena *a)
{
        struct bytes domain;
        char name[64];
        enum status s = state_read_record(table.dir, beside(c, "domain", name),
                                          &state_kind_vm_domain, a, &domain);

        if (!s)
                return state_write(table.dir, name, &state_kind_vm_domain, domain);
        if (s == ST_DAMAGED) {
                report_error("reading which domain ran a VM; that file goes");
                s = state_remove(table.dir, name);
        }
        return s == ST_NOT_FOUND ? ST_DONE : s;
}

static enum status sign_one(struct compartment *c, struct arena *a)
{
        struct memory_image m = {.path = c->memory};
        char name[64];
        enum status s = write_definition(&c->definition);

        if (!s && c->memory)
                s = state_write_record(table.dir, beside(c, "memory", name), &state_kind_vm_memory,
                                       &m);
        if (!s && c->next_arena)
                s = state_write_record(table.dir, beside(c, "next", name), &state_kind_vm_next,
                                       &c->next);
        if (!s)
                s = sign_domain(c, a);
        c->has_macs = !s;
        return s;
}

static bool has_macs(const char *uuid)
{
        const struct compartment *c;
        bool has;

        pthread_mutex_lock(&table.lock);
        c = find(uuid);
        has = !c || c->has_macs; /* what was undefined has no files */
        pthread_mutex_unlock(&table.lock);
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

size_t compartments_count(size_t *running_out)
{
        size_t count;

        *running_out = 0;
        pthread_mutex_lock(&table.lock);
        for (size_t i = 0; i < table.count; i++)
                *running_out += table.vms[i]->state == VM_RUNNING;
        count = table.count;
        pthread_mutex_unlock(&table.lock);
        return count;
}

uint64_t compartments_changes(void)
{
        uint64_t changes;

        pthread_mutex_lock(&table.lock);
        changes = table.changes;
        pthread_mutex_unlock(&table.lock);
        return changes;
}

void compartments_on_release(void (*released)(void))
{
        table.released = released;
}

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

/* The cause is that of the daemon that could not tell: an unapproved state, a TPM that is gone. */
static enum status refuse_in_doubt(void)
{
        error_keep(&table.doubt);
        return table.doubt.status;
}

static enum status define_locked(const struct vm_definition *d, struct arena *a,
                                 struct vm_summary *summary_out)
{
        char uuid[37];
        struct compartment *c;
        enum status s;

        if (table.in_doubt)
                return refuse_in_doubt();
        uuid_write(&d->uuid, uuid);
        if (taken_by(d->name) || find(uuid))
                return refuse_second(taken_by(d->name) ? taken_by(d->name) : find(uuid));
        if (table.count >= VMS_MOST)
                return FAIL(ST_TOO_LARGE, .subject = "VMs",
                            .expected = FMT("at most %d", VMS_MOST));
        s = write_definition(d);
        if (s)
                return s;
        c = new_compartment(d);
        add(c);
        forget_damaged(&d->uuid);
        table.changes++;
        *summary_out = summarise(c, a);
        return ST_DONE;
}

enum status compartment_define(const struct vm_definition *d, struct arena *a,
                               struct vm_summary *summary_out)
{
        enum status s;

        pthread_mutex_lock(&table.lock);
        s = define_locked(d, a, summary_out);
        pthread_mutex_unlock(&table.lock);
        return s;
}

enum status compartment_find(const char *vm, struct arena *a, struct vm_definition *d_out,
                             struct vm_summary *summary_out)
{
        struct compartment *c;

        pthread_mutex_lock(&table.lock);
        c = find(vm);
        if (c) {
                *d_out = copy_definition(a, &c->definition);
                *summary_out = summarise(c, a);
        }
        pthread_mutex_unlock(&table.lock);
        return c ? ST_DONE : not_found(vm);
}

enum status compartments_list(struct arena *a, struct vm_definition **definitions_out,
                              struct vm_summary **summaries_out, size_t *count_out)
{
        pthread_mutex_lock(&table.lock);
        *count_out = table.count;
        *definitions_out = arena_get_many(a, table.count, sizeof **definitions_out);
        *summaries_out = arena_get_many(a, table.count, sizeof **summaries_out);
        for (size_t i = 0; i < table.count; i++) {
                (*definitions_out)[i] = copy_definition(a, &table.vms[i]->definition);
                (*summaries_out)[i] = summarise(table.vms[i], a);
        }
        pthread_mutex_unlock(&table.lock);
        return ST_DONE;
}

void compartments_damaged(struct arena *a, struct vm_summary **summaries_out, size_t *count_out)
{
        struct vm_summary *to;

        pthread_mutex_lock(&table.lock);
        *count_out = table.damaged_count;
        *summaries_out = to = arena_get_many(a, table.damaged_count, sizeof *to);
        for (size_t i = 0; i < table.damaged_count; i++) {
                const struct damaged *d = &table.damaged[i];
                char *name = arena_get(a, 37);

                uuid_write(&d->uuid, name);
                to[i] = (struct vm_summary){.uuid = d->uuid,
                                            .name = name,
                                            .owner = principal_nobody,
                                            .state = VM_DAMAGED,
                                            .last_refusal = describe(a, &d->why)};
        }
        pthread_mutex_unlock(&table.lock);
}

bool compartment_owns_path(const char *path, const struct principal *owner)
{
        bool owns = false;

        pthread_mutex_lock(&table.lock);
        for (size_t i = 0; i < table.count; i++) {
                const struct vm_definition *d = &table.vms[i]->definition;

                for (size_t j = 0; principal_is(&d->owner, owner) && j < d->disks.count; j++)
                        owns |= !strcmp(path, d->disks.items[j].path);
        }
        pthread_mutex_unlock(&table.lock);
        return owns;
}

/* Of two components that have that disk: what has them both. */
static const char *disk_of(const struct vm_definition *d, const struct disk *disk, struct arena *a,
                           const char *other)
{
        char vm[COMPONENT_VM];
        const char *id;

        if (other || component_child(a, component_vm(&d->uuid, vm), disk->device, &id))
                return COMPONENT_VMS;
        return id;
}

const char *compartment_disk_at(const char *path, struct arena *a)
{
        const char *found = NULL;

        pthread_mutex_lock(&table.lock);
        for (size_t i = 0; i < table.count; i++) {
                const struct vm_definition *d = &table.vms[i]->definition;

                for (size_t j = 0; j < d->disks.count; j++)
                        if (!strcmp(path, d->disks.items[j].path))
                                found = disk_of(d, &d->disks.items[j], a, found);
        }
        pthread_mutex_unlock(&table.lock);
        return found;
}

bool compartment_owned_by(const char *vm, const struct principal *owner)
{
        struct compartment *c;
        bool owned;

        pthread_mutex_lock(&table.lock);
        c = find(vm);
        owned = c && principal_is(&c->definition.owner, owner);
        pthread_mutex_unlock(&table.lock);
        return owned;
}

/* --- one operation at a time ------------------------------------------------------------- */

enum status compartment_claim(const char *vm, const char *operation, const struct principal *asker,
                              struct compartment **c_out)
{
        char who[PRINCIPAL_TEXT_SIZE];
        const char *busy = NULL;
        struct compartment *c;
        enum status in_doubt;
        int64_t since = 0;

        pthread_mutex_lock(&table.lock);
        c = find(vm);
        if (c && c->work) {
                busy = work_operation(c->work);
                since = work_since(c->work);
                principal_write(work_asker(c->work), who);
        } else if (c && !table.in_doubt) {
                c->work = work_begin(operation, c->definition.name, asker, &c->definition.owner);
        }
        in_doubt = c && table.in_doubt ? refuse_in_doubt() : ST_DONE;
        pthread_mutex_unlock(&table.lock);
        *c_out = NULL;
        if (in_doubt)
                return in_doubt;
        if (!c)
                return not_found(vm);
        if (busy)
                return FAIL(ST_BUSY, .subject = FMT("VM %s", vm),
                            .found = FMT("%s is under way, for %s, since %lld s", busy, who,
                                         (long long)(deadline_in(0) - since) / 1000),
                            .remedy = FMT("wait for it: bulkhead vm show %s", vm));
        *c_out = c;
        return ST_DONE;
}

void compartment_release(struct compartment *c)
{
        if (!c)
                return;
        pthread_mutex_lock(&table.lock);
        work_end(c->work);
        c->work = NULL;
        pthread_mutex_unlock(&table.lock);
        if (table.released)
                table.released();
}

const struct principal *compartment_asker(const struct compartment *c)
{
        return work_asker(c->work);
}

enum status compartment_allow_cancel(struct compartment *c)
{
        return work_allow(c->work);
}

enum status compartment_commit(struct compartment *c)
{
        return work_commit(c->work);
}

void compartment_committed(struct compartment *c)
{
        work_committed(c->work);
}

const struct vm_definition *compartment_definition(const struct compartment *c)
{
        return &c->definition;
}

enum vm_state compartment_state(const struct compartment *c)
{
        return c->state;
}

enum status compartment_must_be(const struct compartment *c, enum vm_state state,
                                const char *remedy)
{
        if (c->state == state)
                return ST_DONE;
        return FAIL(ST_WRONG_STATE, .subject = FMT("VM %s", c->definition.name),
                    .expected = vm_state_word(state), .found = vm_state_word(c->state),
                    .remedy = remedy);
}

void compartment_set_state(struct compartment *c, enum vm_state state, const char *why)
{
        bool changes;

        pthread_mutex_lock(&table.lock);
        changes = c->state != state;
        c->state = state;
        table.changes += changes;
        pthread_mutex_unlock(&table.lock);
        if (changes && table.changed)
                table.changed(&c->definition, state, why);
}

enum status compartment_set_generation(struct compartment *c, uint64_t generation)
{
        struct vm_definition d = c->definition;
        enum status s;

        if (d.generation == generation)
                return ST_DONE;
        d.generation = generation;
        s = write_definition(&d);
        if (s)
                return s; /* the next call writes it */
        pthread_mutex_lock(&table.lock);
        c->definition.generation = generation;
        pthread_mutex_unlock(&table.lock);
        return ST_DONE;
}

enum status compartment_set_autostart(struct compartment *c, bool on)
{
        struct vm_definition d = c->definition;
        enum status s;

        d.autostart = on;
        s = write_definition(&d);
        if (s)
                return s;
        pthread_mutex_lock(&table.lock);
        c->definition.autostart = on;
        pthread_mutex_unlock(&table.lock);
        return ST_DONE;
}

/* --- what is kept beside the definition ------------------------------------------------------- */

static const char *beside(const struct compartment *c, const char *what, char name[64])
{
        char uuid[37];

        uuid_write(&c->definition.uuid, uuid);
        snprintf(name, 64, "%s-%s", what, uuid);
        return name;
}

static char *copy_text(const char *text)
{
        return memcpy(memory_new(strlen(text) + 1, 1), text, strlen(text) + 1);
}

enum status compartment_set_memory(struct compartment *c, const char *path)
{
        const struct memory_image m = {.path = path};
        char name[64], *old = c->memory;
        enum status s;

        beside(c, "memory", name);
        s = *path ? state_write_record(table.dir, name, &state_kind_vm_memory, &m)
                  : state_remove(table.dir, name);
        if (s)
                return s;
        c->memory = *path ? copy_text(path) : NULL;
        free(old);
        return ST_DONE;
}

const char *compartment_memory(const struct compartment *c)
{
        return c->memory ? c->memory : "";
}

enum vm_state compartment_at_rest(const struct compartment *c)
{
        return c->memory ? VM_HIBERNATING : VM_STOPPED;
}

enum status compartment_set_domain(struct compartment *c, uint32_t domid)
{
        char name[64], text[WORD_MOST + 16];

        if (!domid)
                return state_remove(table.dir, beside(c, "domain", name));
        snprintf(text, sizeof text, "%s %u", state_boot_id(), domid);
        return state_write(table.dir, beside(c, "domain", name), &state_kind_vm_domain,
                           (struct bytes){(const uint8_t *)text, strlen(text)});
}

uint32_t compartment_domain(const struct compartment *c)
{
        struct arena *a = arena_new();
        const char *boot = state_boot_id(), *text;
        struct bytes content;
        char name[64];
        uint32_t domid = 0;

        if (*boot && !state_read_record(table.dir, beside(c, "domain", name), &state_kind_vm_domain,
                                        a, &content)) {
                text = arena_print(a, "%.*s", (int)content.len, (const char *)content.data);
                if (!strncmp(text, boot, strlen(boot)) && text[strlen(boot)] == ' ')
                        domid = (uint32_t)strtoul(text + strlen(boot) + 1, NULL, 10);
        }
        arena_free(a);
        return domid;
}

void compartment_began(struct compartment *c, bool restarted, int64_t now_ms)
{
        c->restarted = restarted;
        c->began = now_ms;
}

bool compartment_restarts_too_fast(const struct compartment *c, int64_t now_ms)
{
        return c->restarted && now_ms - c->began < RESTART_LEAST;
}

enum status compartment_set_refusal(struct compartment *c, enum status s)
{
        struct error e = *error_last();
        struct arena *a = arena_new(), *old;

        if (s == ST_CANCELLED || (!s && !c->definition.last_refusal[0])) {
                arena_free(a);
                return s; /* whoever cancelled it was not refused */
        }
        pthread_mutex_lock(&table.lock);
        c->definition.last_refusal = s ? describe(a, &e) : "";
        old = c->refusal_arena;
        c->refusal_arena = a;
        pthread_mutex_unlock(&table.lock);
        arena_free(old);
        if (write_definition(&c->definition))
                report_error("keeping the last refusal of a VM");
        if (s)
                error_keep(&e);
        return s;
}

void compartment_summary(const struct compartment *c, struct arena *a,
                         struct vm_summary *summary_out)
{
        pthread_mutex_lock(&table.lock);
        *summary_out = summarise(c, a);
        pthread_mutex_unlock(&table.lock);
}

/* Within the lock. The present definition goes, and with it whatever points into it. */
static void take_definition(struct compartment *c, const struct vm_definition *d)
{
        struct arena *a = arena_new(), *old = c->arena;

        c->definition = copy_definition(a, d);
        c->arena = a;
        arena_free(c->refusal_arena);
        c->refusal_arena = NULL;
        arena_free(old);
        table.changes++;
}

static enum status name_free(const struct compartment *c, const char *name)
{
        const struct compartment *other = taken_by(name);

        if (!other || other == c)
                return ST_DONE;
        return FAIL(ST_EXISTS, .subject = FMT("VM %s", name), .found = "another VM",
                    .remedy = "give it another name");
}

enum status compartment_replace(struct compartment *c, const struct vm_definition *d)
{
        enum status s;

        pthread_mutex_lock(&table.lock);
        s = name_free(c, d->name);
        if (!s)
                s = write_definition(d);
        if (!s)
                take_definition(c, d);
        pthread_mutex_unlock(&table.lock);
        return s;
}

enum status compartment_stage(struct compartment *c, const struct vm_definition *d)
{
        char name[64];
        enum status s;

        pthread_mutex_lock(&table.lock);
        s = name_free(c, d->name);
        if (!s)
                s = state_write_record(table.dir, beside(c, "next", name), &state_kind_vm_next, d);
        if (!s)
                keep_next(c, d);
        pthread_mutex_unlock(&table.lock);
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
                s = write_definition(&c->next);
                if (!s)
                        take_definition(c, &c->next);
        } else if (c->next.generation == present->generation) {
                report_warning("VM %s: a definition was staged for its seal that the seal is not "
                               "for: dropped",
                               c->definition.name);
        }
        if (!s)
                s = state_remove(table.dir, beside(c, "next", name));
        if (!s)
                keep_next(c, NULL);
        return s;
}

enum status compartment_settle(struct compartment *c, const struct im_sealed_rep *present)
{
        enum status s = ST_DONE;

        if (c->next_arena && !nobody_knows(c, present)) {
                pthread_mutex_lock(&table.lock);
                s = settle_locked(c, present);
                pthread_mutex_unlock(&table.lock);
        }
        return s ? s : compartment_set_generation(c, present->generation);
}

enum status compartment_undefine(struct compartment *c)
{
        char name[37], next[64];
        enum status s;

        uuid_write(&c->definition.uuid, name);
        pthread_mutex_lock(&table.lock);
        s = state_remove(table.dir, beside(c, "next", next)); /* or a new VM of its UUID got it */
        if (!s)
                s = state_remove(table.dir, name);
        work_end(c->work);
        c->work = NULL;
        table.changes++;
        for (size_t i = 0; i < table.count && !s; i++)
                if (table.vms[i] == c) {
                        table.vms[i] = table.vms[--table.count];
                        break;
                }
        pthread_mutex_unlock(&table.lock);
        if (!s)
                free_compartment(c);
        return s;
}
