/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of a stop, clean or at once. Comes here from vm_stop and vm_destroy with the VM claimed
 * and running; asks the domain worker, svdm and, for update="clean-stop", integrity-mgr.
 */
#include "compartment-mgr/operation.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/stories.h"
#include "compartment-mgr/workers.h"

/* A domain that is gone already is what was wanted. */
static enum status end_domain(struct arena *a, const struct vm_definition *vm,
                              enum message_number number, uint32_t seconds)
{
        struct domain_stop_req stop = {.uuid = vm->uuid, .seconds = seconds};
        struct domain_destroy_req destroy = {.uuid = vm->uuid};
        struct domain_stop_rep stopped;
        struct domain_destroy_rep destroyed;
        enum status s;

        if (number == MESSAGE_domain_stop)
                s = worker_call(workers.domain, DOMAIN_DEADLINE + (int)seconds * 1000,
                                MESSAGE_domain_stop, &stop, &stopped, a);
        else
                s = worker_call(workers.domain, DOMAIN_DEADLINE, MESSAGE_domain_destroy, &destroy,
                                &destroyed, a);
        return s == ST_NOT_FOUND ? ST_DONE : s;
}

static enum status give_back(struct arena *a, const struct vm_definition *vm)
{
        struct svdm_release_req q = {.vm = vm->uuid};
        struct svdm_release_rep p;

        return peer_call(PEER_SVDM, MESSAGE_svdm_release, &q, &p, a, PEER_SHORT);
}

static enum status end_and_give_back(struct arena *a, struct compartment *c,
                                     enum message_number number, uint32_t seconds)
{
        const struct vm_definition *vm = compartment_definition(c);
        enum vm_state before = compartment_state(c);
        enum status s;

        compartment_set_state(c, VM_STOPPING, "");
        s = end_domain(a, vm, number, seconds);
        if (s) {
                compartment_set_state(c, before, status_sentence(s));
                return s;
        }
        s = give_back(a, vm); /* if that fails, the next operation does it */
        compartment_set_state(c, VM_STOPPED, s ? status_sentence(s) : "");
        return s;
}

/* The TCB vouches for what the guest wrote: the same secret, sealed to what the disks are now. If
 * that fails, the VM is still stopping, so that a repeated stop can do it: once stopped it could
 * never start again. This is kept in memory alone: who has the disk shall not ask for a re-seal. */
static enum status reseal(struct arena *a, struct compartment *c)
{
        struct operation o = OPERATION_NONE;
        struct im_reseal_req q = {};
        struct im_reseal_rep p;
        enum status s = operation_begin(&o, a, c);

        if (s || !o.sealed.generation || !o.sealed.descriptor.clean_stop)
                goto out;
        compartment_set_state(c, VM_SEALING, "clean stop");
        s = operation_open_disks(&o);
        if (!s)
                s = operation_open_targets(&o, &o.sealed.descriptor, o.open.disks.items,
                                           o.open.disks.count);
        if (s)
                goto out;
        q.vm = o.vm->uuid;
        q.generation = o.sealed.generation + 1;
        q.config = operation_config(&o);
        q.disks.items = o.open.disks.items;
        q.disks.count = o.open.disks.count;
        q.targets.items = o.targets.items;
        q.targets.count = o.targets.count;
        s = peer_call(PEER_IM, MESSAGE_im_reseal, &q, &p, a, PEER_LONG);
        if (!s)
                s = compartment_set_generation(c, q.generation);
out:
        operation_end(&o);
        compartment_set_state(c, s ? VM_STOPPING : VM_STOPPED,
                              s ? "its disks are not sealed anew: repeat the stop" : "");
        return s;
}

enum status stop(struct arena *a, struct compartment *c, uint32_t seconds)
{
        enum status s = end_and_give_back(a, c, MESSAGE_domain_stop, seconds);

        return s ? s : compartment_set_refusal(c, reseal(a, c));
}

enum status stop_at_once(struct arena *a, struct compartment *c)
{
        return end_and_give_back(a, c, MESSAGE_domain_destroy, 0);
}
