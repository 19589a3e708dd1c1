/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of a passphrase that is added, changed or removed. vm_passphrase comes here with the VM
 * claimed and stopped. The disks are opened by the present seal, for which all that a start checks
 * is checked. The changed headers are made in memory and journalled, and the seal is renewed: the
 * same secret, bound to the new headers, while integrity-mgr sees to it that nothing but key slots
 * has changed. The headers reach the disks after that commit, as in seal.c.
 *
 * Where the seal does not open, a passphrase opens the disks. Then the seal stays as it is, and
 * only names the journal under its next generation.
 */
#include "compartment-mgr/device_check.h"
#include "compartment-mgr/operation.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/sealed_disks.h"
#include "compartment-mgr/stories.h"

#include <string.h>
#include <unistd.h>

/* --- listing ------------------------------------------------------------------------------- */

static enum status ask_slots(struct operation *o, struct disk_slots_list *out)
{
        struct svdm_slots_req q = {};
        struct svdm_slots_rep p = {};
        enum status s = operation_svdm(o, CALL(svdm_slots, &q, &p), PEER_LONG);

        if (s)
                return s;
        *out = p.disks;
        sealed_disks_mark(&o->sealed, &o->open.disks, out);
        return ST_DONE;
}

static enum status open_to_list(struct operation *o, struct arena *a, struct compartment *c)
{
        const enum vm_state state = compartment_state(c);
        const bool rests = state == VM_STOPPED || state == VM_HIBERNATING;
        enum status s = rests ? operation_begin(o, a, c) : operation_join(o, a, c);

        if (!s)
                s = operation_read_config(o);
        if (s)
                return s;
        return rests ? operation_open_disks(o) : operation_look(o, "");
}

enum status passphrase_list(struct arena *a, struct compartment *c, struct disk_slots_list *out)
{
        struct operation o = OPERATION_NONE;
        enum status s = compartment_allow_cancel(c);

        if (!s)
                s = open_to_list(&o, a, c);
        if (!s)
                s = ask_slots(&o, out);
        operation_end(&o);
        return s;
}

/* --- changing ------------------------------------------------------------------------------ */

/* *secret_out stays -1 if the seal does not open and there is a passphrase; *unsealed_out then says
 * why. */
static enum status open_by_seal(struct operation *o, bool passphrase, int *secret_out,
                                const char **unsealed_out)
{
        const struct error *why;
        enum status s = device_check_all(o);

        if (!s)
                s = operation_present_secret(o, secret_out);
        if (!s || !passphrase || status_exit(s) != 1)
                return s;
        why = error_last();
        *unsealed_out =
                arena_print(o->arena, "%s%s%s%s%s", status_sentence(s), *why->subject ? ": " : "",
                            why->subject, *why->found ? ": " : "", why->found);
        error_clear();
        return ST_DONE;
}

static enum status edit(struct operation *o, const struct vm_passphrase_req *q, int secret,
                        struct svdm_edit_rep *edited_out)
{
        struct svdm_edit_req ask = {.change = q->change,
                                    .slot = q->slot,
                                    .secret = secret,
                                    .present = q->present,
                                    .present_form = q->present_form,
                                    .fresh = q->fresh,
                                    .fresh_form = q->fresh_form,
                                    .last = q->last};

        return operation_svdm(o, CALL(svdm_edit, &ask, edited_out), PEER_LONG);
}

/* The disks are measured as they will be. */
static enum status renew(struct operation *o, uint64_t generation, const struct digest *journal,
                         const struct svdm_edit_rep *edited)
{
        struct im_reseal_req q = {.asker = *compartment_asker(o->compartment),
                                  .vm = o->vm->uuid,
                                  .owner = o->vm->owner,
                                  .generation = generation,
                                  .slots = true,
                                  .journal = *journal,
                                  .config = operation_config(o)};
        struct im_reseal_rep p;
        enum status s = operation_open_targets(o, &o->sealed.descriptor, edited->disks.items,
                                               edited->disks.count);

        if (s)
                return s;
        q.disks = edited->disks;
        q.targets = (struct open_target_list){o->targets.items, o->targets.count};
        return peer_call(PEER_IM, CALL(im_reseal, &q, &p), o->arena, PEER_LONG);
}

static enum status name_journal(struct operation *o, uint64_t generation,
                                const struct digest *journal)
{
        struct im_journal_req q = {.asker = *compartment_asker(o->compartment),
                                   .vm = o->vm->uuid,
                                   .generation = generation,
                                   .journal = *journal};
        struct im_journal_rep p;

        return peer_call(PEER_IM, CALL(im_journal, &q, &p), o->arena, PEER_SHORT);
}

static enum status commit(struct operation *o, bool opened, const struct svdm_edit_rep *edited)
{
        const uint64_t generation = o->sealed.generation + 1;
        struct digest journal;
        enum status s = operation_stage(o, generation, &journal);

        if (s)
                return s;
        s = opened ? renew(o, generation, &journal, edited) : name_journal(o, generation, &journal);
        return operation_settle_after(o, s, generation);
}

static enum status must_be_possible(const struct vm_passphrase_req *q)
{
        if (q->change <= SLOT_REMOVE)
                return ST_DONE;
        return FAIL(ST_INVALID, .subject = "a change of passphrases",
                    .expected = "add, change or remove");
}

enum status passphrase_change(struct arena *a, struct compartment *c,
                              const struct vm_passphrase_req *q, struct vm_passphrase_rep *p)
{
        struct operation o = OPERATION_NONE;
        struct svdm_edit_rep edited = {};
        int secret = -1;
        enum status s = must_be_possible(q);

        p->unsealed = "";
        if (!s)
                s = compartment_allow_cancel(c);
        if (s)
                goto out;
        s = operation_begin(&o, a, c);
        if (s)
                goto out;
        s = operation_must_be_sealed(&o);
        if (s)
                goto out;
        s = operation_read_config(&o);
        if (s)
                goto out;
        s = operation_open_disks(&o);
        if (s)
                goto out;
        s = open_by_seal(&o, q->present >= 0, &secret, &p->unsealed);
        if (s)
                goto out;
        s = edit(&o, q, secret, &edited);
        if (s)
                goto out;
        s = ask_slots(&o, &p->disks);
        if (s)
                goto out;
        s = commit(&o, secret >= 0, &edited);
out:
        open_disks_close(edited.disks.items, edited.disks.count);
        if (secret >= 0)
                close(secret);
        operation_end(&o);
        return s;
}
