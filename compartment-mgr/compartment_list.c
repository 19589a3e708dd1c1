/* SPDX-License-Identifier: Apache-2.0 */
/* What others ask about VMs, without claiming one (compartment.h). */
#include "compartment-mgr/vm_table.h"
#include "lib/component.h"

#include <string.h>

size_t compartments_count(size_t *running_out)
{
        size_t count;

        *running_out = 0;
        pthread_mutex_lock(&vm_table.lock);
        for (size_t i = 0; i < vm_table.count; i++)
                *running_out += vm_table.vms[i]->state == VM_RUNNING;
        count = vm_table.count;
        pthread_mutex_unlock(&vm_table.lock);
        return count;
}

uint64_t compartments_changes(void)
{
        uint64_t changes;

        pthread_mutex_lock(&vm_table.lock);
        changes = vm_table.changes;
        pthread_mutex_unlock(&vm_table.lock);
        return changes;
}

enum status compartment_find(const char *vm, struct arena *a, struct vm_definition *d_out,
                             struct vm_summary *summary_out)
{
        struct compartment *c;

        pthread_mutex_lock(&vm_table.lock);
        c = vm_table_find(vm);
        if (c) {
                *d_out = vm_table_copy(a, &c->definition);
                *summary_out = vm_table_summary(c, a);
        }
        pthread_mutex_unlock(&vm_table.lock);
        return c ? ST_DONE : vm_table_not_found(vm);
}

void compartment_find_fate(const char *vm, struct arena *a, const char **overwritten_out,
                           bool *undecided_out)
{
        const struct compartment *c;

        pthread_mutex_lock(&vm_table.lock);
        c = vm_table_find(vm);
        /* what is sealed after all was overwritten on purpose */
        *overwritten_out = c && !c->definition.generation ? arena_text(a, c->overwritten) : "";
        *undecided_out = c && c->undecided;
        pthread_mutex_unlock(&vm_table.lock);
}

enum status compartments_list(struct arena *a, struct vm_definition **definitions_out,
                              struct vm_summary **summaries_out, size_t *count_out)
{
        pthread_mutex_lock(&vm_table.lock);
        *count_out = vm_table.count;
        *definitions_out = arena_get_many(a, vm_table.count, sizeof **definitions_out);
        *summaries_out = arena_get_many(a, vm_table.count, sizeof **summaries_out);
        for (size_t i = 0; i < vm_table.count; i++) {
                (*definitions_out)[i] = vm_table_copy(a, &vm_table.vms[i]->definition);
                (*summaries_out)[i] = vm_table_summary(vm_table.vms[i], a);
        }
        pthread_mutex_unlock(&vm_table.lock);
        return ST_DONE;
}

void compartments_damaged(struct arena *a, struct vm_summary **summaries_out, size_t *count_out)
{
        struct vm_summary *to;

        pthread_mutex_lock(&vm_table.lock);
        *count_out = vm_table.damaged_count;
        *summaries_out = to = arena_get_many(a, vm_table.damaged_count, sizeof *to);
        for (size_t i = 0; i < vm_table.damaged_count; i++) {
                const struct damaged *d = &vm_table.damaged[i];
                char *name = arena_get(a, 37);

                uuid_write(&d->uuid, name);
                to[i] = (struct vm_summary){.uuid = d->uuid,
                                            .name = name,
                                            .owner = principal_nobody,
                                            .state = VM_DAMAGED,
                                            .last_refusal = vm_table_describe(a, &d->why)};
        }
        pthread_mutex_unlock(&vm_table.lock);
}

bool compartment_owns_path(const char *path, const struct principal *owner)
{
        bool owns = false;

        pthread_mutex_lock(&vm_table.lock);
        for (size_t i = 0; i < vm_table.count; i++) {
                const struct vm_definition *d = &vm_table.vms[i]->definition;

                for (size_t j = 0; principal_is(&d->owner, owner) && j < d->disks.count; j++)
                        owns |= !strcmp(path, d->disks.items[j].path);
        }
        pthread_mutex_unlock(&vm_table.lock);
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

        pthread_mutex_lock(&vm_table.lock);
        for (size_t i = 0; i < vm_table.count; i++) {
                const struct vm_definition *d = &vm_table.vms[i]->definition;

                for (size_t j = 0; j < d->disks.count; j++)
                        if (!strcmp(path, d->disks.items[j].path))
                                found = disk_of(d, &d->disks.items[j], a, found);
        }
        pthread_mutex_unlock(&vm_table.lock);
        return found;
}

bool compartment_owned_by(const char *vm, const struct principal *owner)
{
        struct compartment *c;
        bool owned;

        pthread_mutex_lock(&vm_table.lock);
        c = vm_table_find(vm);
        owned = c && principal_is(&c->definition.owner, owner);
        pthread_mutex_unlock(&vm_table.lock);
        return owned;
}
