/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stories of a device that comes to a VM while it runs, and of one that goes. Come here from
 * vm_attach and vm_detach with the VM claimed; ask whom a start asks. Only what the VM's bound
 * configuration names can come, after the same checks as at a start; which devices a domain has at
 * this moment the hypervisor alone knows.
 */
#include "compartment-mgr/device_check.h"
#include "compartment-mgr/operation.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/stories.h"
#include "compartment-mgr/workers.h"
#include "lib/interrupt.h"
#include "lib/report.h"

#include <string.h>
#include <unistd.h>

static const char *subject(const struct operation *o, const char *device)
{
        return arena_print(o->arena, "device %s of VM %s", device, o->vm->name);
}

/* --- which device ---------------------------------------------------------------------------- */

static enum status find_wanted(const struct operation *o, const char *device, struct vm_device *d)
{
        char nouns[VM_DEVICE_NOUNS];

        if (vm_device_find(&o->config, device, d))
                return ST_DONE;
        return FAIL(ST_NOT_FOUND, .subject = subject(o, device),
                    .expected = FMT("a %s of its definition", vm_device_nouns(nouns)),
                    .found = "none of that name",
                    .remedy =
                            FMT("bulkhead vm show %s lists them; for another one: define and seal "
                                "the VM anew",
                                o->vm->name));
}

static enum status is_attached(const struct operation *o, const char *device, bool *attached_out)
{
        struct domain_devices_req q = {.uuid = o->vm->uuid};
        struct domain_devices_rep p = {};
        enum status s = worker_call(workers.domain, DOMAIN_DEADLINE, CALL(domain_devices, &q, &p),
                                    o->arena);

        *attached_out = false;
        for (size_t i = 0; i < p.devices.count && !s; i++)
                *attached_out |= !strcmp(p.devices.items[i].device, device);
        return s;
}

/* On a connection of its own: what this operation has open would keep it busy. */
static enum status unmap(const struct operation *o, const struct vm_device *d)
{
        struct svdm_unmap_req q = {.vm = o->vm->uuid, .device = d->name};
        struct svdm_unmap_rep p;

        if (!d->kind->mapped)
                return ST_DONE;
        return peer_call(PEER_SVDM, CALL(svdm_unmap, &q, &p), o->arena, PEER_SHORT);
}

/* What is mapped of a device that the domain does not have is left of an operation that was cut
 * short. */
static enum status must_be_detached(const struct operation *o, const struct vm_device *d)
{
        bool attached;
        enum status s = is_attached(o, d->name, &attached);

        if (s || !attached)
                return s ? s : unmap(o, d);
        return FAIL(ST_EXISTS, .subject = subject(o, d->name), .expected = "not attached",
                    .found = "attached already: nothing is to be done");
}

/* --- may it come? ---------------------------------------------------------------------------- */

static enum status permit(struct operation *o, const struct vm_device *d)
{
        enum status s = ST_DONE;

        if (d->kind->permit)
                s = d->kind->permit(&o->config, d, &o->vm->owner, o->arena);
        return s ? s : device_check_one(o, d);
}

/* The disks of the VM as they are now, measured and judged as at a start; only then does the device
 * worker get the secret. */
static enum status judge(struct operation *o, const struct vm_device *d)
{
        enum status s = operation_look(o, d->kind->mapped ? d->name : "");

        if (!s)
                s = operation_open_targets(o, &o->sealed.descriptor, o->open.disks.items,
                                           o->open.disks.count);
        return s ? s : operation_unseal_disks(o);
}

/* --- coming ---------------------------------------------------------------------------------- */

static enum status give(struct operation *o, const struct vm_device *d,
                        const struct svdm_unlock_rep *mapped)
{
        struct domain_attach_req q = {.config = o->config, .device = d->name};
        struct domain_attach_rep p;

        q.devices = mapped->devices;
        return worker_call(workers.domain, DOMAIN_DEADLINE, CALL(domain_attach, &q, &p), o->arena);
}

/* In reverse. A device that the domain still has is never unmapped under its feet. */
static void undo(struct operation *o, const struct vm_device *d, bool given, bool kept)
{
        struct error why = *error_last();
        struct domain_detach_req q = {.uuid = o->vm->uuid, .device = d->name};
        struct domain_detach_rep p;
        enum status s = ST_NOT_FOUND;

        interrupt_forbid();
        if (given)
                s = worker_call(workers.domain, DOMAIN_DEADLINE, CALL(domain_detach, &q, &p),
                                o->arena);
        if (s && s != ST_NOT_FOUND) {
                report_error("detaching a device whose attaching was refused");
        } else if (kept) {
                operation_end(o);
                if (unmap(o, d))
                        report_error("unmapping a device whose attaching was refused");
        }
        error_keep(&why);
}

static enum status map(struct operation *o, struct svdm_unlock_rep *mapped_out, bool *kept_out)
{
        enum status s = operation_unlock(o, mapped_out);

        if (!s)
                s = operation_check(o);
        if (s)
                return s; /* nothing is kept: it goes with the connection */
        *kept_out = true;
        return operation_keep(o); /* before the guest has it: if we die here, it loses no disk */
}

static enum status join(struct operation *o, const struct vm_device *d)
{
        struct svdm_unlock_rep mapped = {0};
        bool given = false, kept = false;
        enum status s = d->kind->mapped ? map(o, &mapped, &kept) : ST_DONE;

        if (!s)
                s = compartment_commit(o->compartment);
        if (!s) {
                given = true; /* also half, should the worker die */
                s = give(o, d, &mapped);
        }
        if (s)
                undo(o, d, given, kept);
        return s;
}

enum status attach_device(struct arena *a, struct compartment *c, const char *device)
{
        struct operation o = OPERATION_NONE;
        struct vm_device d;
        enum status s = compartment_allow_cancel(c);

        if (!s)
                s = operation_join(&o, a, c);
        if (!s)
                s = operation_read_config(&o);
        if (!s)
                s = find_wanted(&o, device, &d);
        if (!s)
                s = must_be_detached(&o, &d);
        if (!s)
                s = operation_must_be_judgeable(
                        &o, arena_print(a,
                                        "bulkhead vm stop %s, then bulkhead vm start %s: a "
                                        "start attaches all",
                                        o.vm->name, o.vm->name));
        if (!s)
                s = permit(&o, &d);
        if (!s)
                s = judge(&o, &d);
        if (!s)
                s = join(&o, &d);
        operation_end(&o);
        if (!s)
                compartment_set_state(c, VM_RUNNING, arena_print(a, "%s attached", device));
        return s;
}

/* --- going ----------------------------------------------------------------------------------- */

static enum status take(struct operation *o, const struct vm_device *d)
{
        struct domain_detach_req q = {.uuid = o->vm->uuid, .device = d->name};
        struct domain_detach_rep p;
        enum status s =
                worker_call(workers.domain, DOMAIN_DEADLINE, CALL(domain_detach, &q, &p), o->arena);

        return s == ST_NOT_FOUND ? ST_DONE : s;
}

enum status attach_detach(struct arena *a, struct compartment *c, const char *device)
{
        struct operation o = OPERATION_NONE;
        bool attached = false;
        struct vm_device d;
        enum status s;

        o.arena = a;
        o.compartment = c;
        o.vm = compartment_definition(c);
        s = operation_read_config(&o);
        if (!s)
                s = find_wanted(&o, device, &d);
        if (!s)
                s = is_attached(&o, device, &attached);
        if (!s && attached)
                s = take(&o, &d);
        if (!s)
                s = unmap(&o, &d); /* also what a detach that was cut short has left */
        if (!s && !attached)
                s = FAIL(ST_WRONG_STATE, .subject = subject(&o, device), .expected = "attached",
                         .found = "not attached: nothing is to be done");
        if (!s)
                compartment_set_state(c, VM_RUNNING, arena_print(a, "%s detached", device));
        return s;
}
