/* SPDX-License-Identifier: Apache-2.0 */
/* Requests about definitions of VMs: to make, change, end, list and show them. */
#include "compartment-mgr/access.h"
#include "compartment-mgr/handlers.h"
#include "compartment-mgr/live.h"
#include "compartment-mgr/mac_guard.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/stories.h"
#include "compartment-mgr/workers.h"

#include <string.h>

enum status requests_claim(struct request *r, const char *vm, const char *operation,
                           struct compartment **c_out)
{
        enum status s = compartment_claim(vm, operation, &r->caller->principal, c_out);
        struct error why = *error_last();
        struct uuid uuid = {};

        if (s != ST_NOT_FOUND)
                return s;
        uuid_read(vm, &uuid);
        if (live_refuse_foreign(r->arena, vm, &uuid))
                return ST_REFUSED;
        error_keep(&why);
        return s;
}

const char *requests_to_be_stopped(struct request *r, const struct compartment *c)
{
        const char *name = compartment_definition(c)->name;

        switch (compartment_state(c)) {
        case VM_RUNNING:
        case VM_STOPPING:
                return arena_print(r->arena, "bulkhead vm stop %s", name);
        case VM_HIBERNATING:
                return arena_print(r->arena,
                                   "bulkhead vm start %s wakes it, and bulkhead vm stop %s then "
                                   "stops it with nothing lost",
                                   name, name);
        case VM_SUSPENDED:
                return arena_print(r->arena,
                                   "bulkhead vm resume %s lets it run on, and bulkhead vm stop %s "
                                   "then stops it with nothing lost",
                                   name, name);
        case VM_PRESERVED:
                return arena_print(r->arena, "bulkhead vm destroy %s", name);
        default:
                return arena_print(r->arena, "bulkhead vm show %s", name);
        }
}

/* `self` is no caller, and no door admits a VM or a host: such an owner could never ask for what is
 * its own. */
static enum status may_be_owner(const struct principal *owner)
{
        char text[PRINCIPAL_TEXT_SIZE];

        if (owner->kind == PRINCIPAL_USER || owner->kind == PRINCIPAL_CERTIFICATE)
                return principal_needed(owner, "the owner of a VM");
        return FAIL(ST_INVALID, .subject = "the owner of a VM",
                    .expected = "a principal that a door admits: uid:NUMBER or tls:NAME",
                    .found = principal_write(owner, text),
                    .remedy = "name one: --owner uid:NUMBER or tls:NAME");
}

/* Root decides about VMs of others: a VM is shown and attested as its owner's, and networks and
 * predicates go by the owner. */
static enum status may_own(const struct caller *asker, const struct principal *owner)
{
        char text[PRINCIPAL_TEXT_SIZE], other[PRINCIPAL_TEXT_SIZE];
        enum status s = may_be_owner(owner);

        if (s || principal_is(owner, &asker->principal) || access_is_root(asker))
                return s;
        principal_write(owner, text);
        return FAIL(ST_DENIED, .subject = FMT("a VM of owner %s", text),
                    .expected = FMT("root, or %s", text),
                    .found = FMT("asked for by %s", principal_write(&asker->principal, other)),
                    .remedy = FMT("let root define it, with sudo and --owner %s; or leave --owner "
                                  "out",
                                  text));
}

/* The owner is the principal that asks, unless the request names another one. */
static enum status owner_of(const struct request *r, const struct vm_define_req *q,
                            struct principal *owner_out)
{
        *owner_out = q->owner.kind == PRINCIPAL_NOBODY ? r->caller->principal : q->owner;
        return may_own(r->caller, owner_out);
}

enum status on_vm_define(struct request *r, const struct vm_define_req *q, struct vm_define_rep *p)
{
        struct config_read_req ask = {.xl_cfg = q->config};
        struct config_read_rep c;
        struct vm_definition d = {.last_refusal = ""};
        struct mac_claim claim;
        enum status s = owner_of(r, q, &d.owner);

        if (!s)
                s = worker_call(workers.config, CONFIG_DEADLINE, CALL(config_read, &ask, &c),
                                r->arena);
        if (s)
                return s;
        d.uuid = c.uuid;
        d.name = c.name;
        d.config = c.json;
        d.disks = c.disks;
        s = mac_guard_claim(&claim, &d, r->arena);
        if (s)
                return s;
        s = compartment_define(&d, r->arena, &p->vm);
        mac_guard_drop(&claim);
        return s;
}

enum status on_vm_replace(struct request *r, const struct vm_replace_req *q,
                          struct vm_replace_rep *p)
{
        struct compartment *c;
        const char *vm;
        enum status s = replace_which(r->arena, q, &vm);

        if (!s && q->owner.kind != PRINCIPAL_NOBODY)
                s = may_own(r->caller, &q->owner);
        if (!s)
                s = requests_claim(r, vm, "define --replace", &c);
        if (s)
                return s;
        s = compartment_must_be(c, VM_STOPPED, requests_to_be_stopped(r, c));
        if (!s)
                s = replace_vm(r->arena, c, q);
        if (!s)
                compartment_summary(c, r->arena, &p->vm);
        compartment_release(c);
        return s;
}

enum status on_vm_undefine(struct request *r, const struct vm_undefine_req *q,
                           struct vm_undefine_rep *p)
{
        struct compartment *c;
        enum status s = requests_claim(r, q->vm, "undefine", &c);

        if (s)
                return s;
        s = compartment_must_be(c, VM_STOPPED, requests_to_be_stopped(r, c));
        if (!s)
                s = undefine_forget(r->arena, c, q->forget_key, p);
        if (!s)
                stop_forget(r->arena, c);
        if (!s)
                return compartment_undefine(c);
        compartment_release(c);
        return s;
}

enum status on_vm_list(struct request *r, const struct vm_list_req *q, struct vm_list_rep *p)
{
        (void)q;
        return live_list(r->arena, r->caller, &p->vms.items, &p->vms.count);
}

/* Only an admin is told of a VM that others started. */
static enum status no_such_vm(struct request *r, const char *vm)
{
        struct uuid uuid = {};

        uuid_read(vm, &uuid);
        if ((r->caller->roles & ADMIN) && live_refuse_foreign(r->arena, vm, &uuid))
                return ST_REFUSED;
        return FAIL(ST_NOT_FOUND, .subject = FMT("VM %s", vm),
                    .remedy = "`bulkhead vm list` shows what is defined");
}

enum status on_vm_show(struct request *r, const struct vm_show_req *q, struct vm_show_rep *p)
{
        struct im_shown_req ask = {.admin = r->caller->roles & ADMIN};
        struct im_shown_rep shown;
        struct vm_definition d;
        enum status s = compartment_find(q->vm, r->arena, &d, &p->vm);

        if (s == ST_DAMAGED && (r->caller->roles & ADMIN))
                return s;
        if (s || !access_sees_vm(r->caller, &d.owner))
                return no_such_vm(r, q->vm);
        live_join(r->arena, &p->vm);
        p->config = d.config;
        p->disks = d.disks;
        compartment_find_fate(q->vm, r->arena, &p->overwritten, &p->undecided);
        live_devices(r->arena, &d, &p->devices.items, &p->devices.count);
        if (!d.generation)
                return ST_DONE;
        ask.vm = d.uuid;
        s = peer_call(PEER_IM, CALL(im_shown, &ask, &shown), r->arena, PEER_SHORT);
        if (!s)
                p->descriptor = shown.descriptor;
        return s;
}
