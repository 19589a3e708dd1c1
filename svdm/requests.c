/* SPDX-License-Identifier: Apache-2.0 */
/*
 * svdm's requests. A connection is one operation on one VM: a session, which owns a job of the
 * device worker and what that job has opened. When the connection closes, what was not kept is
 * undone. The daemon itself opens no disk, holds no key and does not know LUKS.
 */
#include "svdm/requests.h"
#include "lib/channel.h"
#include "lib/config.h"
#include "lib/log.h"
#include "svdm/header_diff.h"
#include "svdm/held.h"
#include "svdm/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SVDM_MSG HANDLER_PROTOTYPE
#include "bulkhead/messages.def"

enum { DISKS_MOST = 32, WRITE_TIME = 120000, RELEASE_TIME = 60000 };

static struct {
        struct worker *worker;
        int dir;
        const char *backend;
        bool own_user;
} svdm;

/* One journal at a time is staged or settled; also guards `staging`. */
static pthread_mutex_t journal_lock = PTHREAD_MUTEX_INITIALIZER;
static struct session *staging; /* sessions that have staged and are not settled */

struct session {
        struct arena *arena;
        struct job *job;
        struct uuid vm;
        struct claim *claim;
        size_t count;
        const char *paths[DISKS_MOST];
        int files[DISKS_MOST], old[DISKS_MOST], new[DISKS_MOST]; /* our own duplicates, or -1 */
        bool prepared, staged, kept;
        uint64_t generation; /* staged */
        struct block_device *devices;
        size_t devices_count;
        struct session *next_staging;
};

void requests_init(struct worker *device_worker, int dir, const char *backend, bool own_user)
{
        svdm.worker = device_worker;
        svdm.dir = dir;
        svdm.backend = backend;
        svdm.own_user = own_user;
}

/* --- a session ----------------------------------------------------------------------------- */

static void forget_staging(struct session *n)
{
        for (struct session **at = &staging; *at; at = &(*at)->next_staging)
                if (*at == n) {
                        *at = n->next_staging;
                        break;
                }
        n->staged = false;
}

static void close_all(int *fds, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                if (fds[i] >= 0)
                        close(fds[i]);
                fds[i] = -1;
        }
}

static void session_end(void *session)
{
        struct session *n = session;

        pthread_mutex_lock(&journal_lock);
        forget_staging(n);
        pthread_mutex_unlock(&journal_lock);
        if (n->devices_count && !n->kept) {
                struct device_release_req q = {.vm = n->vm};
                struct device_release_rep p;

                q.devices.items = n->devices;
                q.devices.count = n->devices_count;
                if (job_call(n->job, MESSAGE_device_release, &q, &p, n->arena))
                        log_error("undoing a start that was not finished");
        }
        if (!n->kept)
                held_drop(n->claim);
        job_kill(n->job);
        close_all(n->files, n->count);
        close_all(n->old, n->count);
        close_all(n->new, n->count);
        arena_free(n->arena);
        free(n);
}

static enum status session_begin(struct request *r, struct session **session_out)
{
        struct session *n = *r->session;

        if (!n) {
                n = memory_new(1, sizeof *n);
                n->arena = arena_new();
                *r->session = n;
                *r->session_end = session_end;
        }
        *session_out = n;
        return n->job ? ST_DONE : job_start(svdm.worker, NO_DEADLINE, &n->job);
}

/* The session of a request that needs open disks. */
static enum status session_open(struct request *r, struct session **session_out)
{
        *session_out = *r->session;
        if (*session_out && (*session_out)->claim)
                return ST_DONE;
        return FAIL(ST_WRONG_STATE, .subject = "the disks", .expected = "opened on this connection",
                    .found = "not open");
}

static enum status keep_copy(int fd, int *out)
{
        *out = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (fd >= 0 && *out < 0)
                return FAIL(status_of_errno(errno), .subject = "a disk's descriptor",
                            .found = strerror(errno));
        return ST_DONE;
}

/* --- opening ------------------------------------------------------------------------------- */

static enum status remember_open(struct session *n, const struct open_disk *disks, size_t count)
{
        enum status s = ST_DONE;

        n->count = count;
        for (size_t i = 0; i < count; i++)
                n->files[i] = n->old[i] = n->new[i] = -1;
        for (size_t i = 0; i < count && !s; i++) {
                n->paths[i] = arena_text(n->arena, disks[i].path);
                s = keep_copy(disks[i].file, &n->files[i]);
                if (!s)
                        s = keep_copy(disks[i].header, &n->old[i]);
        }
        return s;
}

enum status on_svdm_open(struct request *r, const struct svdm_open_req *q, struct svdm_open_rep *p)
{
        const struct device_open_req ask = {.vm = q->vm, .disks = {q->disks.items, q->disks.count}};
        struct device_open_rep opened = {0};
        struct session *n;
        enum status s = session_begin(r, &n);

        if (!s && n->claim)
                s = FAIL(ST_WRONG_STATE, .subject = "the disks",
                         .found = "open already on this connection");
        if (!s)
                s = job_call(n->job, MESSAGE_device_open, &ask, &opened, r->arena);
        if (s)
                return s;
        p->disks.items = opened.disks.items; /* theirs to close from here on */
        p->disks.count = opened.disks.count;
        if (opened.disks.count != q->disks.count)
                return FAIL(ST_WORKER, .subject = "device_worker",
                            .found = "not the disks asked for");
        n->vm = q->vm;
        s = held_claim(&q->vm, q->disks.items, opened.disks.items, q->disks.count, &n->claim);
        if (!s)
                return remember_open(n, opened.disks.items, opened.disks.count);
        job_kill(n->job); /* it has open what we may not have */
        n->job = NULL;
        return s;
}

enum status on_svdm_open_target(struct request *r, const struct svdm_open_target_req *q,
                                struct svdm_open_target_rep *p)
{
        const struct device_open_target_req ask = {.path = q->path};
        struct device_open_target_rep opened;
        struct session *n;
        enum status s = session_begin(r, &n);

        if (!s)
                s = job_call(n->job, MESSAGE_device_open_target, &ask, &opened, r->arena);
        if (!s)
                p->disk = opened.disk;
        return s;
}

/* --- sealing ------------------------------------------------------------------------------- */

enum status on_svdm_prepare(struct request *r, const struct svdm_prepare_req *q,
                            struct svdm_prepare_rep *p)
{
        const struct device_prepare_req ask = {.format = q->format,
                                               .authority_kind = q->authority_kind,
                                               .authority = q->authority};
        struct device_prepare_rep made = {.secret = -1};
        struct session *n;
        enum status s = session_open(r, &n);

        p->secret = -1;
        if (!s && n->prepared)
                s = FAIL(ST_WRONG_STATE, .subject = "the disks", .found = "prepared already");
        if (!s)
                s = job_call(n->job, MESSAGE_device_prepare, &ask, &made, r->arena);
        if (s)
                return s;
        p->disks.items = made.disks.items;
        p->disks.count = made.disks.count;
        p->secret = made.secret;
        if (made.disks.count != n->count)
                return FAIL(ST_WORKER, .subject = "device_worker",
                            .found = "not the disks asked for");
        for (size_t i = 0; i < n->count && !s; i++)
                s = keep_copy(made.disks.items[i].header, &n->new[i]);
        n->prepared = !s;
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

static enum status stage(struct session *n, uint64_t generation)
{
        struct staged_disk disks[DISKS_MOST];
        size_t count = 0;
        enum status s = ST_DONE;

        for (size_t i = 0; i < n->count && !s; i++) {
                struct staged_disk *d = &disks[count];

                if (n->new[i] < 0)
                        continue;
                *d = (struct staged_disk){.path = n->paths[i],
                                          .new = n->new[i],
                                          .old = n->old[i] < 0 ? n->files[i] : n->old[i]};
                s = size_of(n->files[i], &d->size);
                count++;
        }
        return s ? s : journal_stage(svdm.dir, &n->vm, generation, disks, count);
}

enum status on_svdm_stage(struct request *r, const struct svdm_stage_req *q,
                          struct svdm_stage_rep *p)
{
        struct session *n;
        enum status s = session_open(r, &n);

        (void)p;
        if (!s && (!n->prepared || n->staged))
                s = FAIL(ST_WRONG_STATE, .subject = "the disks", .expected = "prepared, once");
        if (s)
                return s;
        pthread_mutex_lock(&journal_lock);
        s = stage(n, q->generation);
        if (!s) {
                n->generation = q->generation;
                n->staged = true;
                n->next_staging = staging;
                staging = n;
        }
        pthread_mutex_unlock(&journal_lock);
        return s;
}

static enum status write_disk(const struct journal *j, size_t i, struct arena *a)
{
        const struct journal_disk *d = &j->disks.items[i];
        struct device_write_header_req q = {.path = d->path,
                                            .size = d->size,
                                            .old_head = d->old_head,
                                            .new_head = d->new_head,
                                            .runs = -1};
        struct device_write_header_rep p;
        struct bytes runs;
        enum status s = journal_runs(svdm.dir, j, i, a, &runs);

        if (!s)
                s = header_of_bytes(runs, &q.runs);
        if (!s)
                s = worker_call(svdm.worker, WRITE_TIME, MESSAGE_device_write_header, &q, &p, a);
        if (q.runs >= 0)
                close(q.runs);
        return s;
}

/* A seal under way must not lose its journal to somebody who does not know of it. */
static enum status refuse_under_way(const struct session *asking, const struct uuid *vm,
                                    uint64_t generation)
{
        for (const struct session *n = staging; n; n = n->next_staging)
                if (n != asking && !memcmp(&n->vm, vm, sizeof *vm) && n->generation != generation)
                        return FAIL(ST_BUSY, .subject = "the VM", .found = "a seal is under way",
                                    .remedy = "try again when that has ended");
        return ST_DONE;
}

static enum status settle(const struct uuid *vm, uint64_t generation, struct arena *a,
                          uint32_t *written_out)
{
        struct journal j;
        bool found;
        enum status s = journal_load(svdm.dir, vm, a, &found, &j);

        *written_out = 0;
        if (s || !found)
                return s;
        for (size_t i = 0; !s && j.generation == generation && i < j.disks.count; i++) {
                s = write_disk(&j, i, a);
                *written_out += !s;
        }
        return s ? s : journal_drop(svdm.dir, vm);
}

enum status on_svdm_settle(struct request *r, const struct svdm_settle_req *q,
                           struct svdm_settle_rep *p)
{
        struct session *n = *r->session;
        enum status s;

        pthread_mutex_lock(&journal_lock);
        s = refuse_under_way(n, &q->vm, q->generation);
        if (!s)
                s = settle(&q->vm, q->generation, r->arena, &p->written);
        if (!s && n && n->staged && !memcmp(&n->vm, &q->vm, sizeof n->vm))
                forget_staging(n);
        pthread_mutex_unlock(&journal_lock);
        return s;
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
                s = job_call(n->job, MESSAGE_device_key_pipe, &ask, &made, r->arena);
        p->secret = s ? -1 : made.secret;
        return s;
}

enum status on_svdm_unlock(struct request *r, const struct svdm_unlock_req *q,
                           struct svdm_unlock_rep *p)
{
        const struct device_unlock_req ask = {};
        struct device_unlock_rep mapped = {0};
        struct session *n;
        enum status s = session_open(r, &n);

        (void)q;
        if (!s && held_by(&n->vm))
                s = FAIL(ST_WRONG_STATE, .subject = "the VM", .found = "it holds its disks already",
                         .remedy = "bulkhead vm stop it first");
        /* What the session remembers must outlive the request: its own arena. */
        if (!s)
                s = job_call(n->job, MESSAGE_device_unlock, &ask, &mapped, n->arena);
        if (s)
                return s;
        p->devices.items = n->devices = mapped.devices.items;
        p->devices.count = n->devices_count = mapped.devices.count;
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
        return s ? s : job_call(n->job, MESSAGE_device_check, &ask, &checked, r->arena);
}

enum status on_svdm_keep(struct request *r, const struct svdm_keep_req *q, struct svdm_keep_rep *p)
{
        struct session *n;
        enum status s = session_open(r, &n);

        (void)q, (void)p;
        if (!s && (n->kept || n->devices_count != n->count))
                s = FAIL(ST_WRONG_STATE, .subject = "the disks", .expected = "unlocked, once");
        if (!s)
                s = held_keep(n->claim, n->devices, n->devices_count);
        if (!s)
                n->kept = true;
        return s;
}

enum status on_svdm_release(struct request *r, const struct svdm_release_req *q,
                            struct svdm_release_rep *p)
{
        struct device_release_req ask = {.vm = q->vm};
        struct device_release_rep released;
        enum status s = ST_DONE;

        (void)p;
        held_devices(&q->vm, r->arena, &ask.devices.items, &ask.devices.count);
        if (ask.devices.count)
                s = worker_call(svdm.worker, RELEASE_TIME, MESSAGE_device_release, &ask, &released,
                                r->arena);
        return s ? s : held_release(&q->vm);
}

/* --- status -------------------------------------------------------------------------------- */

enum status on_svdm_status(struct request *r, const struct svdm_status_req *q,
                           struct svdm_status_rep *p)
{
        const bool simulated = !strcmp(svdm.backend, "sim");
        const struct fact facts[] = {
                {"devices", "back-end",
                 simulated ? "sim: simulated, no device is mapped" : svdm.backend, simulated},
                {"devices", "VMs that hold disks", arena_print(r->arena, "%zu", held_count()), 0},
                {"devices", "svdm runs as",
                 svdm.own_user
                         ? USER_SVDM
                         : arena_print(r->arena, "uid %u, not as " USER_SVDM, (unsigned)getuid()),
                 svdm.own_user ? 0 : 2},
        };

        (void)q;
        p->facts.items = arena_copy(r->arena, facts, sizeof facts);
        p->facts.count = sizeof facts / sizeof *facts;
        return ST_DONE;
}

const struct handler svdm_handlers[] = {
#define SVDM_MSG HANDLER_ENTRY
#include "bulkhead/messages.def"
};
const size_t svdm_handlers_count = sizeof svdm_handlers / sizeof *svdm_handlers;
