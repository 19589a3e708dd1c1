/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims and life cycle of VMs. Handlers of all requests come here. The lock is not held while a
 * file is written here: only the operation that has claimed a VM writes what is kept of it.
 */
#include "compartment-mgr/vm_table.h"
#include "compartment-mgr/work.h"
#include "lib/channel.h"
#include "lib/report.h"
#include "lib/state_kinds.h"
#include "lib/state_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RESTART_LEAST = 20 * 1000 /* ms */, SELF_MOST = 20 * 1000 };

/* --- one operation at a time ----------------------------------------------------------------- */

/* What this daemon does unasked, as after a restart, is soon over, and no reason to refuse whoever
 * asks meanwhile. While the hypervisor does not answer it is not soon over. Within the lock. */
static struct compartment *find_free(const char *vm, const struct principal *asker)
{
        const struct timespec until = deadline_point(deadline_in(SELF_MOST));
        struct compartment *c = vm_table_find(vm);

        if (asker->kind == PRINCIPAL_SELF)
                return c;
        while (c && c->work && work_asker(c->work)->kind == PRINCIPAL_SELF &&
               c->state != VM_UNKNOWN &&
               !pthread_cond_clockwait(&vm_table.freed, &vm_table.lock, CLOCK_MONOTONIC, &until))
                c = vm_table_find(vm);
        return c;
}

enum status compartment_claim(const char *vm, const char *operation, const struct principal *asker,
                              struct compartment **c_out)
{
        char who[PRINCIPAL_TEXT_SIZE];
        const char *busy = NULL;
        struct compartment *c;
        enum status in_doubt;
        unsigned long long number = 0;
        int64_t since = 0;

        pthread_mutex_lock(&vm_table.lock);
        c = find_free(vm, asker);
        if (c && c->work) {
                busy = work_operation(c->work);
                since = work_since(c->work);
                number = work_number(c->work);
                principal_write(work_asker(c->work), who);
        } else if (c && !vm_table.in_doubt) {
                c->work = work_begin(operation, c->definition.name, asker, &c->definition.owner);
        }
        in_doubt = c && vm_table.in_doubt ? vm_table_refuse() : ST_DONE;
        pthread_mutex_unlock(&vm_table.lock);
        *c_out = NULL;
        if (in_doubt)
                return in_doubt;
        if (!c)
                return vm_table_not_found(vm);
        if (busy)
                return FAIL(ST_BUSY, .subject = FMT("VM %s", vm),
                            .found = FMT("%s is under way, for %s, since %lld s", busy, who,
                                         (long long)(deadline_in(0) - since) / 1000),
                            .remedy = FMT("wait until bulkhead jobs no longer lists it, or end it: "
                                          "bulkhead cancel %llu",
                                          number));
        *c_out = c;
        return ST_DONE;
}

void compartment_release(struct compartment *c)
{
        if (!c)
                return;
        pthread_mutex_lock(&vm_table.lock);
        work_end(c->work);
        c->work = NULL;
        pthread_cond_broadcast(&vm_table.freed);
        pthread_mutex_unlock(&vm_table.lock);
        if (vm_table.released)
                vm_table.released();
}

void compartments_on_release(void (*released)(void))
{
        vm_table.released = released;
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

/* --- state ----------------------------------------------------------------------------------- */

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

        pthread_mutex_lock(&vm_table.lock);
        changes = c->state != state;
        c->state = state;
        vm_table.changes += changes;
        pthread_mutex_unlock(&vm_table.lock);
        if (changes && vm_table.changed)
                vm_table.changed(&c->definition, state, why);
}

enum status compartment_set_generation(struct compartment *c, uint64_t generation)
{
        struct vm_definition d = c->definition;
        enum status s;

        if (d.generation == generation)
                return ST_DONE;
        d.generation = generation;
        s = vm_table_write(&d);
        if (s)
                return s; /* the next call writes it */
        pthread_mutex_lock(&vm_table.lock);
        c->definition.generation = generation;
        pthread_mutex_unlock(&vm_table.lock);
        return ST_DONE;
}

enum status compartment_set_autostart(struct compartment *c, bool on)
{
        struct vm_definition d = c->definition;
        enum status s;

        d.autostart = on;
        s = vm_table_write(&d);
        if (s)
                return s;
        pthread_mutex_lock(&vm_table.lock);
        c->definition.autostart = on;
        pthread_mutex_unlock(&vm_table.lock);
        return ST_DONE;
}

enum status compartment_set_refusal(struct compartment *c, enum status s)
{
        struct error e = *error_last();
        struct arena *a = arena_new(), *old;

        if (s == ST_CANCELLED || (!s && !c->definition.last_refusal[0])) {
                arena_free(a);
                return s; /* whoever cancelled it was not refused */
        }
        pthread_mutex_lock(&vm_table.lock);
        c->definition.last_refusal = s ? vm_table_describe(a, &e) : "";
        old = c->refusal_arena;
        c->refusal_arena = a;
        pthread_mutex_unlock(&vm_table.lock);
        arena_free(old);
        if (vm_table_write(&c->definition))
                report_error("keeping the last refusal of a VM");
        if (s)
                error_keep(&e);
        return s;
}

void compartment_summary(const struct compartment *c, struct arena *a,
                         struct vm_summary *summary_out)
{
        pthread_mutex_lock(&vm_table.lock);
        *summary_out = vm_table_summary(c, a);
        pthread_mutex_unlock(&vm_table.lock);
}

void compartment_set_overwritten(struct compartment *c, const char *disks)
{
        pthread_mutex_lock(&vm_table.lock);
        snprintf(c->overwritten, sizeof c->overwritten, "%s", disks);
        pthread_mutex_unlock(&vm_table.lock);
}

const char *compartment_overwritten(const struct compartment *c)
{
        return c->overwritten;
}

bool compartment_has_filled(const struct compartment *c, const char *identity)
{
        const size_t len = strlen(identity);

        for (const char *line = c->filled; *line; line = strchr(line, '\n') + 1)
                if (len && !strncmp(line, identity, len) && line[len] == '\n')
                        return true;
        return false;
}

void compartment_add_filled(struct compartment *c, const char *identity)
{
        const size_t used = strlen(c->filled);

        if (compartment_has_filled(c, identity) || used + strlen(identity) + 1 >= sizeof c->filled)
                return;
        pthread_mutex_lock(&vm_table.lock);
        sprintf(c->filled + used, "%s\n", identity);
        pthread_mutex_unlock(&vm_table.lock);
}

void compartment_forget_filled(struct compartment *c)
{
        pthread_mutex_lock(&vm_table.lock);
        *c->filled = 0;
        pthread_mutex_unlock(&vm_table.lock);
}

void compartment_set_undecided(struct compartment *c, bool undecided)
{
        pthread_mutex_lock(&vm_table.lock);
        c->undecided = undecided;
        pthread_mutex_unlock(&vm_table.lock);
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

/* --- what is kept beside the definition ------------------------------------------------------ */

enum status compartment_set_memory(struct compartment *c, const char *path)
{
        const struct memory_image m = {.path = path};
        char name[64], *old = c->memory;
        enum status s;

        vm_table_beside(c, "memory", name);
        s = *path ? state_write_record(vm_table.dir, name, &state_kind_vm_memory, &m)
                  : state_remove(vm_table.dir, name);
        if (s)
                return s;
        c->memory = *path ? memory_text(path) : NULL;
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
                return state_remove(vm_table.dir, vm_table_beside(c, "domain", name));
        snprintf(text, sizeof text, "%s %u", state_boot_id(), domid);
        return state_write(vm_table.dir, vm_table_beside(c, "domain", name), &state_kind_vm_domain,
                           (struct bytes){(const uint8_t *)text, strlen(text)});
}

uint32_t compartment_domain(const struct compartment *c)
{
        struct arena *a = arena_new();
        const char *boot = state_boot_id(), *text;
        struct bytes content;
        char name[64];
        uint32_t domid = 0;

        if (*boot && !state_read_record(vm_table.dir, vm_table_beside(c, "domain", name),
                                        &state_kind_vm_domain, a, &content)) {
                text = arena_print(a, "%.*s", (int)content.len, (const char *)content.data);
                if (!strncmp(text, boot, strlen(boot)) && text[strlen(boot)] == ' ')
                        domid = (uint32_t)strtoul(text + strlen(boot) + 1, NULL, 10);
        }
        arena_free(a);
        return domid;
}
