/* SPDX-License-Identifier: Apache-2.0 */
/* Requests about the host: what it is, its keys and approvals, what is being worked on. Most are
 * integrity-mgr's to answer. */
#include "compartment-mgr/access.h"
#include "compartment-mgr/handlers.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/state_key.h"
#include "compartment-mgr/stories.h"
#include "compartment-mgr/work.h"
#include "lib/told.h"

#include <inttypes.h>
#include <string.h>

static const char *describe_work(struct arena *a, const struct work_under_way *w)
{
        const bool has_vm = strcmp(w->vm, "-") != 0;
        char who[PRINCIPAL_TEXT_SIZE];

        return arena_print(a, "%s%s%s, for %s, since %lld s", w->operation, has_vm ? " of VM " : "",
                           has_vm ? w->vm : "", principal_write(&w->asker, who),
                           (long long)(deadline_in(0) - w->since) / 1000);
}

/* What is being worked on: on VMs that the caller may see, and for the caller. */
static void add_work(struct request *r, struct facts *f)
{
        struct work_under_way *work;
        size_t count = works_list(r->arena, &work);

        for (size_t i = 0; i < count && f->count < f->room; i++)
                if (access_sees_vm(r->caller, &work[i].owner))
                        f->items[f->count++] = (struct fact){
                                "jobs", arena_print(r->arena, "%" PRIu64, work[i].number),
                                describe_work(r->arena, &work[i]), FACT_PLAIN};
}

enum status on_job_cancel(struct request *r, const struct job_cancel_req *q,
                          struct job_cancel_rep *p)
{
        bool undecided;
        enum status s = work_cancel(q->job, &r->caller->principal, r->caller->roles & ADMIN,
                                    r->arena, &p->operation, &p->vm);

        p->overwritten = "";
        if (!s && !strcmp(p->operation, "seal"))
                compartment_find_fate(p->vm, r->arena, &p->overwritten, &undecided);
        return s;
}

static enum status make_status(int64_t deadline, struct arena *a, void *reply)
{
        struct status_rep *p = reply;
        struct facts facts;

        (void)deadline;
        state_facts(a, &facts);
        p->facts = (struct fact_list){facts.items, facts.count};
        return ST_DONE;
}

/* Of whoever has no administrator's rights: questions in a loop must not keep the hypervisor and
 * the other daemons from starts. */
static enum status facts_told(struct arena *a, struct facts *facts_out)
{
        static struct told status = TOLD_INIT(1000);
        struct status_rep p = {0};
        enum status s = told(&status, &shape_status_rep, make_status, a, &p);

        facts_out->items = arena_get_many(a, STATUS_FACTS_MOST, sizeof *p.facts.items);
        facts_out->count = s ? 0 : p.facts.count;
        facts_out->room = STATUS_FACTS_MOST;
        if (facts_out->count)
                memcpy(facts_out->items, p.facts.items, facts_out->count * sizeof *p.facts.items);
        return s;
}

enum status on_status(struct request *r, const struct status_req *q, struct status_rep *p)
{
        struct facts facts;
        enum status s = ST_DONE;

        (void)q;
        if (r->caller->roles & ADMIN)
                state_facts(r->arena, &facts);
        else
                s = facts_told(r->arena, &facts);
        if (s)
                return s;
        add_work(r, &facts);
        p->facts = (struct fact_list){facts.items, facts.count};
        return ST_DONE;
}

enum status on_host_setup(struct request *r, const struct host_setup_req *q,
                          struct host_setup_rep *p)
{
        struct im_setup_req ask = {.asker = r->caller->principal,
                                   .passphrase = q->passphrase,
                                   .site_public = q->site_public,
                                   .alg = q->alg,
                                   .static_pcrs = q->static_pcrs};
        struct im_setup_rep answer;
        enum status s = peer_call(PEER_IM, CALL(im_setup, &ask, &answer), r->arena, PEER_SHORT);

        if (!s)
                p->trust = answer.trust;
        return s;
}

enum status on_host_approval(struct request *r, const struct host_approval_req *q,
                             struct host_approval_rep *p)
{
        struct im_approval_req ask = {.asker = r->caller->principal, .next_epoch = q->next_epoch};
        struct im_approval_rep answer;
        enum status s;

        ask.future = q->future;
        s = peer_call(PEER_IM, CALL(im_approval, &ask, &answer), r->arena, PEER_SHORT);
        if (s)
                return s;
        p->pcrs = answer.pcrs;
        p->epoch = answer.epoch;
        p->to_sign = answer.to_sign;
        p->site_key_here = answer.site_key_here;
        return ST_DONE;
}

enum status on_host_approve(struct request *r, const struct host_approve_req *q,
                            struct host_approve_rep *p)
{
        struct im_approve_req ask = {.asker = r->caller->principal,
                                     .epoch = q->epoch,
                                     .passphrase = q->passphrase,
                                     .signature = q->signature};
        struct im_approve_rep answer;

        enum status s;

        (void)p;
        ask.pcrs = q->pcrs;
        s = peer_call(PEER_IM, CALL(im_approve, &ask, &answer), r->arena, PEER_SHORT);
        if (!s)
                state_key_retry();
        return s;
}

enum status on_host_approvals(struct request *r, const struct host_approvals_req *q,
                              struct host_approvals_rep *p)
{
        struct im_approvals_req ask = {.asker = r->caller->principal};
        struct im_approvals_rep answer;
        enum status s = peer_call(PEER_IM, CALL(im_approvals, &ask, &answer), r->arena, PEER_SHORT);

        (void)q;
        if (s)
                return s;
        p->approvals = answer.approvals;
        p->pcrs = answer.pcrs;
        p->epoch = answer.epoch;
        p->site_key = answer.site_key;
        p->site_key_here = answer.site_key_here;
        p->unknown = answer.unknown;
        return ST_DONE;
}

enum status on_host_retire(struct request *r, const struct host_retire_req *q,
                           struct host_retire_rep *p)
{
        struct im_retire_req ask = {.asker = r->caller->principal, .epoch = q->epoch};
        struct im_retire_rep answer;
        enum status s = peer_call(PEER_IM, CALL(im_retire, &ask, &answer), r->arena, PEER_SHORT);

        if (!s)
                p->epoch = answer.epoch;
        return s;
}

enum status on_trust(struct request *r, const struct trust_req *q, struct trust_rep *p)
{
        struct im_trust_req ask = {.asker = r->caller->principal};
        struct im_trust_rep answer;
        enum status s = peer_call(PEER_IM, CALL(im_trust, &ask, &answer), r->arena, PEER_BRIEF);

        (void)q;
        if (!s)
                p->trust = answer.trust;
        return s;
}

enum status on_progress(struct request *r, const struct progress_req *q, struct progress_rep *p)
{
        struct im_progress_req ask = {.asker = r->caller->principal,
                                      .admin = r->caller->roles & ADMIN};
        struct im_progress_rep answer;
        enum status s = peer_call(PEER_IM, CALL(im_progress, &ask, &answer), r->arena, PEER_BRIEF);

        (void)q;
        if (!s)
                *p = (struct progress_rep){answer.done, answer.total, answer.what};
        return s;
}
