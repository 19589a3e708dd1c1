/* SPDX-License-Identifier: Apache-2.0 */
/*
 * svdm's requests about the disks of a VM that runs: a look at all of them, so that they can be
 * measured again while the guest uses them, and taking one away. What follows a look (key pipe,
 * unlock, check, keep) is in requests.c, as for a start.
 */
#include "svdm/requests.h"
#include "svdm/session.h"

#include <string.h>

static enum status refuse_held(const struct svdm_look_req *q, const struct block_device *mapped,
                               size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (!strcmp(mapped[i].device, q->device))
                        return FAIL(ST_EXISTS, .subject = FMT("device %s", q->device),
                                    .expected = "one that the VM does not hold",
                                    .found = "it holds it already",
                                    .remedy = FMT("bulkhead vm detach %s %s", UUID_TEXT(&q->vm),
                                                  q->device));
        return ST_DONE;
}

/* A device may lie in no disk. */
static bool is_of(const char *device, const struct held_disk_list *held)
{
        for (size_t i = 0; i < held->count; i++)
                if (strcmp(held->items[i].name, device))
                        return false;
        return true;
}

static enum status look_claimed(struct request *r, struct session *n, const struct svdm_look_req *q,
                                struct svdm_look_rep *p)
{
        struct device_look_req ask = {
                .vm = q->vm, .devices = {q->devices.items, q->devices.count}, .device = q->device};
        struct device_look_rep opened = {0};
        enum status s = held_devices(&q->vm, r->arena, &ask.mapped.items, &ask.mapped.count);

        if (!s)
                s = refuse_held(q, ask.mapped.items, ask.mapped.count);
        if (s)
                return s; /* n->device is still "", so the undo unmaps nothing of the VM's */
        n->device = arena_text(n->arena, q->device);
        s = job_call(n->job, CALL(device_look, &ask, &opened), r->arena);
        if (s)
                return s;
        p->disks = opened.disks; /* the reply owns the descriptors from here on */
        if (opened.disks.count > q->devices.count || !is_of(q->device, &opened.held))
                return FAIL(ST_WORKER, .subject = "device_worker",
                            .found = "not the disks asked for");
        s = held_claim_disks(n->claim, opened.held.items, opened.held.count);
        return s ? s : session_remember(n, opened.disks.items, opened.disks.count);
}

enum status on_svdm_look(struct request *r, const struct svdm_look_req *q, struct svdm_look_rep *p)
{
        struct session *n;
        enum status s = session_claim(r, &q->vm, &n);

        if (s)
                return s;
        n->look = true;
        n->device = "";
        s = session_opened(n, look_claimed(r, n, q, p), &shape_svdm_look_rep, p);
        if (s)
                p->disks.count = 0;
        return s;
}

enum status on_svdm_unmap(struct request *r, const struct svdm_unmap_req *q,
                          struct svdm_unmap_rep *p)
{
        struct claim *claim;
        enum status s = held_claim(&q->vm, &claim);

        (void)p;
        if (s)
                return s;
        s = *q->device ? session_release(&q->vm, q->device, r->arena)
                       : FAIL(ST_INVALID, .subject = "device", .expected = "one device");
        if (!s)
                s = held_remove(&q->vm, q->device);
        held_drop(claim);
        return s;
}
