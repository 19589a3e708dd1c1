/* SPDX-License-Identifier: Apache-2.0 */
/*
 * svdm's requests before a seal: is a disk anybody else's, and what lies on it? The device worker
 * finds out who has it and takes a sample; the content worker, which has no rights, says what the
 * sample is. Nothing is changed.
 */
#include "lib/channel.h"
#include "svdm/requests.h"
#include "svdm/session.h"

#include <unistd.h>

enum { CONTENT_TIME = 10000 };

enum status on_svdm_others(struct request *r, const struct svdm_others_req *q,
                           struct svdm_others_rep *p)
{
        const struct device_others_req ask = {.others = {q->others.items, q->others.count}};
        struct device_others_rep asked;
        struct session *n;
        enum status s = session_open(r, &n);

        (void)p;
        return s ? s : job_call(n->job, CALL(device_others, &ask, &asked), r->arena);
}

static enum status name_one(const struct disk_sample *d, struct arena *a, struct disk_content *out)
{
        const struct content_req q = {.sample = d->sample};
        struct content_rep p;
        enum status s = ST_DONE;

        *out = (struct disk_content){.path = d->path, .what = "", .stranger = d->stranger};
        if (d->sample < 0)
                return ST_DONE;
        s = worker_call(svdm.content, CONTENT_TIME, CALL(content, &q, &p), a);
        if (s)
                return s;
        out->what = p.what;
        out->member = p.member;
        return ST_DONE;
}

enum status on_svdm_content(struct request *r, const struct svdm_content_req *q,
                            struct svdm_content_rep *p)
{
        const struct device_content_req ask = {};
        struct device_content_rep sampled = {0};
        struct session *n;
        enum status s = session_open_long(r, &n);

        (void)q;
        if (!s)
                s = job_call(n->job, CALL(device_content, &ask, &sampled), r->arena);
        if (s)
                return s;
        p->disks.items = arena_get_many(r->arena, sampled.disks.count, sizeof *p->disks.items);
        for (size_t i = 0; i < sampled.disks.count; i++) {
                if (!s)
                        s = name_one(&sampled.disks.items[i], r->arena,
                                     &p->disks.items[p->disks.count++]);
                if (sampled.disks.items[i].sample >= 0)
                        close(sampled.disks.items[i].sample);
        }
        return s;
}
