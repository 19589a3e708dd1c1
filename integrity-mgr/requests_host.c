/* SPDX-License-Identifier: Apache-2.0 */
/* The requests about the host: its set-up, and the states of it that are approved. */
#include "integrity-mgr/im_state.h"
#include "lib/server.h"
#include "integrity-mgr/generations.h"
#include "integrity-mgr/host.h"
#include "integrity-mgr/host_log.h"
#include "integrity-mgr/tpm_client.h"
#include "integrity-mgr/trust_record.h"
#include "lib/component.h"
#include "lib/io.h"
#include "lib/told.h"

#include <pthread.h>
#include <time.h>

#define IM_MSG HANDLER_PROTOTYPE
#include "bulkhead/messages.def"

/* The keys are pinned last: until then the host is not set up, and set-up can be repeated. */
static enum status set_up(struct arena *a, const struct im_setup_req *q)
{
        struct tpm_setup_req ask = {
                .passphrase = q->passphrase,
                .site_public = q->site_public,
                .alg = q->alg ? q->alg : HASH_SHA256,
                .static_pcrs = q->static_pcrs,
        };
        struct tpm_setup_rep made;
        enum status s = tpm_client_passphrase(q->passphrase);

        if (!s)
                s = tpm_client_call(CALL(tpm_setup, &ask, &made), a);
        if (s)
                return s;
        s = host_log_open(im_state_folder(), made.keys.alg);
        return s ? s : host_set_up(&made.keys);
}

enum status on_im_setup(struct request *r, const struct im_setup_req *q, struct im_setup_rep *p)
{
        static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
        enum status s = im_state_asked_by(&q->asker);

        if (s)
                return s;
        pthread_mutex_lock(&one_at_a_time);
        if (host_get())
                s = FAIL(ST_EXISTS, .subject = "the set-up of this host",
                         .remedy = "to approve a new state of it: bulkhead host approve; if its "
                                   "TPM was replaced: docs/operations.md, \"What does it mean "
                                   "when a start is refused?\"");
        if (!s)
                s = set_up(r->arena, q);
        pthread_mutex_unlock(&one_at_a_time);
        if (s)
                return s;
        host_log_event(&q->asker, "setup", COMPONENT_HOST, 0, s);
        /* The AK opens in approved states only, so before the first approval there is no record. */
        s = trust_record(deadline_in(TOLD_WAIT), r->arena, &p->trust);
        return s == ST_NOT_APPROVED ? ST_DONE : s;
}

/* Puts the value of a future state in the place of the present one. */
static enum status put_future(const struct pcr_value *f, struct pcr_value *pcrs, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (pcrs[i].pcr == f->pcr && pcrs[i].value.alg == f->value.alg) {
                        pcrs[i].value = f->value;
                        return ST_DONE;
                }
        return FAIL(ST_INVALID, .subject = FMT("PCR %u", f->pcr),
                    .expected = "one of this host's static PCRs, in their bank",
                    .found = hash_name(f->value.alg), .remedy = "bulkhead status names them");
}

enum status on_im_approval(struct request *r, const struct im_approval_req *q,
                           struct im_approval_rep *p)
{
        struct tpm_static_req none = {};
        struct tpm_static_rep now;
        struct tpm_approval_req ask;
        struct tpm_approval_rep made;
        const struct host_state *h;
        enum status s = im_state_asked_by(&q->asker);

        if (!s)
                s = host_needed(&h);
        if (!s)
                s = tpm_client_call(CALL(tpm_static, &none, &now), r->arena);
        for (size_t i = 0; i < q->future.count && !s; i++)
                s = put_future(&q->future.items[i], now.pcrs.items, now.pcrs.count);
        if (s)
                return s;
        ask = (struct tpm_approval_req){.pcrs = {now.pcrs.items, now.pcrs.count},
                                        .epoch = now.epoch + q->next_epoch};
        s = tpm_client_call(CALL(tpm_approval, &ask, &made), r->arena);
        if (s)
                return s;
        p->pcrs = now.pcrs;
        p->epoch = ask.epoch;
        p->to_sign = made.to_sign;
        p->site_key_here = h->keys.site_private.len;
        return ST_DONE;
}

/* The table of seals is signed by a key that opens in approved states only. So it begins with the
 * first approval, and before that approval is kept. */
static enum status begin_table(const struct host_state *h, const struct approval *first)
{
        struct approval approvals[] = {*first};
        enum status s;

        tpm_client_use(&(struct tpm_use_req){.keys = h->keys, .approvals = {approvals, 1}});
        s = generations_begin();
        if (s == ST_NOT_APPROVED)
                s = FAIL(ST_NOT_APPROVED, .subject = "the first approval of this host",
                         .expected = "the state that it is in", .found = "another state",
                         .remedy = "bulkhead host approve, and then the future state");
        return s;
}

/* What is not on disk is not used: the TPM worker has remembered the approval already. */
static enum status approve(struct arena *a, const struct im_approve_req *q)
{
        struct tpm_approve_req ask = {.pcrs = {q->pcrs.items, q->pcrs.count},
                                      .epoch = q->epoch,
                                      .passphrase = q->passphrase,
                                      .signature = q->signature};
        struct tpm_approve_rep made;
        const struct host_state *h;
        enum status s = host_needed(&h);

        if (!s && !q->signature.len)
                s = tpm_client_passphrase(q->passphrase);
        if (!s)
                s = tpm_client_call(CALL(tpm_approve, &ask, &made), a);
        if (s)
                return s;
        made.approval.time = (uint64_t)time(NULL);
        made.approval.approver = q->asker;
        /* A table that is there is kept: whoever has the disk may have emptied the approvals. */
        if (!h->approvals.count && !generations_exist())
                s = begin_table(h, &made.approval);
        if (!s)
                s = host_approve(&made.approval);
        if (s)
                tpm_client_use(&(struct tpm_use_req){
                        .keys = h->keys, .approvals = {h->approvals.items, h->approvals.count}});
        return s;
}

enum status on_im_approve(struct request *r, const struct im_approve_req *q,
                          struct im_approve_rep *p)
{
        static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
        enum status s = im_state_asked_by(&q->asker);

        (void)p;
        if (s)
                return s;
        /* Two first approvals at once would each begin the table, the later one over seals. */
        pthread_mutex_lock(&one_at_a_time);
        s = approve(r->arena, q);
        pthread_mutex_unlock(&one_at_a_time);
        if (host_get())
                host_log_event(&q->asker, "approve", COMPONENT_HOST, 0, s);
        return s;
}

enum status on_im_approvals(struct request *r, const struct im_approvals_req *q,
                            struct im_approvals_rep *p)
{
        struct tpm_static_req none = {};
        struct tpm_static_rep now;
        const struct host_state *h;
        enum status s = im_state_asked_by(&q->asker);

        if (!s)
                s = host_needed(&h);
        if (s)
                return s;
        p->approvals = (struct approval_list){h->approvals.items, h->approvals.count};
        p->site_key = host_site_key(&h->keys);
        p->site_key_here = h->keys.site_private.len;
        p->unknown = "";
        if (!tpm_client_call(CALL(tpm_static, &none, &now), r->arena)) {
                p->pcrs = now.pcrs;
                p->epoch = now.epoch;
        } else {
                p->unknown = arena_print(r->arena, "%s: %s", error_last()->subject,
                                         status_sentence(error_last()->status));
                error_clear();
        }
        return ST_DONE;
}

enum status on_im_retire(struct request *r, const struct im_retire_req *q, struct im_retire_rep *p)
{
        struct tpm_retire_req ask = {.epoch = q->epoch};
        struct tpm_retire_rep retired = {};
        const struct host_state *h;
        enum status s = im_state_asked_by(&q->asker);

        if (!s)
                s = host_needed(&h);
        if (s)
                return s;
        s = tpm_client_call(CALL(tpm_retire, &ask, &retired), r->arena);
        host_log_event(&q->asker, "retire", COMPONENT_HOST, 0, s);
        p->epoch = retired.epoch;
        return s;
}
