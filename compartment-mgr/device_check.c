/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes down the current state (getCurrentState() of OpenTC D05.4, section 3.4) and has it judged.
 * The stories come here with a VM claimed; the domain worker is asked for the state, integrity-mgr
 * for the verdict. Which check is for which device integrity-mgr takes from its own record.
 */
#include "compartment-mgr/device_check.h"
#include "compartment-mgr/current_state.h"
#include "compartment-mgr/peers.h"

#include <string.h>

enum { OF_HYPERVISOR, OF_VMS, OF_DEVICE, VALUES_MOST = 8 };

/* --- the device in question ------------------------------------------------------------------ */

static void add(struct node *n, const char *name, const char *text)
{
        n->values.items[n->values.count++] = (struct value){name, text};
}

static const char *yes_or_no(bool b)
{
        return b ? "true" : "false";
}

static const char *uuid_text(struct arena *a, const struct uuid *uuid)
{
        char text[37];

        uuid_write(uuid, text);
        return arena_text(a, text);
}

static struct node *begin_device(const struct operation *o, const char *device, const char *kind,
                                 struct measurement *m)
{
        char owner[PRINCIPAL_TEXT_SIZE];
        struct arena *a = o->arena;
        struct node *n;

        *m = (struct measurement){
                .target = arena_print(a, "device:%s", device), .plugin = "device", .version = 1};
        m->nodes.items = n = arena_get(a, sizeof *n);
        m->nodes.count = 1;
        *n = (struct node){.id = m->target, .type = "device"};
        n->values.items = arena_get_many(a, VALUES_MOST, sizeof *n->values.items);
        add(n, "kind", kind);
        add(n, "name", device);
        add(n, "vm", o->vm->name);
        add(n, "uuid", uuid_text(a, &o->vm->uuid));
        add(n, "owner", arena_text(a, principal_write(&o->vm->owner, owner)));
        return n;
}

static struct measurement of_disk(const struct operation *o, const struct disk *d)
{
        struct measurement m;
        struct node *n = begin_device(o, d->device, "disk", &m);

        add(n, "path", d->path);
        add(n, "protection", d->kind);
        add(n, "writable", yes_or_no(d->writable));
        return m;
}

static struct measurement of_nic(const struct operation *o, const struct nic *nic)
{
        struct measurement m;
        struct node *n = begin_device(o, nic->device, "nic", &m);

        add(n, "bridge", nic->bridge);
        add(n, "mac", nic->mac);
        return m;
}

/* --- asking ---------------------------------------------------------------------------------- */

static bool is_for(const struct device_check *c, const char *device)
{
        return !*c->device || !strcmp(c->device, device);
}

static bool is_wanted(const struct operation *o, const char *device)
{
        const struct descriptor *d = &o->sealed.descriptor;

        for (size_t i = 0; i < d->checks.count; i++)
                if (is_for(&d->checks.items[i], device))
                        return true;
        return false;
}

/* Anew for each device: a moment ago it was another state. */
static enum status ask(struct operation *o, const char *device, struct measurement of_device)
{
        struct measurement state[STATE_PARTS] = {[OF_DEVICE] = of_device};
        struct im_device_req q = {
                .asker = *compartment_asker(o->compartment), .vm = o->vm->uuid, .device = device};
        struct im_device_rep p;
        enum status s = current_state(o->arena, &state[OF_HYPERVISOR], &state[OF_VMS]);

        if (s)
                return s;
        q.state.items = state;
        q.state.count = STATE_PARTS;
        return peer_call(PEER_IM, CALL(im_device, &q, &p), o->arena, PEER_LONG);
}

static bool is_boot(const struct disk *d)
{
        return !strcmp(d->kind, "boot");
}

static enum status check_disk(struct operation *o, const struct disk *d)
{
        return !is_boot(d) && is_wanted(o, d->device) ? ask(o, d->device, of_disk(o, d)) : ST_DONE;
}

static enum status check_nic(struct operation *o, const struct nic *nic)
{
        return is_wanted(o, nic->device) ? ask(o, nic->device, of_nic(o, nic)) : ST_DONE;
}

enum status device_check_disks(struct operation *o)
{
        enum status s = ST_DONE;

        for (size_t i = 0; i < o->config.disks.count && !s; i++)
                s = check_disk(o, &o->config.disks.items[i]);
        return s;
}

enum status device_check_nics(struct operation *o)
{
        enum status s = ST_DONE;

        for (size_t i = 0; i < o->config.nics.count && !s; i++)
                s = check_nic(o, &o->config.nics.items[i]);
        return s;
}

enum status device_check_one(struct operation *o, const char *device)
{
        const struct vm_config *c = &o->config;

        for (size_t i = 0; i < c->disks.count; i++)
                if (!is_boot(&c->disks.items[i]) && !strcmp(c->disks.items[i].device, device))
                        return check_disk(o, &c->disks.items[i]);
        for (size_t i = 0; i < c->nics.count; i++)
                if (!strcmp(c->nics.items[i].device, device))
                        return check_nic(o, &c->nics.items[i]);
        return FAIL(ST_NOT_FOUND, .subject = FMT("device %s of VM %s", device, o->vm->name),
                    .expected = "a disk or interface of its definition",
                    .remedy = FMT("bulkhead vm show %s names them", o->vm->name));
}

enum status device_check_all(struct operation *o)
{
        enum status s = device_check_disks(o);

        return s ? s : device_check_nics(o);
}

static bool has_device(const struct vm_config *c, const struct device_check *check)
{
        for (size_t i = 0; i < c->disks.count; i++)
                if (!is_boot(&c->disks.items[i]) && is_for(check, c->disks.items[i].device))
                        return true;
        for (size_t i = 0; i < c->nics.count; i++)
                if (is_for(check, c->nics.items[i].device))
                        return true;
        return false;
}

enum status device_check_named(const struct descriptor *d, const struct vm_config *config)
{
        for (size_t i = 0; i < d->checks.count; i++)
                if (!has_device(config, &d->checks.items[i]))
                        return FAIL(ST_INVALID, .subject = "a deviceCheck of the descriptor",
                                    .expected = FMT("a disk or interface of VM %s", config->name),
                                    .found = *d->checks.items[i].device ? d->checks.items[i].device
                                                                        : "none: it has no devices",
                                    .remedy = "name a disk by its device (xvda), the first "
                                              "interface vif0, or * for every one");
        return ST_DONE;
}
