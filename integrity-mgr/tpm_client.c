/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Callers' side of tpm_worker. Every story that needs the TPM comes here; nothing but the job's
 * socket is touched.
 */
#include "integrity-mgr/tpm_client.h"
#include "lib/told.h"
#include "lib/channel.h"
#include "lib/interrupt.h"
#include "lib/report.h"
#include "lib/thread.h"
#include "lib/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { WAIT = 120 * 1000, REST_AFTER = 2 * 1000, PASSPHRASE_WAIT = 10 * 1000 /* ms */ };

/* The lease, and whoever waits for it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool held;
static unsigned waiting[TPM_RANKS];

/* Of whoever holds the lease. */
static struct worker *worker;
static struct job *job;
static struct arena *arena; /* of `use`; NULL: there is nothing to use yet */
static struct tpm_use_req use;
static bool used;       /* the job has been told of it */
static bool clean;      /* the job before left nothing in the TPM */
static bool resting;    /* nothing is loaded in the TPM, or there is no job */
static int64_t rest_at; /* under the lock: when the TPM rests unless it is asked before */

static void *watch_rest(void *unused);

void tpm_client_start(struct worker *tpm_worker)
{
        pthread_t thread;

        worker = tpm_worker;
        if (!thread_begin(watch_rest, NULL, &thread))
                fatal("no thread to let the TPM rest in");
        pthread_detach(thread);
}

/* --- the lease ------------------------------------------------------------------------------- */

static bool someone_before(enum tpm_rank rank)
{
        for (unsigned r = 0; r < rank; r++)
                if (waiting[r])
                        return true;
        return false;
}

/* False if the lease was not to be had until then, or before this thread is to end. */
static bool take(enum tpm_rank rank, int64_t deadline)
{
        bool over = false, mine;

        pthread_mutex_lock(&lock);
        waiting[rank]++;
        while ((held || someone_before(rank)) && !over) {
                const struct timespec until = deadline_point(interrupt_look(deadline));

                pthread_cond_clockwait(&changed, &lock, CLOCK_MONOTONIC, &until);
                over = !deadline_left(deadline) || interrupt_due();
        }
        waiting[rank]--;
        mine = !held && !someone_before(rank);
        if (mine)
                held = true;
        else
                pthread_cond_broadcast(&changed); /* somebody may have waited for this one */
        pthread_mutex_unlock(&lock);
        return mine;
}

static void give(void)
{
        pthread_mutex_lock(&lock);
        held = false;
        rest_at = deadline_in(REST_AFTER);
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
}

/* --- the job --------------------------------------------------------------------------------- */

void tpm_client_use(const struct tpm_use_req *u)
{
        struct buffer copy = BUFFER_INIT(MESSAGE_MOST);
        int fds[MESSAGE_FDS_MOST];
        size_t fds_count = 0;

        while (!take(TPM_FIRST, deadline_in(WAIT)))
                ;
        if (!arena)
                arena = arena_new();
        if (message_encode(&shape_tpm_use_req, u, &copy, fds, &fds_count))
                fatal("what the TPM worker is to use cannot be written");
        arena_empty(arena);
        if (message_decode(&shape_tpm_use_req, buffer_bytes(&copy), NULL, 0, arena, &use))
                fatal("what the TPM worker is to use cannot be read");
        used = false;
        give();
        buffer_clear(&copy);
}

static void drop(void)
{
        job_kill(job);
        job = NULL;
        used = clean = false;
}

/* Status and set-up make sense, and are needed most, while the keys cannot be used. */
static bool needs_keys(uint16_t number)
{
        return number != MESSAGE_tpm_status && number != MESSAGE_tpm_setup;
}

static enum status begin_job(struct arena *a)
{
        struct tpm_begin_req begin = {.clean = clean};
        struct tpm_begin_rep nothing;
        enum status s = job_start_shared(worker, &job);

        clean = false; /* from now on something may be loaded */
        return s ? s : job_call(job, CALL(tpm_begin, &begin, &nothing), a);
}

static enum status ready(uint16_t number, struct arena *a)
{
        struct tpm_use_rep nothing;
        enum status s;

        if (job && !job_alive(job)) {
                report_warning("the TPM worker died: starting it again");
                drop();
        }
        if (!job) {
                s = begin_job(a);
                if (s)
                        return s;
        }
        if (used || !arena || !needs_keys(number))
                return ST_DONE;
        s = job_call(job, CALL(tpm_use, &use, &nothing), a);
        used = s == ST_DONE;
        return s;
}

static enum tpm_rank rank_of(uint16_t number)
{
        return number == MESSAGE_tpm_attest ? TPM_SECOND : TPM_FIRST;
}

enum status tpm_client_call_until(enum tpm_rank rank, int64_t deadline, struct call call,
                                  struct arena *a)
{
        const struct interrupt may_be = interrupt_get();
        const int64_t asked = deadline_in(0);
        enum status s;

        if (!take(rank, deadline))
                return interrupt_check()
                               ? ST_CANCELLED
                               : FAIL(ST_BUSY, .subject = "the TPM",
                                      .found = FMT("other requests held it for %lld s",
                                                   (long long)(deadline_in(0) - asked) / 1000),
                                      .remedy = "repeat; bulkhead jobs tells what is being done");
        resting = false;
        interrupt_forbid(); /* the job is everybody's: its answers are waited for */
        s = ready(call.number, a);
        if (!s)
                s = job_call(job, call, a);
        if (s == ST_WORKER || s == ST_TIMEOUT || s == ST_PROTOCOL)
                drop();
        if (s && rank != TPM_LAST) /* what is told has the error itself */
                told_forget();
        give();
        interrupt_set(&may_be);
        return s;
}

enum status tpm_client_call(struct call call, struct arena *a)
{
        return tpm_client_call_until(rank_of(call.number), deadline_in(WAIT), call, a);
}

void tpm_client_stop(void)
{
        while (!take(TPM_FIRST, deadline_in(WAIT)))
                ;
        job_end(job);
        job = NULL;
        give();
}

/* --- rest ------------------------------------------------------------------------------------ */

/* Called with the lease. Where nobody else can open the TPM while the job lives, the job ends. */
static void rest(void)
{
        struct arena *a = arena_new();
        struct tpm_rest_req q = {};
        struct tpm_rest_rep p = {};
        enum status s = job_call(job, CALL(tpm_rest, &q, &p), a);

        if (s) {
                drop();
                error_clear();
        } else if (p.end) {
                clean = job_end(job) == ST_DONE;
                job = NULL;
                used = false;
        }
        resting = true;
        arena_free(a);
}

/* A thread of its own. It never gives way, since it holds the lease; its rank is the lowest. */
static void *watch_rest(void *unused)
{
        (void)unused;
        pthread_mutex_lock(&lock);
        for (;;) {
                const struct timespec until = deadline_point(rest_at);

                if (held || resting || !job || someone_before(TPM_RANKS)) {
                        pthread_cond_wait(&changed, &lock);
                        continue;
                }
                if (deadline_left(rest_at) > 0) {
                        pthread_cond_clockwait(&changed, &lock, CLOCK_MONOTONIC, &until);
                        continue;
                }
                held = true;
                pthread_mutex_unlock(&lock);
                rest();
                pthread_mutex_lock(&lock);
                held = false;
                pthread_cond_broadcast(&changed);
        }
        return NULL;
}

/* --- passphrases ----------------------------------------------------------------------------- */

enum status tpm_client_passphrase(int fd)
{
        const int64_t deadline = deadline_in(PASSPHRASE_WAIT);
        struct pollfd p = {.fd = fd};
        struct stat st;
        int r;

        if (fd < 0)
                return ST_DONE;
        if (fstat(fd, &st) || !S_ISFIFO(st.st_mode))
                return FAIL(ST_INVALID, .subject = "the site key's passphrase",
                            .expected = "a pipe", .found = "something else");
        do
                r = poll(&p, 1, (int)deadline_left(deadline)); /* POLLHUP is always told */
        while (r < 0 && errno == EINTR);
        if (p.revents & POLLHUP)
                return ST_DONE;
        return FAIL(ST_TIMEOUT, .subject = "the site key's passphrase",
                    .expected = "a pipe that is closed after it", .found = "it is still open",
                    .remedy = "repeat");
}
