/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thin handlers: each hands its request to the story that answers it. compartment-mgr alone comes
 * here (DAEMON).
 */
#include "integrity-mgr/requests.h"
#include "integrity-mgr/attest.h"
#include "integrity-mgr/generations.h"
#include "integrity-mgr/im_state.h"
#include "integrity-mgr/im_status.h"
#include "integrity-mgr/measure.h"
#include "integrity-mgr/memory_image.h"
#include "integrity-mgr/seal.h"
#include "integrity-mgr/state_key.h"
#include "integrity-mgr/trust_record.h"
#include "lib/interrupt.h"
#include "lib/priority.h"
#include "lib/told.h"

#define IM_MSG HANDLER_PROTOTYPE
#include "bulkhead/messages.def"

/* im_state_asked_by() of a request that may take as long as a disk is large: it ends when
 * compartment-mgr asks no more. What commits is not interrupted (generations.c). */
static enum status asked_long_by(const struct principal *asker)
{
        interrupt_allow(-1);
        return im_state_asked_by(asker);
}

enum { TOLD_FOR = 2 * 1000 /* ms */ };

static enum status tell_status(int64_t deadline, struct arena *a, void *reply)
{
        im_status(deadline, a, im_state_own_user(), reply);
        return ST_DONE;
}

static enum status tell_trust(int64_t deadline, struct arena *a, void *reply)
{
        return trust_record(deadline, a, &((struct im_trust_rep *)reply)->trust);
}

enum status on_im_status(struct request *r, const struct im_status_req *q, struct im_status_rep *p)
{
        static struct told status = TOLD_INIT(TOLD_FOR);

        (void)q;
        priority_give_way();
        return told(&status, &shape_im_status_rep, tell_status, r->arena, p);
}

enum status on_im_attest(struct request *r, const struct im_attest_req *q, struct im_attest_rep *p)
{
        enum status s = asked_long_by(&q->asker);

        if (!q->admin)
                priority_give_way();
        return s ? s : attest_make(r->arena, q, p);
}

enum status on_im_seal(struct request *r, const struct im_seal_req *q, struct im_seal_rep *p)
{
        enum status s = asked_long_by(&q->asker);

        (void)p;
        return s ? s : seal_make(r->arena, q);
}

enum status on_im_unseal(struct request *r, const struct im_unseal_req *q, struct im_unseal_rep *p)
{
        enum status s = asked_long_by(&q->asker);

        return s ? s : seal_unseal(r->arena, q, &p->generation);
}

enum status on_im_reseal(struct request *r, const struct im_reseal_req *q, struct im_reseal_rep *p)
{
        /* What a guest that stopped has written nobody vouches for a second time. */
        enum status s = q->slots ? asked_long_by(&q->asker) : im_state_asked_by(&q->asker);

        (void)p;
        return s ? s : seal_renew(r->arena, q);
}

enum status on_im_progress(struct request *r, const struct im_progress_req *q,
                           struct im_progress_rep *p)
{
        if (!q->admin)
                priority_give_way();
        measure_progress_of(&q->asker, r->arena, p);
        return ST_DONE;
}

enum status on_im_journal(struct request *r, const struct im_journal_req *q,
                          struct im_journal_rep *p)
{
        enum status s = im_state_asked_by(&q->asker);

        (void)p;
        return s ? s : seal_name_journal(r->arena, q);
}

enum status on_im_sealed(struct request *r, const struct im_sealed_req *q, struct im_sealed_rep *p)
{
        enum status s = generations_need_host();

        return s ? s : seal_present(r->arena, &q->vm, p);
}

enum status on_im_shown(struct request *r, const struct im_shown_req *q, struct im_shown_rep *p)
{
        enum status s = generations_need_host();

        if (!q->admin)
                priority_give_way();
        return s ? s : seal_shown(r->arena, &q->vm, &p->descriptor);
}

enum status on_im_forget(struct request *r, const struct im_forget_req *q, struct im_forget_rep *p)
{
        enum status s = im_state_asked_by(&q->asker);

        (void)r, (void)p;
        return s ? s : seal_forget(&q->asker, &q->vm);
}

enum status on_im_device(struct request *r, const struct im_device_req *q, struct im_device_rep *p)
{
        enum status s = asked_long_by(&q->asker);

        (void)p;
        return s ? s : seal_device(r->arena, q);
}

enum status on_im_try_device(struct request *r, const struct im_try_device_req *q,
                             struct im_try_device_rep *p)
{
        enum status s = asked_long_by(&q->asker);

        (void)p;
        return s ? s : seal_try_device(r->arena, q);
}

enum status on_im_state_key(struct request *r, const struct im_state_key_req *q,
                            struct im_state_key_rep *p)
{
        (void)q;
        return state_key_get(r->arena, p);
}

enum status on_im_state_kept(struct request *r, const struct im_state_kept_req *q,
                             struct im_state_kept_rep *p)
{
        (void)r, (void)q, (void)p;
        return state_key_kept();
}

enum status on_im_memory(struct request *r, const struct im_memory_req *q, struct im_memory_rep *p)
{
        enum status s = im_state_asked_by(&q->asker);

        (void)r, (void)p;
        return s ? s : memory_image_set(&q->asker, &q->vm, q->memory);
}

enum status on_im_trust(struct request *r, const struct im_trust_req *q, struct im_trust_rep *p)
{
        static struct told trust = TOLD_INIT(TOLD_FOR);
        enum status s = im_state_asked_by(&q->asker);

        priority_give_way();
        return s ? s : told(&trust, &shape_im_trust_rep, tell_trust, r->arena, p);
}

/* So starts, stops and seals have a quarter of threads and memory that attestations never have, and
 * half that what is told to anybody never has. */
unsigned requests_roles_of(uint16_t number)
{
        switch (number) {
        case MESSAGE_im_attest:
        case MESSAGE_im_progress:
        case MESSAGE_im_shown:
                return VERIFIER;
        case MESSAGE_im_status:
        case MESSAGE_im_trust:
                return 0;
        default:
                return DAEMON;
        }
}

const struct handler requests_handlers[] = {
#define IM_MSG HANDLER_ENTRY
#include "bulkhead/messages.def"
};
const size_t requests_handlers_count = sizeof requests_handlers / sizeof *requests_handlers;
