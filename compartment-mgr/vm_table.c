/* SPDX-License-Identifier: Apache-2.0 */
/* The table of VMs (compartment-mgr/vm_table.h): copies, and who is found by what. */
#include "compartment-mgr/vm_table.h"
#include "lib/report.h"
#include "lib/state_kinds.h"
#include "lib/state_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vm_table vm_table = {
        .lock = PTHREAD_MUTEX_INITIALIZER, .freed = PTHREAD_COND_INITIALIZER, .dir = -1};

/* --- copies ---------------------------------------------------------------------------------- */

struct vm_definition vm_table_copy(struct arena *a, const struct vm_definition *d)
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

struct compartment *compartment_new(const struct vm_definition *d)
{
        struct compartment *c = memory_new(1, sizeof *c);

        c->arena = arena_new();
        c->definition = vm_table_copy(c->arena, d);
        return c;
}

void compartment_free(struct compartment *c)
{
        arena_free(c->arena);
        arena_free(c->refusal_arena);
        arena_free(c->next_arena);
        free(c->memory);
        free(c);
}

const char *vm_table_describe(struct arena *a, const struct error *e)
{
        return arena_print(a, "%s%s%s%s%s%s", e->subject, e->subject[0] ? ": " : "",
                           status_sentence(e->status), e->found[0] ? " (found " : "", e->found,
                           e->found[0] ? ")" : "");
}

struct vm_summary vm_table_summary(const struct compartment *c, struct arena *a)
{
        return (struct vm_summary){
                .uuid = c->definition.uuid,
                .name = arena_text(a, c->definition.name),
                .owner = principal_copy(a, &c->definition.owner),
                .state = c->state,
                .generation = c->definition.generation,
                .simulated = vm_table.simulated,
                .autostart = c->definition.autostart,
                .last_refusal = arena_text(a, c->definition.last_refusal),
        };
}

/* --- the table ------------------------------------------------------------------------------- */

enum status vm_table_write(const struct vm_definition *d)
{
        char name[37];

        uuid_write(&d->uuid, name);
        return state_write_record(vm_table.dir, name, &state_kind_vm, d);
}

void vm_table_add(struct compartment *c)
{
        vm_table.vms = memory_grow(vm_table.vms, vm_table.count + 1, sizeof *vm_table.vms);
        vm_table.vms[vm_table.count++] = c;
}

struct compartment *vm_table_find(const char *vm)
{
        struct uuid uuid;
        bool by_uuid = uuid_read(vm, &uuid);

        for (size_t i = 0; i < vm_table.count; i++) {
                const struct vm_definition *d = &vm_table.vms[i]->definition;

                if (by_uuid ? uuid_equal(&uuid, &d->uuid) : !strcmp(vm, d->name))
                        return vm_table.vms[i];
        }
        return NULL;
}

/* The VM that has, or is to have, that name. */
struct compartment *vm_table_taken_by(const char *name)
{
        struct compartment *c = vm_table_find(name);

        for (size_t i = 0; i < vm_table.count && !c; i++)
                if (vm_table.vms[i]->next_arena && !strcmp(vm_table.vms[i]->next.name, name))
                        c = vm_table.vms[i];
        return c;
}

struct damaged *vm_table_find_damaged(const struct uuid *uuid)
{
        for (size_t i = 0; i < vm_table.damaged_count; i++)
                if (uuid_equal(&vm_table.damaged[i].uuid, uuid))
                        return &vm_table.damaged[i];
        return NULL;
}

void vm_table_forget_damaged(const struct uuid *uuid)
{
        struct damaged *d = vm_table_find_damaged(uuid);

        if (d)
                *d = vm_table.damaged[--vm_table.damaged_count];
}

enum status vm_table_not_found(const char *vm)
{
        struct uuid uuid;
        struct error why = {0};

        pthread_mutex_lock(&vm_table.lock);
        if (uuid_read(vm, &uuid) && vm_table_find_damaged(&uuid))
                why = vm_table_find_damaged(&uuid)->why;
        pthread_mutex_unlock(&vm_table.lock);
        if (why.status) {
                error_keep(&why);
                return why.status;
        }
        return FAIL(ST_NOT_FOUND, .subject = FMT("VM %s", vm),
                    .remedy = "`bulkhead vm list` shows what is defined");
}

/* The cause is that of the daemon that could not tell: an unapproved state, a TPM that is gone. */
enum status vm_table_refuse(void)
{
        error_keep(&vm_table.doubt);
        return vm_table.doubt.status;
}

/* --- files ----------------------------------------------------------------------------------- */

const char *vm_table_beside(const struct compartment *c, const char *what, char name[64])
{
        char uuid[37];

        uuid_write(&c->definition.uuid, uuid);
        snprintf(name, 64, "%s-%s", what, uuid);
        return name;
}

void vm_table_keep_next(struct compartment *c, const struct vm_definition *d)
{
        arena_free(c->next_arena);
        c->next_arena = d ? arena_new() : NULL;
        if (d)
                c->next = vm_table_copy(c->next_arena, d);
}
