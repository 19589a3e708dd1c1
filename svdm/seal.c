/* SPDX-License-Identifier: Apache-2.0 */
/*
 * svdm's requests of a seal, in the order of time: prepare or edit makes headers in memory, stage
 * puts them into the redo journal, settle writes them to the disks if integrity-mgr has committed
 * to their generation, and drops them otherwise. The device worker alone changes a disk: its header
 * when settle says so, and before that the data of a disk that is formatted, which prepare fills.
 */
#include "lib/channel.h"
#include "svdm/device/header_diff.h"
#include "svdm/journal.h"
#include "svdm/requests.h"
#include "svdm/session.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { WRITE_TIME = 120000 };

/* A look is at disks that a guest writes. */
static enum status must_be_fresh(const struct session *n)
{
        if (n->look)
                return FAIL(ST_WRONG_STATE, .subject = "the disks", .found = "opened for a look");
        return n->prepared
                       ? FAIL(ST_WRONG_STATE, .subject = "the disks", .found = "prepared already")
                       : ST_DONE;
}

static enum status remember_new(struct session *n, const struct open_disk *disks, size_t count)
{
        enum status s = ST_DONE;

        if (count != n->count)
                return FAIL(ST_WORKER, .subject = "device_worker",
                            .found = "not the disks asked for");
        for (size_t i = 0; i < n->count && !s; i++)
                s = session_keep_fd(disks[i].header, &n->new[i]);
        n->prepared = !s;
        return s;
}

enum status on_svdm_prepare(struct request *r, const struct svdm_prepare_req *q,
                            struct svdm_prepare_rep *p)
{
        const struct device_prepare_req ask = {.format = q->format,
                                               .authority_kind = q->authority_kind,
                                               .authority = q->authority,
                                               .form = q->form,
                                               .slot_key = svdm.slot_key,
                                               .written = q->written};
        struct device_prepare_rep made = {.secret = -1};
        struct session *n;
        enum status s = session_open_long(r, &n);

        p->secret = -1;
        if (!s)
                s = must_be_fresh(n);
        if (!s)
                s = job_call(n->job, CALL(device_prepare, &ask, &made), r->arena);
        if (s)
                return s;
        p->disks = made.disks;
        p->secret = made.secret;
        return remember_new(n, made.disks.items, made.disks.count);
}

enum status on_svdm_edit(struct request *r, const struct svdm_edit_req *q, struct svdm_edit_rep *p)
{
        const struct device_edit_req ask = {.change = q->change,
                                            .slot = q->slot,
                                            .secret = q->secret,
                                            .present = q->present,
                                            .present_form = q->present_form,
                                            .fresh = q->fresh,
                                            .fresh_form = q->fresh_form,
                                            .last = q->last,
                                            .slot_key = svdm.slot_key};
        struct device_edit_rep made = {0};
        struct session *n;
        enum status s = session_open_long(r, &n);

        if (!s)
                s = must_be_fresh(n);
        if (!s)
                s = job_call(n->job, CALL(device_edit, &ask, &made), r->arena);
        if (s)
                return s;
        p->disks = made.disks;
        return remember_new(n, made.disks.items, made.disks.count);
}

enum status on_svdm_slots(struct request *r, const struct svdm_slots_req *q,
                          struct svdm_slots_rep *p)
{
        const struct device_slots_req ask = {.slot_key = svdm.slot_key};
        struct device_slots_rep told = {0};
        struct session *n;
        enum status s = session_open_long(r, &n);

        (void)q;
        if (!s)
                s = job_call(n->job, CALL(device_slots, &ask, &told), r->arena);
        if (!s)
                p->disks = told.disks;
        return s;
}

static enum status size_of(int fd, uint64_t *size_out)
{
        off_t end = lseek(fd, 0, SEEK_END); /* block devices too */

        if (end < 0)
                return FAIL(status_of_errno(errno), .subject = "a disk", .found = strerror(errno));
        *size_out = (uint64_t)end;
        return ST_DONE;
}

static enum status stage(const struct session *n, uint64_t generation, struct digest *journal_out)
{
        struct staged_disk disks[OPEN_DISKS_MOST];
        size_t count = 0;
        enum status s = ST_DONE;

        for (size_t i = 0; i < n->count && !s; i++) {
                struct staged_disk *d = &disks[count];

                if (n->new[i] < 0)
                        continue;
                *d = (struct staged_disk){.path = n->paths[i],
                                          .disk = n->files[i],
                                          .new = n->new[i],
                                          .old = n->old[i] < 0 ? n->files[i] : n->old[i]};
                s = size_of(n->files[i], &d->size);
                count++;
        }
        return s ? s : journal_stage(svdm.dir, &n->vm, generation, disks, count, journal_out);
}

enum status on_svdm_stage(struct request *r, const struct svdm_stage_req *q,
                          struct svdm_stage_rep *p)
{
        struct session *n;
        struct turn turn;
        enum status s = session_open(r, &n);

        if (!s && (!n->prepared || n->staged))
                s = FAIL(ST_WRONG_STATE, .subject = "the disks", .expected = "prepared, once");
        if (!s)
                s = turn_take(&turn, &n->vm, n, q->generation);
        if (s)
                return s;
        s = stage(n, q->generation, &p->journal);
        if (!s)
                session_set_staged(n, q->generation);
        turn_give(&turn);
        return s;
}

static enum status write_disk(const struct journal *j, size_t i, struct arena *a)
{
        const struct journal_disk *d = &j->disks.items[i];
        struct device_write_header_req q = {.path = d->path,
                                            .size = d->size,
                                            .old_head = d->old_head,
                                            .new_head = d->new_head,
                                            .old_area = d->old_area,
                                            .runs = -1};
        struct device_write_header_rep p;
        struct bytes runs;
        enum status s = journal_runs(svdm.dir, j, i, a, &runs);

        if (!s)
                s = header_of_bytes(runs, &q.runs);
        if (!s)
                s = worker_call(svdm.worker, WRITE_TIME, CALL(device_write_header, &q, &p), a);
        if (q.runs >= 0)
                close(q.runs);
        return s;
}

/* integrity-mgr has committed to this journal, and not only to its generation: whoever had the disk
 * can have written another one. */
static enum status check_committed(const struct journal *j, const struct digest *found,
                                   const struct digest *committed)
{
        char uuid[37];

        if (committed->alg == HASH_NONE || digest_equal(found, committed))
                return ST_DONE;
        uuid_write(&j->vm, uuid);
        return FAIL(ST_DAMAGED, .subject = FMT("state file journal-%s", uuid),
                    .expected = "the journal of headers that the present seal names",
                    .found = "another one; the disks are as they were",
                    .remedy = FMT("restore svdm's newest state folder; if that has no such file, "
                                  "take this one out of it: journal-%s",
                                  uuid));
}

/* No seal names the journal of generation 0, and seals of older versions name none: so paths are
 * compared. */
static enum status check_paths(const struct journal *j, const struct disk_list *own)
{
        for (size_t i = 0; i < j->disks.count; i++) {
                const char *path = j->disks.items[i].path;
                bool found = false;

                for (size_t k = 0; k < own->count && !found; k++)
                        found = !strcmp(own->items[k].path, path);
                if (!found)
                        return FAIL(ST_DAMAGED,
                                    .subject = FMT("state file journal-%s", UUID_TEXT(&j->vm)),
                                    .expected = "headers for the VM's own disks",
                                    .found = FMT("one for %s; the disks are as they were",
                                                 QUOTED(path)),
                                    .remedy = "restore the newest state folders of svdm and of "
                                              "compartment-mgr, both of one time");
        }
        return ST_DONE;
}

static enum status settle(const struct svdm_settle_req *q, struct arena *a, uint32_t *written_out)
{
        const struct disk_list own = {q->disks.items, q->disks.count};
        struct digest found_digest;
        struct journal j;
        bool found;
        enum status s = journal_load(svdm.dir, &q->vm, a, &found, &j, &found_digest);

        *written_out = 0;
        if (s || !found)
                return s;
        if (j.generation == q->generation)
                s = check_committed(&j, &found_digest, &q->journal);
        if (!s && j.generation == q->generation)
                s = check_paths(&j, &own);
        for (size_t i = 0; !s && j.generation == q->generation && i < j.disks.count; i++) {
                s = write_disk(&j, i, a);
                *written_out += !s;
        }
        return s ? s : journal_drop(svdm.dir, &q->vm);
}

enum status on_svdm_settle(struct request *r, const struct svdm_settle_req *q,
                           struct svdm_settle_rep *p)
{
        struct session *n = *r->session;
        struct turn turn;
        enum status s = turn_take(&turn, &q->vm, n, q->generation);

        if (s)
                return s;
        s = settle(q, r->arena, &p->written);
        if (!s && n && n->staged && uuid_equal(&n->vm, &q->vm))
                session_set_settled(n);
        turn_give(&turn);
        return s;
}
