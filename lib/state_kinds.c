/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of state files, and how a record of each older version becomes one of the next. Each
 * lift_NAME_V() is a pure function from record to record; it reads no file and sends no request.
 */
#include "lib/state_kinds.h"
#include "lib/principal.h"
#include "lib/state_record.h"

#include <string.h>

/* --- from version to version ----------------------------------------------------------------- */

/* In version 2 the owner was a name, with a uid if a local user had it. An owner without an account
 * on this host can only be the holder of a certificate of that name. */
static enum status lift_vm_2(const void *old, struct arena *a, void *next_out)
{
        const struct vm_definition_2 *o = old;
        bool local = o->owner_uid != 0xffffffff;
        const char *name = local ? arena_print(a, "%u", o->owner_uid) : o->owner;
        struct vm_definition *next = next_out;

        *next = (struct vm_definition){
                .uuid = o->uuid,
                .name = o->name,
                .owner = {local ? PRINCIPAL_USER : PRINCIPAL_CERTIFICATE, name},
                .generation = o->generation,
                .autostart = o->autostart,
                .config = o->config,
                .disks = {o->disks.items, o->disks.count},
                .last_refusal = o->last_refusal,
        };
        return principal_needed(&next->owner, "the owner of a VM");
}

/* In version 3 a disk and its device had the same place in two lists. A disk without a device gets
 * no name, so the VM holds it until it releases all of its disks. */
static enum status lift_held_3(const void *old, struct arena *a, void *next_out)
{
        const struct attachment_3 *o = old;
        struct held_disk *disks = arena_get_many(a, o->disks.count, sizeof *disks);

        for (size_t i = 0; i < o->disks.count; i++) {
                const struct held_disk_3 *d = &o->disks.items[i];

                disks[i] = (struct held_disk){
                        .name = i < o->devices.count ? o->devices.items[i].device : "",
                        .path = d->path,
                        .node = d->node,
                        .device = d->device,
                        .inode = d->inode,
                        .writable = d->writable,
                };
        }
        *(struct attachment *)next_out = (struct attachment){
                .vm = o->vm,
                .boot = o->boot,
                .disks = {disks, o->disks.count},
                .devices = o->devices,
                .bare = o->bare,
        };
        return ST_DONE;
}

/* In version 2 boot files stood among the disks, before the first one. */
static struct vm_config lift_config_2(const struct vm_config_2 *o, struct arena *a)
{
        struct vm_config next = {
                .uuid = o->uuid,
                .name = o->name,
                .type = o->type,
                .cmdline = o->cmdline,
                .memory = o->memory,
                .maxmem = o->maxmem,
                .vcpus = o->vcpus,
                .maxvcpus = o->maxvcpus,
                .on_poweroff = o->on_poweroff,
                .on_reboot = o->on_reboot,
                .on_crash = o->on_crash,
                .boot = {arena_get_many(a, BOOT_FILES_MOST, sizeof *next.boot.items), 0},
                .nics = o->nics,
        };
        const struct disk *d = o->disks.items, *end = d + o->disks.count;

        for (; d < end && !strcmp(d->kind, "boot") && next.boot.count < BOOT_FILES_MOST; d++)
                next.boot.items[next.boot.count++] = (struct boot_file){d->device, d->path};
        next.disks = (struct disk_list){(struct disk *)d, (size_t)(end - d)};
        return next;
}

static enum status lift_sim_domain_2(const void *old, struct arena *a, void *next_out)
{
        const struct sim_domain_2 *o = old;

        *(struct sim_domain *)next_out = (struct sim_domain){
                .uuid = o->uuid,
                .name = o->name,
                .domid = o->domid,
                .state = o->state,
                .config = lift_config_2(&o->config, a),
                .devices = o->devices,
        };
        return ST_DONE;
}

/* The counter has the name of the domains' kind, and with it their version. */
static enum status lift_sim_counter_2(const void *old, struct arena *a, void *next_out)
{
        (void)a;
        *(struct sim_counter *)next_out = *(const struct sim_counter *)old;
        return ST_DONE;
}

/* Version 1 did not keep who approved a state, nor when. */
static enum status lift_host_1(const void *old, struct arena *a, void *next_out)
{
        const struct host_state_1 *o = old;
        struct approval *approvals = arena_get_many(a, o->approvals.count, sizeof *approvals);

        for (size_t i = 0; i < o->approvals.count; i++)
                approvals[i] = (struct approval){
                        .pcrs = o->approvals.items[i].pcrs,
                        .epoch = o->approvals.items[i].epoch,
                        .signature = o->approvals.items[i].signature,
                        .approver = principal_nobody,
                };
        *(struct host_state *)next_out = (struct host_state){
                .keys = o->keys,
                .approvals = {approvals, o->approvals.count},
        };
        return ST_DONE;
}

/* Version 2 bound the plug-ins' files, and neither owner nor recipient. */
static enum status lift_seal_2(const void *old, struct arena *a, void *next_out)
{
        const struct seal_record_2 *o = old;

        (void)a;
        *(struct seal_record *)next_out = (struct seal_record){
                .version = 3,
                .vm = o->vm,
                .generation = o->generation,
                .construction = BINDING_FILES,
                .owner = principal_nobody,
                .payload = o->payload,
                .recipient = principal_nobody,
                .policy = o->policy,
                .pcr = o->pcr,
                .blob_public = o->blob_public,
                .blob_private = o->blob_private,
                .binding = o->binding,
                .config = o->config,
                .descriptor = o->descriptor,
                .plugins = {o->plugins.items, o->plugins.count},
                .disks = {o->disks.items, o->disks.count},
                .measurements = {o->measurements.items, o->measurements.count},
        };
        return ST_DONE;
}

/* What is in the file of version 2 is the same; what the MAC in it is over is not. */
static enum status lift_seal_table_2(const void *old, struct arena *a, void *next_out)
{
        const struct seal_table_2 *o = old;

        (void)a;
        *(struct seal_table *)next_out = (struct seal_table){
                .counter = o->counter,
                .entries = {o->entries.items, o->entries.count},
        };
        return ST_DONE;
}

/* Version 1 did not keep what is written over. */
static enum status lift_journal_1(const void *old, struct arena *a, void *next_out)
{
        const struct journal_1 *o = old;
        struct journal_disk *disks = arena_get_many(a, o->disks.count, sizeof *disks);

        for (size_t i = 0; i < o->disks.count; i++) {
                const struct journal_disk_1 *d = &o->disks.items[i];

                disks[i] = (struct journal_disk){.path = d->path,
                                                 .size = d->size,
                                                 .old_head = d->old_head,
                                                 .new_head = d->new_head,
                                                 .runs = d->runs};
        }
        *(struct journal *)next_out = (struct journal){
                .vm = o->vm, .generation = o->generation, .disks = {disks, o->disks.count}};
        return ST_DONE;
}

/* Of each kind the older versions that are read, oldest first: {version, shape, lift}. */
static const struct state_older older_vm[] = {{2, &shape_vm_definition_2, lift_vm_2}},
                                older_vm_next[] = {}, older_vm_domain[] = {},
                                older_vm_memory[] = {}, older_autostart[] = {},
                                older_sim_domain[] = {{2, &shape_sim_domain_2, lift_sim_domain_2}},
                                older_sim_counter[] = {{2, &shape_sim_counter, lift_sim_counter_2}},
                                older_host[] = {{1, &shape_host_state_1, lift_host_1}},
                                older_generations[] = {{2, &shape_seal_table_file, NULL}},
                                older_seal[] = {{2, &shape_seal_record_2, lift_seal_2}},
                                older_journal[] = {{1, &shape_journal_1, lift_journal_1}},
                                older_header[] = {},
                                older_held[] = {{3, &shape_attachment_3, lift_held_3}},
                                older_slot_key[] = {}, older_tree[] = {},
                                older_seal_table[] = {{2, &shape_seal_table_2, lift_seal_table_2}};

/* --- the kinds ------------------------------------------------------------------------------- */

#define DEFINE(id, name, version, shape)                                                           \
        const struct state_kind state_kind_##id = {name, version, shape, older_##id,               \
                                                   sizeof older_##id / sizeof *older_##id};
STATE_KINDS(DEFINE)
DEFINE(seal_table, "generations", 3, &shape_seal_table)

#define ADDRESS(id, name, version, shape) &state_kind_##id,
const struct state_kind *const state_kinds[] = {STATE_KINDS(ADDRESS)};
const size_t state_kinds_count = sizeof state_kinds / sizeof *state_kinds;

/* --- a folder -------------------------------------------------------------------------------- */

/* ST_UNSUPPORTED only for a whole file of a newer version. Damage is left to the file's owner, who
 * tells of it when reading the file. */
static enum status check_file(int dir, const char *name, struct arena *a)
{
        char kind[STATE_KIND_SIZE];
        struct state_content content;
        enum status s = ST_DONE;
        uint32_t version;

        if (!state_peek(dir, name, kind, &version))
                return ST_DONE;
        for (size_t i = 0; i < state_kinds_count && s != ST_UNSUPPORTED; i++)
                if (!strcmp(kind, state_kinds[i]->name) && version > state_kinds[i]->version)
                        s = state_load(dir, name, state_kinds[i], a, &content);
        if (s && s != ST_UNSUPPORTED) {
                error_clear();
                s = ST_DONE;
        }
        return s;
}

enum status state_kinds_check(int dir)
{
        struct arena *a = arena_new();
        const char **names;
        size_t count;
        enum status s = state_list(dir, a, &names, &count);

        for (size_t i = 0; !s && i < count; i++)
                s = check_file(dir, names[i], a);
        arena_free(a);
        return s;
}
