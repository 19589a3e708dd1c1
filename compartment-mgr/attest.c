/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of an attestation at the door (OpenTC D05.4, figure 3.7): may this principal see this
 * projection, then integrity-mgr does it on targets that svdm opened.
 */
#include "compartment-mgr/operation.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/stories.h"
#include "lib/worker.h"

#include <unistd.h>

static enum status ask(const struct principal *asker, const struct attest_req *q,
                       const struct descriptor *d, const struct targets *t, struct arena *a,
                       struct attest_rep *p)
{
        struct im_attest_req ask = {.asker = *asker,
                                    .descriptor = *d,
                                    .challenge = q->challenge,
                                    .log_seen = q->log_seen};
        struct im_attest_rep answer;
        enum status s;

        ask.targets.items = (struct open_disk *)t->items;
        ask.targets.count = t->count;
        s = peer_call(PEER_IM, CALL(im_attest, &ask, &answer), a, PEER_LONG);
        if (s)
                return s;
        p->evidence = answer.evidence;
        p->tpm_time = answer.tpm_time;
        return ST_DONE;
}

enum status attest_request(struct request *r, const struct attest_req *q, struct attest_rep *p)
{
        struct targets t = TARGETS_NONE;
        struct descriptor d;
        struct job *xml;
        int svdm = -1;
        const struct facts_scope scope = {.asker = r->caller};
        const struct targets_from from = {&scope, operation_open_path, &svdm};
        enum status s;

        s = operation_ask_descriptor(q->descriptor, 1, r->arena, &d, &xml);
        if (s)
                goto out;
        s = targets_permit(r->caller, d.targets.items, d.targets.count);
        if (s)
                goto out;
        s = peer_connect(PEER_SVDM, PEER_PATIENCE, &svdm);
        if (s)
                goto out;
        s = targets_open(&t, &d, NULL, 0, &from, r->arena);
        if (s)
                goto out;
        s = job_end(xml); /* it ended while the targets were opened */
        xml = NULL;
        if (s)
                goto out;
        s = ask(&r->caller->principal, q, &d, &t, r->arena, p);
out:
        job_kill(xml);
        targets_clear(&t);
        if (svdm >= 0)
                close(svdm);
        return s;
}
