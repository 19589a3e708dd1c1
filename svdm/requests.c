/* SPDX-License-Identifier: Apache-2.0 */
/*
 * svdm's requests except those of a seal (seal.c) and of a VM that runs (look.c): opening,
 * starting, stopping, status. The daemon itself opens no disk, holds no key and does not know LUKS:
 * it asks the job of the session.
 */
#include "svdm/requests.h"
#include "lib/channel.h"
#include "lib/config.h"
#include "lib/priority.h"
#include "svdm/opener.h"
#include "svdm/session.h"

#include <string.h>
#include <unistd.h>

enum { BARE_MOST = 48 }; /* facts */

/* --- opening ------------------------------------------------------------------------------- */

static enum status refuse_running(const struct uuid *vm)
{
        return FAIL(ST_WRONG_STATE, .subject = "the VM", .found = "it holds its disks already",
                    .remedy = FMT("bulkhead vm stop %s", UUID_TEXT(vm)));
}

/* Nobody else has an operation on this VM, so whatever is mapped for it was left by a dead one. */
static enum status open_claimed(struct request *r, struct session *n, const struct svdm_open_req *q,
                                struct svdm_open_rep *p)
{
        const struct device_open_req ask = {.vm = q->vm,
                                            .devices = {q->devices.items, q->devices.count}};
        struct device_open_rep opened = {0};
        enum status s = held_by(&q->vm) ? refuse_running(&q->vm) : ST_DONE;

        if (!s)
                s = job_call(n->job, CALL(device_open, &ask, &opened), r->arena);
        if (s)
                return s;
        p->disks = opened.disks; /* the reply owns the descriptors from here on */
        if (opened.disks.count > q->devices.count)
                return FAIL(ST_WORKER, .subject = "device_worker",
                            .found = "not the disks asked for");
        s = held_claim_disks(n->claim, opened.held.items, opened.held.count);
        return s ? s : session_remember(n, opened.disks.items, opened.disks.count);
}

enum status on_svdm_open(struct request *r, const struct svdm_open_req *q, struct svdm_open_rep *p)
{
        struct session *n;
        enum status s = session_claim(r, &q->vm, &n);

        if (s)
                return s;
        n->look = false;
        s = session_opened(n, open_claimed(r, n, q, p), &shape_svdm_open_rep, p);
        if (s)
                p->disks.count = 0;
        return s;
}

enum status on_svdm_open_target(struct request *r, const struct svdm_open_target_req *q,
                                struct svdm_open_target_rep *p)
{
        return opener_open(svdm.worker, q->path, r->arena, &p->disk);
}

enum status on_svdm_open_attested(struct request *r, const struct svdm_open_attested_req *q,
                                  struct svdm_open_attested_rep *p)
{
        if (!q->admin)
                priority_give_way();
        return opener_open(svdm.worker, q->path, r->arena, &p->disk);
}

/* --- starting and stopping ----------------------------------------------------------------- */

enum status on_svdm_key_pipe(struct request *r, const struct svdm_key_pipe_req *q,
                             struct svdm_key_pipe_rep *p)
{
        const struct device_key_pipe_req ask = {};
        struct device_key_pipe_rep made = {.secret = -1};
        struct session *n;
        enum status s = session_open(r, &n);

        (void)q;
        if (!s)
                s = job_call(n->job, CALL(device_key_pipe, &ask, &made), r->arena);
        p->secret = s ? -1 : made.secret;
        return s;
}

enum status on_svdm_unlock(struct request *r, const struct svdm_unlock_req *q,
                           struct svdm_unlock_rep *p)
{
        const struct device_unlock_req ask = {};
        struct device_unlock_rep mapped = {.memory = -1};
        struct session *n;
        enum status s = session_open_long(r, &n);

        (void)q;
        p->memory = -1;
        if (!s && !n->look && held_by(&n->vm))
                s = refuse_running(&n->vm);
        /* The session remembers this longer than the request lasts: hence its own arena. */
        if (!s)
                s = job_call(n->job, CALL(device_unlock, &ask, &mapped), n->arena);
        if (s)
                return s;
        p->devices = mapped.devices;
        p->memory = mapped.memory;
        n->mapped = (struct mapped){mapped.devices.items, mapped.devices.count, mapped.bare};
        n->unlocked = true;
        return ST_DONE;
}

enum status on_svdm_check(struct request *r, const struct svdm_check_req *q,
                          struct svdm_check_rep *p)
{
        const struct device_check_req ask = {};
        struct device_check_rep checked;
        struct session *n;
        enum status s = session_open(r, &n);

        (void)q, (void)p;
        return s ? s : job_call(n->job, CALL(device_check, &ask, &checked), r->arena);
}

enum status on_svdm_keep(struct request *r, const struct svdm_keep_req *q, struct svdm_keep_rep *p)
{
        struct session *n;
        enum status s = session_open(r, &n);

        (void)q, (void)p;
        if (!s && (n->kept || !n->unlocked))
                s = FAIL(ST_WRONG_STATE, .subject = "the disks", .expected = "unlocked, once");
        if (!s)
                s = n->look ? held_add(n->claim, n->device, &n->mapped)
                            : held_keep(n->claim, &n->mapped);
        if (!s)
                n->kept = true;
        return s;
}

enum status on_svdm_release(struct request *r, const struct svdm_release_req *q,
                            struct svdm_release_rep *p)
{
        struct claim *claim;
        enum status s = held_claim(&q->vm, &claim); /* so no operation loses what it has mapped */

        (void)p;
        if (s)
                return s;
        s = session_release(&q->vm, "", r->arena);
        if (!s)
                s = held_release(&q->vm);
        held_drop(claim);
        return s;
}

/* --- status -------------------------------------------------------------------------------- */

enum status on_svdm_status(struct request *r, const struct svdm_status_req *q,
                           struct svdm_status_rep *p)
{
        const bool simulated = !strcmp(svdm.backend, "sim");
        const char *bare[BARE_MOST];
        const size_t bare_count = held_bare(r->arena, bare, BARE_MOST);
        const struct fact facts[] = {
                {"devices", "back-end",
                 simulated ? "sim: simulated, no device is mapped" : svdm.backend,
                 simulated ? FACT_WARNING : FACT_PLAIN},
                {"devices", "VMs that hold disks", arena_print(r->arena, "%zu", held_count()),
                 FACT_PLAIN},
                {"devices", "svdm runs as",
                 svdm.own_user
                         ? USER_SVDM
                         : arena_print(r->arena, "uid %u, not as " USER_SVDM, (unsigned)getuid()),
                 svdm.own_user ? FACT_PLAIN : FACT_WARNING},
        };

        (void)q;
        p->facts.count = sizeof facts / sizeof *facts;
        p->facts.items = arena_get_many(r->arena, p->facts.count + bare_count + 1, sizeof *facts);
        memcpy(p->facts.items, facts, sizeof facts);
        if (held_unknown())
                p->facts.items[p->facts.count++] = (struct fact){
                        "devices", "damaged",
                        arena_print(r->arena,
                                    "of %zu VMs the disks are not known: stop and start them; see "
                                    "svdm's log",
                                    held_unknown()),
                        FACT_WARNING};
        for (size_t i = 0; i < bare_count; i++)
                p->facts.items[p->facts.count++] = (struct fact){
                        "devices", arena_print(r->arena, "disk %s", bare[i]),
                        "no integrity: what is changed outside is read", FACT_WARNING};
        return ST_DONE;
}

unsigned svdm_roles_of(uint16_t number)
{
        switch (number) {
        case MESSAGE_svdm_open_attested:
                return VERIFIER;
        case MESSAGE_svdm_status:
                return 0;
        default:
                return DAEMON;
        }
}

const struct handler svdm_handlers[] = {
#define SVDM_MSG HANDLER_ENTRY
#include "bulkhead/messages.def"
};
const size_t svdm_handlers_count = sizeof svdm_handlers / sizeof *svdm_handlers;
