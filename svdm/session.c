/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions and turns. Requests begin a session; the server ends it when the connection closes, and
 * undoes then what was not kept. This comes a moment after the client closed its end, so a session
 * that is in the way is waited for a little.
 */
#include "svdm/session.h"
#include "lib/channel.h"
#include "lib/interrupt.h"
#include "lib/report.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TURN_WAIT = 2000 /* ms */, RELEASE_TIME = 60000, KILL_TIME = 30000 };

struct svdm svdm;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* over both lists */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct turn *turns;
static struct session *staged;

/* --- turns --------------------------------------------------------------------------------- */

static bool must_wait(const struct uuid *vm, const struct session *asking, uint64_t generation)
{
        for (const struct turn *t = turns; t; t = t->next)
                if (uuid_equal(&t->vm, vm))
                        return true;
        for (const struct session *n = staged; n; n = n->next_staged)
                if (n != asking && uuid_equal(&n->vm, vm) && n->generation != generation)
                        return true;
        return false;
}

enum status turn_take(struct turn *t, const struct uuid *vm, const struct session *asking,
                      uint64_t generation)
{
        const struct timespec until = deadline_point(deadline_in(TURN_WAIT));
        int r = 0;

        pthread_mutex_lock(&lock);
        while (!r && must_wait(vm, asking, generation))
                r = pthread_cond_clockwait(&changed, &lock, CLOCK_MONOTONIC, &until);
        if (!r) {
                *t = (struct turn){.vm = *vm, .next = turns};
                turns = t;
        }
        pthread_mutex_unlock(&lock);
        return r ? FAIL(ST_BUSY, .subject = "the VM", .found = "a seal is under way",
                        .remedy = "bulkhead jobs shows when that has ended")
                 : ST_DONE;
}

void turn_give(struct turn *t)
{
        pthread_mutex_lock(&lock);
        for (struct turn **at = &turns; *at; at = &(*at)->next)
                if (*at == t) {
                        *at = t->next;
                        break;
                }
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
}

void session_set_staged(struct session *n, uint64_t generation)
{
        pthread_mutex_lock(&lock);
        n->generation = generation;
        n->staged = true;
        n->next_staged = staged;
        staged = n;
        pthread_mutex_unlock(&lock);
}

void session_set_settled(struct session *n)
{
        pthread_mutex_lock(&lock);
        for (struct session **at = &staged; *at; at = &(*at)->next_staged)
                if (*at == n) {
                        *at = n->next_staged;
                        break;
                }
        n->staged = false;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
}

/* --- sessions ------------------------------------------------------------------------------ */

static void close_all(const int *fds, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (fds[i] >= 0)
                        close(fds[i]);
}

enum status session_release(const struct uuid *vm, const char *device, struct arena *a)
{
        const struct device_release_req q = {.vm = *vm, .device = device};
        struct device_release_rep p;

        return worker_call(svdm.worker, RELEASE_TIME, CALL(device_release, &q, &p), a);
}

/* A look at a running VM unmaps at most the one device that was to be added. */
static enum status unmap_unkept(const struct session *n)
{
        if (!n->look)
                return session_release(&n->vm, "", n->arena);
        return *n->device ? session_release(&n->vm, n->device, n->arena) : ST_DONE;
}

void session_undo(struct session *n)
{
        struct error why = *error_last();

        interrupt_forbid();
        /* A mapped device is busy as long as the job or this session has it open; and a job that is
         * stuck in the kernel maps and writes on. */
        if (job_kill_wait(n->job, KILL_TIME))
                report_error("waiting for the end of an operation that was not finished");
        n->job = NULL;
        close_all(n->files, n->count);
        close_all(n->old, n->count);
        close_all(n->new, n->count);
        n->count = 0;
        if (n->claim && !n->kept && unmap_unkept(n))
                report_error("undoing an operation that was not finished");
        if (!n->kept || n->look)
                held_drop(n->claim);
        n->claim = NULL;
        n->open = n->unlocked = false;
        error_keep(&why);
}

static void session_end(void *session)
{
        struct session *n = session;

        session_set_settled(n);
        session_undo(n);
        arena_free(n->arena);
        free(n);
}

enum status session_begin(struct request *r, struct session **session_out)
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

enum status session_claim(struct request *r, const struct uuid *vm, struct session **session_out)
{
        struct session *n;
        enum status s = session_begin(r, &n);

        interrupt_allow(-1); /* opening may make a hash tree of a whole disk */
        *session_out = n;
        if (!s && n->claim)
                s = FAIL(ST_WRONG_STATE, .subject = "the disks",
                         .found = "open already on this connection");
        if (!s)
                s = held_claim(vm, &n->claim);
        if (!s)
                n->vm = *vm;
        return s;
}

enum status session_opened(struct session *n, enum status s, const struct shape *shape, void *reply)
{
        n->open = !s;
        if (!s)
                return s;
        message_close_fds(shape, reply); /* before it is unmapped */
        session_undo(n);
        return s;
}

enum status session_open(struct request *r, struct session **session_out)
{
        *session_out = *r->session;
        if (*session_out && (*session_out)->open)
                return ST_DONE;
        return FAIL(ST_WRONG_STATE, .subject = "the disks", .expected = "opened on this connection",
                    .found = "not open");
}

enum status session_open_long(struct request *r, struct session **session_out)
{
        interrupt_allow(-1);
        return session_open(r, session_out);
}

enum status session_keep_fd(int fd, int *out)
{
        *out = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (fd >= 0 && *out < 0)
                return FAIL(status_of_errno(errno), .subject = "a disk's descriptor",
                            .found = strerror(errno));
        return ST_DONE;
}

enum status session_remember(struct session *n, const struct open_disk *disks, size_t count)
{
        enum status s = ST_DONE;

        n->count = count;
        for (size_t i = 0; i < count; i++)
                n->files[i] = n->old[i] = n->new[i] = -1;
        for (size_t i = 0; i < count && !s; i++) {
                n->paths[i] = arena_text(n->arena, disks[i].path);
                s = session_keep_fd(disks[i].file, &n->files[i]);
                if (!s)
                        s = session_keep_fd(disks[i].header, &n->old[i]);
        }
        return s;
}
