/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Callers' side of tpm_worker. Every story that needs the TPM comes here; nothing but the job's
 * socket is touched.
 */
#include "integrity-mgr/tpm_client.h"
#include "lib/channel.h"
#include "lib/report.h"
#include "lib/worker.h"

#include <pthread.h>
#include <time.h>

enum { WAIT = 120 * 1000 /* ms */ };

static pthread_mutex_t lease = PTHREAD_MUTEX_INITIALIZER;
static struct worker *worker;
static struct job *job;
static struct arena *arena; /* of `use`; NULL: there is nothing to use yet */
static struct tpm_use_req use;
static bool used; /* the job has been told of it */

void tpm_client_start(struct worker *tpm_worker)
{
        worker = tpm_worker;
}

void tpm_client_use(const struct tpm_use_req *u)
{
        struct buffer copy = BUFFER_INIT(MESSAGE_MOST);
        int fds[MESSAGE_FDS_MOST];
        size_t fds_count = 0;

        pthread_mutex_lock(&lease);
        if (!arena)
                arena = arena_new();
        if (message_encode(&shape_tpm_use_req, u, &copy, fds, &fds_count))
                fatal("what the TPM worker is to use cannot be written");
        arena_empty(arena);
        if (message_decode(&shape_tpm_use_req, buffer_bytes(&copy), NULL, 0, arena, &use))
                fatal("what the TPM worker is to use cannot be read");
        used = false;
        pthread_mutex_unlock(&lease);
        buffer_clear(&copy);
}

static void drop(void)
{
        job_kill(job);
        job = NULL;
        used = false;
}

/* Status and set-up make sense, and are needed most, while the keys cannot be used. */
static bool needs_keys(uint16_t number)
{
        return number != MESSAGE_tpm_status && number != MESSAGE_tpm_setup;
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
                s = job_start(worker, NO_DEADLINE, &job);
                if (s)
                        return s;
        }
        if (used || !arena || !needs_keys(number))
                return ST_DONE;
        s = job_call(job, CALL(tpm_use, &use, &nothing), a);
        used = s == ST_DONE;
        return s;
}

enum status tpm_client_call(struct call call, struct arena *a)
{
        const struct timespec until = deadline_point(deadline_in(WAIT));
        enum status s;

        if (pthread_mutex_clocklock(&lease, CLOCK_MONOTONIC, &until))
                return FAIL(ST_BUSY, .subject = "the TPM",
                            .found = "other requests held it for two minutes",
                            .remedy = "repeat; bulkhead status tells what the TPM does");
        s = ready(call.number, a);
        if (!s)
                s = job_call(job, call, a);
        if (s == ST_WORKER || s == ST_TIMEOUT || s == ST_PROTOCOL)
                drop();
        pthread_mutex_unlock(&lease);
        return s;
}

void tpm_client_stop(void)
{
        pthread_mutex_lock(&lease);
        job_end(job);
        job = NULL;
        pthread_mutex_unlock(&lease);
}
