/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a story that open and map the VM's disks, boot files and targets: each asks svdm. */
#include "compartment-mgr/open_disks.h"
#include "compartment-mgr/operation.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/sealed_disks.h"
#include "compartment-mgr/workers.h"

#include <string.h>
#include <unistd.h>

#define MEMORY "memory" /* the name of the image's device */

enum status operation_svdm(struct operation *o, struct call call, int deadline_ms)
{
        return peer_ask(o->svdm, call, o->arena, deadline_ms);
}

void operation_with_memory(struct operation *o, const char *path, const char *kind)
{
        o->memory = (struct wanted_device){
                .name = MEMORY, .kind = kind, .path = path, .writable = true};
}

static struct wanted_device_list devices_to_open(const struct operation *o)
{
        struct wanted_device_list all =
                open_disks_all(o->arena, &o->config, o->memory.path ? &o->memory : NULL);

        for (size_t i = o->config.boot.count; i < all.count; i++)
                all.items[i].sealed = sealed_disks_at(&o->sealed, all.items[i].path);
        return all;
}

/* Takes the image off the list of open disks, since it is no disk of the definition: what measures
 * and binds those does not see it. */
static enum status take_memory(struct operation *o)
{
        struct open_disk *last;

        if (!o->memory.path)
                return ST_DONE;
        last = o->open.disks.count ? &o->open.disks.items[o->open.disks.count - 1] : NULL;
        if (!last || strcmp(last->path, o->memory.path))
                return FAIL(ST_PROTOCOL, .subject = "svdm", .expected = "the image of the memory",
                            .found = "another file", .remedy = "see its log");
        if (last->header < 0 && !strcmp(o->memory.kind, "memory"))
                return FAIL(ST_CHANGED, .subject = o->memory.path,
                            .expected = "the image of a guest's memory", .found = "no LUKS2 header",
                            .remedy = FMT("put the image back; bulkhead vm destroy %s gives up for "
                                          "good what the VM had in memory, and it then starts as "
                                          "after a power cut",
                                          o->vm->name));
        o->memory_header = last->header;
        last->header = -1;
        open_disks_close(last, 1);
        o->open.disks.count--;
        return ST_DONE;
}

/* Compares the answer with the request, whose order svdm keeps; svdm says which are boot files. */
static enum status check_opened(struct operation *o, const struct wanted_device_list *wanted)
{
        const struct open_disk_list *open = &o->open.disks;
        size_t count = o->config.boot.count + o->config.disks.count;
        enum status s = take_memory(o);
        bool same = open->count == count;

        if (s)
                return s;
        for (size_t i = 0; same && i < count; i++)
                same = open->items[i].boot == (i < o->config.boot.count) &&
                       !strcmp(open->items[i].path, wanted->items[i].path);
        return same ? ST_DONE
                    : FAIL(ST_PROTOCOL, .subject = "svdm", .expected = "the disks asked for",
                           .found = "others", .remedy = "see its log");
}

enum status operation_read_config(struct operation *o)
{
        struct config_parse_req q = {.json = o->vm->config};
        struct config_parse_rep p;
        enum status s =
                worker_call(workers.config, CONFIG_DEADLINE, CALL(config_parse, &q, &p), o->arena);

        if (!s)
                o->config = p.config;
        return s;
}

enum status operation_open_disks(struct operation *o)
{
        const struct wanted_device_list wanted = devices_to_open(o);
        struct svdm_open_req q = {.vm = o->vm->uuid, .devices = wanted};
        enum status s = operation_svdm(o, CALL(svdm_open, &q, &o->open), PEER_LONG);

        return s ? s : check_opened(o, &wanted);
}

enum status operation_look(struct operation *o, const char *device)
{
        const struct wanted_device_list wanted = devices_to_open(o);
        struct svdm_look_req q = {.vm = o->vm->uuid, .devices = wanted, .device = device};
        struct svdm_look_rep p = {0};
        enum status s = operation_svdm(o, CALL(svdm_look, &q, &p), PEER_LONG);

        if (s)
                return s;
        o->open.disks = p.disks;
        return check_opened(o, &wanted);
}

int operation_boot_file(const struct operation *o, const char *name)
{
        for (size_t i = 0; i < o->config.boot.count; i++)
                if (!strcmp(o->config.boot.items[i].name, name))
                        return o->open.disks.items[i].file;
        return -1;
}

enum status operation_open_path(void *svdm, const char *path, struct arena *a,
                                struct open_disk *disk_out)
{
        struct svdm_open_target_req q = {.path = path};
        struct svdm_open_target_rep p;
        enum status s = peer_ask(*(int *)svdm, CALL(svdm_open_target, &q, &p), a, PEER_SHORT);

        if (!s)
                *disk_out = p.disk;
        return s;
}

enum status operation_open_targets(struct operation *o, const struct descriptor *d,
                                   const struct open_disk *disks, size_t count)
{
        const struct facts_vm own = {
                .vm = o->vm, .boot = o->open.disks.items, .named = &o->config.boot};
        const struct facts_scope scope = {.own = &own};
        const struct targets_from from = {&scope, operation_open_path, &o->svdm};

        return targets_open(&o->targets, d, disks, count, &from, o->arena);
}

enum status operation_unlock(struct operation *o, struct svdm_unlock_rep *devices_out)
{
        struct svdm_unlock_req q = {};
        const struct block_device *last;
        enum status s;

        devices_out->memory = -1;
        s = operation_svdm(o, CALL(svdm_unlock, &q, devices_out),
                           o->memory.path ? PEER_LONG : PEER_SHORT);
        if (s || !o->memory.path)
                return s;
        if (devices_out->memory >= 0) {
                if (o->memory_header >= 0)
                        close(o->memory_header);
                o->memory_header = devices_out->memory;
        }
        last = devices_out->devices.count
                       ? &devices_out->devices.items[devices_out->devices.count - 1]
                       : NULL;
        if (!last || strcmp(last->device, MEMORY))
                return FAIL(ST_PROTOCOL, .subject = "svdm", .expected = "the image of the memory",
                            .found = "another device", .remedy = "see its log");
        o->memory_device = *last;
        devices_out->devices.count--;
        return ST_DONE;
}

enum status operation_check(struct operation *o)
{
        struct svdm_check_req q = {};
        struct svdm_check_rep p;

        return operation_svdm(o, CALL(svdm_check, &q, &p), PEER_SHORT);
}

enum status operation_keep(struct operation *o)
{
        struct svdm_keep_req q = {};
        struct svdm_keep_rep p;

        return operation_svdm(o, CALL(svdm_keep, &q, &p), PEER_SHORT);
}
