/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of an attestation at the door (OpenTC D05.4, figure 3.7). If this principal may see
 * this projection, svdm opens the targets, and integrity-mgr attests them.
 */
#include "compartment-mgr/descriptors.h"
#include "compartment-mgr/operation.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/stories.h"
#include "compartment-mgr/work.h"
#include "lib/places.h"

#include <unistd.h>

/* Threads here, of the 64 that the door has, and with them the requests, jobs and children of svdm,
 * integrity-mgr and the workers behind: whoever attests, 16 are left for starts, stops and seals.
 * No attestation waits for its place, since it would have a thread while it waits. */
enum { ATTESTATIONS_MOST = 48, ATTESTATIONS_OF_ONE = 16, ATTESTATIONS_OF_ADMINS = 8 };

static struct places attestations =
        PLACES("attestations", "attestations at once", ATTESTATIONS_MOST, ATTESTATIONS_OF_ONE,
               ATTESTATIONS_OF_ADMINS);

static enum status ask(struct place_taker by, const struct attest_req *q,
                       const struct descriptor *d, const struct targets *t, struct arena *a,
                       struct attest_rep *p)
{
        struct im_attest_req ask = {.asker = *by.by,
                                    .admin = by.admin,
                                    .descriptor = *d,
                                    .challenge = q->challenge,
                                    .log_seen = q->log_seen};
        struct im_attest_rep answer;
        enum status s;

        ask.targets.items = (struct open_target *)t->items;
        ask.targets.count = t->count;
        s = peer_call(PEER_IM, CALL(im_attest, &ask, &answer), a, PEER_LONG);
        if (s)
                return s;
        p->evidence = answer.evidence;
        p->tpm_time = answer.tpm_time;
        return ST_DONE;
}

/* For a verifier or an administrator. */
struct opening {
        int svdm;
        bool admin;
};

static enum status open_path(void *with, const char *path, struct arena *a,
                             struct open_disk *disk_out)
{
        const struct opening *o = with;
        struct svdm_open_attested_req q = {.admin = o->admin, .path = path};
        struct svdm_open_attested_rep p;
        enum status s = peer_ask(o->svdm, CALL(svdm_open_attested, &q, &p), a, PEER_SHORT);

        if (!s)
                *disk_out = p.disk;
        return s;
}

/* Only opens, so that another request can use the connection afterwards. */
static enum status open_targets(const struct caller *asker, const struct descriptor *d,
                                struct targets *t, struct arena *a)
{
        struct opening o = {.admin = asker->roles & ADMIN};
        const struct facts_scope scope = {.asker = asker};
        const struct targets_from from = {&scope, open_path, &o};
        enum status s = peer_borrow(PEER_SVDM, &o.svdm);

        if (s)
                return s;
        s = targets_open(t, d, NULL, 0, &from, a);
        if (s)
                close(o.svdm);
        else
                peer_park(PEER_SVDM, o.svdm);
        return s;
}

static enum status attest(struct request *r, struct place_taker by, const struct attest_req *q,
                          struct attest_rep *p)
{
        struct reading reading = READING_NONE;
        struct targets t = TARGETS_NONE;
        struct descriptor d;
        enum status s;

        s = descriptors_ask(&reading, q->descriptor, DESCRIPTOR_ATTESTATION, r->arena);
        if (!s)
                s = descriptors_answer(&reading, r->arena, &d);
        if (s)
                goto out;
        s = targets_permit(r->caller, d.targets.items, d.targets.count);
        if (!s)
                s = targets_check(d.targets.items, d.targets.count);
        if (s)
                goto out;
        s = open_targets(r->caller, &d, &t, r->arena);
        if (s)
                goto out;
        s = descriptors_end(&reading); /* it ended while the targets were opened */
        if (s)
                goto out;
        s = ask(by, q, &d, &t, r->arena, p);
out:
        descriptors_drop(&reading);
        targets_clear(&t);
        return s;
}

enum status attest_request(struct request *r, const struct attest_req *q, struct attest_rep *p)
{
        const struct principal *asker = &r->caller->principal;
        const struct place_taker by = {asker, r->caller->roles & ADMIN};
        struct work *work;
        enum status s = places_take(&attestations, by, 1, 0);

        if (s)
                return s;
        work = work_begin("attestation", "-", asker, asker);
        s = work_allow(work);
        if (!s)
                s = attest(r, by, q, p);
        if (!s)
                work_committed(work);
        work_end(work);
        places_give(&attestations, by, 1);
        return s;
}
