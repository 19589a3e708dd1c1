/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stories of a stop, clean or at once, and of a domain that ended by itself. vm_stop,
 * vm_destroy, hibernate.c and follow.c come here with the VM claimed. The stories ask the domain
 * worker, svdm and, for update="clean-stop", integrity-mgr.
 */
#include "compartment-mgr/live.h"
#include "compartment-mgr/memory_image.h"
#include "compartment-mgr/operation.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/stories.h"
#include "compartment-mgr/workers.h"
#include "lib/report.h"

static enum status ask_stop(struct arena *a, const struct vm_definition *vm, uint32_t seconds,
                            bool *clean)
{
        struct domain_stop_req q = {.uuid = vm->uuid, .seconds = seconds};
        struct domain_stop_rep p = {};
        enum status s = worker_call(workers.domain, DOMAIN_DEADLINE + (int)seconds * 1000,
                                    CALL(domain_stop, &q, &p), a);

        *clean = !s && p.clean;
        return s;
}

static enum status ask_destroy(struct arena *a, const struct vm_definition *vm)
{
        struct domain_destroy_req q = {.uuid = vm->uuid};
        struct domain_destroy_rep p;

        return worker_call(workers.domain, DOMAIN_DEADLINE, CALL(domain_destroy, &q, &p), a);
}

bool stop_was_clean(const struct domain_state *d)
{
        return d && d->phase == DOMAIN_SHUTDOWN &&
               (d->reason == REASON_POWEROFF || d->reason == REASON_REBOOT);
}

/* Ends the VM's domain after `seconds`, 0 for at once. If the domain is gone already, this is
 * ST_DONE, but not clean: nobody knows how it ended. A domain of this UUID that others started is
 * left alone. */
static enum status end_domain(struct arena *a, const struct vm_definition *vm, uint32_t seconds,
                              bool *clean)
{
        struct domain_list_rep domains;
        const struct domain_state *d;
        enum status s = live_domains(a, &domains);

        *clean = false;
        if (s)
                return s;
        d = live_find(&domains, &vm->uuid, true);
        if (!d)
                return ST_DONE;
        if (seconds && d->phase != DOMAIN_SHUTDOWN && d->phase != DOMAIN_DYING)
                s = ask_stop(a, vm, seconds, clean);
        else
                s = ask_destroy(a, vm);
        if (!s && stop_was_clean(d))
                *clean = true;
        return s == ST_NOT_FOUND ? ST_DONE : s;
}

static enum status give_back(struct arena *a, const struct vm_definition *vm)
{
        struct svdm_release_req q = {.vm = vm->uuid};
        struct svdm_release_rep p;

        return peer_call(PEER_SVDM, CALL(svdm_release, &q, &p), a, PEER_SHORT);
}

void stop_forget(struct arena *a, const struct compartment *c)
{
        const struct vm_definition *vm = compartment_definition(c);
        struct svdm_memory_req remove = {.vm = vm->uuid};
        struct svdm_memory_rep removed;

        if (give_back(a, vm) ||
            peer_call(PEER_SVDM, CALL(svdm_memory, &remove, &removed), a, PEER_SHORT))
                report_error("giving back what a VM held that is forgotten");
}

static enum status end_and_give_back(struct arena *a, struct compartment *c, uint32_t seconds,
                                     const char *why, bool *clean)
{
        const struct vm_definition *vm = compartment_definition(c);
        enum vm_state before = compartment_state(c);
        enum status s;

        compartment_set_state(c, VM_STOPPING, why);
        s = end_domain(a, vm, seconds, clean);
        if (s) {
                compartment_set_state(c, before, status_sentence(s));
                return s;
        }
        if (compartment_set_domain(c, 0))
                report_error("forgetting which domain ran a VM");
        s = give_back(a, vm); /* if that fails, the next operation does it */
        if (seconds && !*clean)
                why = "no clean stop: ended by force, or it had ended otherwise";
        compartment_set_state(c, compartment_at_rest(c), s ? status_sentence(s) : why);
        return s;
}

/* The TCB vouches for what the guest wrote: it seals the same secret to what the disks are now. If
 * that fails, the VM is still VM_STOPPING, so that a repeated stop can do it: once stopped, the VM
 * could never start again. Only memory says that a re-seal is due: a file could be put there by an
 * attacker who has the disk. */
static enum status reseal(struct arena *a, struct compartment *c)
{
        struct operation o = OPERATION_NONE;
        struct im_reseal_req q = {.asker = *compartment_asker(c)};
        struct im_reseal_rep p;
        enum status s = operation_begin(&o, a, c);

        if (s || !o.sealed.generation || !o.sealed.descriptor.clean_stop)
                goto out;
        compartment_set_state(c, VM_SEALING, "clean stop");
        s = operation_read_config(&o);
        if (!s)
                s = operation_open_disks(&o);
        if (!s)
                s = operation_open_targets(&o, &o.sealed.descriptor, o.open.disks.items,
                                           o.open.disks.count);
        if (s)
                goto out;
        q.vm = o.vm->uuid;
        q.owner = o.vm->owner;
        q.generation = o.sealed.generation + 1;
        q.config = operation_config(&o);
        q.disks = o.open.disks;
        q.targets = (struct open_target_list){o.targets.items, o.targets.count};
        s = peer_call(PEER_IM, CALL(im_reseal, &q, &p), a, PEER_LONG);
        if (!s)
                s = compartment_set_generation(c, q.generation);
out:
        operation_end(&o);
        compartment_set_state(c, s ? VM_STOPPING : compartment_at_rest(c),
                              s ? "its disks are not sealed anew: repeat the stop" : "");
        return s;
}

enum status stop_vm(struct arena *a, struct compartment *c, uint32_t seconds, bool *clean_out)
{
        enum status s;

        *clean_out = compartment_state(c) == VM_STOPPING; /* an earlier stop came half-way */
        if (!*clean_out) {
                s = end_and_give_back(a, c, seconds, "", clean_out);
                if (s || !*clean_out)
                        return s;
        }
        return compartment_set_refusal(c, reseal(a, c));
}

enum status stop_at_once(struct arena *a, struct compartment *c)
{
        bool clean;
        enum status s = end_and_give_back(a, c, 0, "", &clean);

        if (!s)
                s = memory_image_forget(a, c);
        if (!s)
                compartment_set_state(c, VM_STOPPED, "");
        return s;
}

enum status stop_saved(struct arena *a, struct compartment *c)
{
        bool clean;

        return end_and_give_back(a, c, 0, "its memory is on disk", &clean);
}

enum status stop_ended(struct arena *a, struct compartment *c, const char *why, bool *clean_out)
{
        enum status s = end_and_give_back(a, c, 0, why, clean_out);

        if (s || !*clean_out)
                return s;
        return compartment_set_refusal(c, reseal(a, c));
}
