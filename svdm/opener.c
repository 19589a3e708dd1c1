/* SPDX-License-Identifier: Apache-2.0 */
/* The job that opens targets. Requests come here; it touches the device worker alone. */
#include "svdm/opener.h"
#include "lib/channel.h"
#include "lib/worker.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* held also while the job works */
static struct job *kept;

static enum status ask(struct job *j, const char *path, struct arena *a, struct open_disk *disk_out)
{
        const struct device_open_target_req q = {.path = path};
        struct device_open_target_rep opened;
        enum status s = job_call(j, CALL(device_open_target, &q, &opened), a);

        if (!s)
                *disk_out = opened.disk;
        return s;
}

static enum status open_kept(struct worker *w, const char *path, struct arena *a,
                             struct open_disk *disk_out)
{
        enum status s = ST_DONE;

        if (kept && !job_alive(kept)) {
                job_kill(kept);
                kept = NULL;
        }
        if (!kept)
                s = job_start_shared(w, &kept);
        if (!s)
                s = ask(kept, path, a, disk_out);
        if (s == ST_WORKER || s == ST_TIMEOUT || s == ST_PROTOCOL) {
                const struct error why = *error_last();

                job_kill(kept);
                kept = NULL;
                error_keep(&why);
        }
        return s;
}

static enum status open_apart(struct worker *w, const char *path, struct arena *a,
                              struct open_disk *disk_out)
{
        struct error why;
        struct job *j;
        enum status s = job_start(w, NO_DEADLINE, &j);

        if (s)
                return s;
        s = ask(j, path, a, disk_out);
        why = *error_last();
        job_kill(j);
        if (s)
                error_keep(&why);
        return s;
}

enum status opener_open(struct worker *w, const char *path, struct arena *a,
                        struct open_disk *disk_out)
{
        enum status s;

        if (pthread_mutex_trylock(&lock))
                return open_apart(w, path, a, disk_out);
        s = open_kept(w, path, a, disk_out);
        pthread_mutex_unlock(&lock);
        return s;
}
