/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks measure workers. The stories of attest.c and seal.c come here before the TPM is asked for
 * anything, so that a long measurement holds up nobody else. Opens plug-ins, and nothing that is
 * measured.
 */
#include "integrity-mgr/measure.h"
#include "integrity-mgr/plugin_jobs.h"
#include "lib/component.h"
#include "lib/config.h"
#include "lib/interrupt.h"
#include "lib/priority.h"
#include "lib/worker.h"
#include "lib/principal.h"
#include "measure/measure_run.h"
#include "measure/progress_page.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum { AT_ONCE = 8, LEAST_MS = 60 * 1000, SLOWEST = 16 << 20 /* bytes a second */ };

static struct worker *worker;
static size_t cores;

void measure_start(struct worker *measure_worker)
{
        long n = sysconf(_SC_NPROCESSORS_ONLN);

        worker = measure_worker;
        cores = n > 0 ? (size_t)n : 1;
        plugin_jobs_start(measure_worker);
}

void measure_stop(void)
{
        plugin_jobs_stop();
}

/* The measuring of one target, with memory and an error of its own: threads do not share these. */
struct duty {
        const struct target *target;
        const struct open_target *open;
        uint32_t cores;
        struct arena *arena;
        struct measurement *measurement;
        struct plugin_seen *plugin;
        int file;                   /* the plug-in's, or -1 */
        struct progress_page *page; /* of the worker; NULL until it works */
        struct job *job;            /* has answered, but may not have ended */
        enum status s;
        struct error error;
};

/* In ms: a minute, and more for a large file. A worker that hangs does not stay for ever. */
static int deadline(int file)
{
        off_t size = file >= 0 ? lseek(file, 0, SEEK_END) : 0;
        off_t ms = size > 0 ? size / (SLOWEST / 1000) : 0;

        return ms > INT32_MAX - LEAST_MS ? INT32_MAX : (int)ms + LEAST_MS;
}

static struct measure_req request_of(const struct duty *d, int plugin, int progress)
{
        return (struct measure_req){.plugin = plugin,
                                    .target = *d->target,
                                    .file = d->open->file,
                                    .header = d->open->header,
                                    .progress = progress,
                                    .cores = d->cores};
}

/* Asks a job that has the plug-in loaded, and hashes the installed plug-in while the job measures.
 * NULL if no job waits, or if it loaded another file than the one that is installed. */
static struct job *ask_ready(struct duty *d, int plugin, int progress)
{
        const struct measure_req q = request_of(d, -1, progress);
        struct measure_rep unused;
        struct digest loaded;
        struct job *j = plugin_jobs_take(d->target->plugin, &loaded);

        if (!j)
                return NULL;
        if (!job_ask(j, CALL(measure, &q, &unused))) {
                job_last(j);
                job_set_deadline(j, deadline(q.file));
                if (!measure_plugin_digest(plugin, &d->plugin->file) &&
                    digest_equal(&loaded, &d->plugin->file))
                        return j;
        }
        job_kill(j);
        return NULL;
}

static enum status ask(struct duty *d, int plugin, int progress, struct job **job_out)
{
        const struct measure_req q = request_of(d, plugin, progress);
        struct measure_rep unused;
        enum status s;

        *job_out = ask_ready(d, plugin, progress);
        if (*job_out)
                return ST_DONE;
        s = measure_plugin_digest(plugin, &d->plugin->file);
        return s ? s : worker_ask(worker, deadline(q.file), CALL(measure, &q, &unused), job_out);
}

/* Takes the worker's answer, which counts for nothing until the worker has ended well. */
static enum status answer(struct duty *d)
{
        const struct measure_req unused = {0};
        struct measure_rep p;
        enum status s = job_answer(d->job, CALL(measure, &unused, &p), d->arena);

        if (s)
                return s;
        if (strcmp(p.measurement.target, d->target->name) ||
            strcmp(p.measurement.plugin, d->target->plugin))
                return FAIL(ST_PLUGIN, .subject = d->target->name, .expected = d->target->plugin,
                            .found = "an answer in another's name");
        d->plugin->name = d->target->plugin;
        d->plugin->version = p.measurement.version;
        *d->measurement = p.measurement;
        return ST_DONE;
}

/* --- how far it is --------------------------------------------------------------------------- */

/* One call of measure_all(). */
struct measuring {
        struct measuring *next;
        const struct principal *asker;
        struct duty *duties;
        size_t count;
};

static struct measuring *all; /* under the lock, as is each duty's page */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void begin_measuring(struct measuring *m)
{
        pthread_mutex_lock(&lock);
        m->next = all;
        all = m;
        pthread_mutex_unlock(&lock);
}

static void end_measuring(struct measuring *m)
{
        struct measuring **at = &all;

        pthread_mutex_lock(&lock);
        while (*at != m)
                at = &(*at)->next;
        *at = m->next;
        pthread_mutex_unlock(&lock);
        for (size_t i = 0; i < m->count; i++)
                progress_page_free(m->duties[i].page);
}

/* The descriptor for the worker, or -1. */
static int show_progress(struct duty *d)
{
        int fd;
        struct progress_page *page = progress_page_new(&fd);

        pthread_mutex_lock(&lock);
        d->page = page;
        pthread_mutex_unlock(&lock);
        return fd;
}

/* What a worker tells may be anything: a part is not more than its whole, and no sum overflows, as
 * fewer requests measure at once than one may have targets. */
static void add(const struct duty *d, struct arena *a, double *least, struct im_progress_rep *p)
{
        const uint64_t most = UINT64_MAX / TARGETS_MOST / TARGETS_MOST;
        uint64_t total = d->page ? atomic_load(&d->page->total) : 0,
                 done = d->page ? atomic_load(&d->page->done) : 0;

        total = total < most ? total : most;
        done = done < total ? done : total;
        if (!total)
                return;
        p->total += total;
        p->done += done;
        if ((double)done / (double)total >= *least)
                return;
        *least = (double)done / (double)total;
        p->what = arena_text(a, d->target->name);
}

void measure_progress_of(const struct principal *asker, struct arena *a, struct im_progress_rep *p)
{
        double least = 2;

        *p = (struct im_progress_rep){.what = ""};
        pthread_mutex_lock(&lock);
        for (const struct measuring *m = all; m; m = m->next)
                for (size_t i = 0; i < m->count && principal_is(m->asker, asker); i++)
                        add(&m->duties[i], a, &least, p);
        pthread_mutex_unlock(&lock);
}

static enum status measure_one(struct duty *d)
{
        enum status s = measure_open_plugin(config.plugins, d->target->plugin, &d->file);

        if (!s) {
                int progress = show_progress(d);

                s = ask(d, d->file, progress, &d->job);
                if (progress >= 0)
                        close(progress);
        }
        if (!s)
                s = answer(d);
        return s;
}

struct queue {
        struct interrupt interrupt; /* of the caller */
        struct duty *duties;
        size_t count, next;
        bool gives_way;
        pthread_mutex_t lock;
};

static void *measure_some(void *arg)
{
        struct queue *q = arg;

        if (q->gives_way)
                priority_give_way();
        interrupt_set(&q->interrupt);
        for (;;) {
                size_t i;

                pthread_mutex_lock(&q->lock);
                i = q->next++;
                pthread_mutex_unlock(&q->lock);
                if (i >= q->count)
                        return NULL;
                q->duties[i].s = measure_one(&q->duties[i]);
                if (q->duties[i].s)
                        q->duties[i].error = *error_last();
                if (q->duties[i].s == ST_CANCELLED)
                        return NULL; /* the other threads find the same */
        }
}

/* The caller is the first thread; a single target costs no other. */
static void measure_queue(struct queue *q)
{
        pthread_t threads[AT_ONCE];
        size_t n = 0;

        q->gives_way = priority_gives_way();
        pthread_mutex_init(&q->lock, NULL);
        while (n + 1 < AT_ONCE && n + 1 < q->count &&
               !pthread_create(&threads[n], NULL, measure_some, q))
                n++;
        measure_some(q);
        while (n)
                pthread_join(threads[--n], NULL);
        pthread_mutex_destroy(&q->lock);
}

static enum status check_open(const struct open_target *open, size_t open_count, size_t count)
{
        enum status s = ST_DONE;

        if (count != open_count)
                return FAIL(ST_PROTOCOL, .subject = "the open targets",
                            .expected = FMT("%zu", count), .found = FMT("%zu", open_count));
        for (size_t i = 0; i < count && !s; i++)
                s = component_parse(open[i].component);
        return s;
}

static uint32_t cores_each(size_t count)
{
        size_t each = cores / count;

        return each ? (uint32_t)each : 1;
}

/* An arena may be used by one thread at a time, so each target is measured into its own and
 * what was found copied over. */
static enum status copy(struct arena *a, const struct measurement *from, struct measurement *to)
{
        struct buffer b = BUFFER_INIT(MESSAGE_MOST);
        int fds[MESSAGE_FDS_MOST];
        size_t fds_count = 0;
        enum status s = message_encode(&shape_measurement, from, &b, fds, &fds_count);

        if (!s)
                s = message_decode(&shape_measurement, buffer_bytes(&b), NULL, 0, a, to);
        buffer_clear(&b);
        return s;
}

/* Makes the canonical forms: these very bytes are hashed, logged and sent. */
static enum status gather(struct arena *a, struct duty *duties, enum hash_alg alg,
                          struct found *found)
{
        for (size_t i = 0; i < found->count; i++) {
                enum status s = duties[i].s;

                if (s)
                        error_keep(&duties[i].error);
                else if (duties[i].arena != a)
                        s = copy(a, &found->measurements[i], &found->measurements[i]);
                if (!s)
                        s = measurement_form(&found->measurements[i], alg, a, &found->forms[i]);
                if (s)
                        return s;
        }
        return ST_DONE;
}

static enum status end_one(struct duty *d)
{
        enum status s = job_end(d->job);

        if (s)
                return s;
        plugin_jobs_want(d->target->plugin, d->file, &d->plugin->file); /* for the next time */
        d->file = -1;
        return ST_DONE;
}

/* Waits until all workers have ended, after what could be done meanwhile. Only then does anything
 * that was found count: one bad end fails the request. s: what came of all else; if that is an
 * error, the workers are killed. */
static enum status end_all(struct duty *duties, size_t count, enum status s)
{
        struct error why = *error_last();

        for (size_t i = 0; i < count; i++) {
                if (s) {
                        job_kill(duties[i].job);
                } else {
                        s = end_one(&duties[i]);
                        why = *error_last();
                }
                if (duties[i].file >= 0)
                        close(duties[i].file);
        }
        if (s)
                error_keep(&why);
        return s;
}

enum status measure_all(struct arena *a, const struct principal *asker,
                        const struct target *targets, size_t count, const struct open_target *open,
                        size_t open_count, enum hash_alg alg, struct found *found_out)
{
        struct target *asked = arena_get_many(a, count + 1, sizeof *asked);
        struct duty *duties = arena_get_many(a, count + 1, sizeof *duties);
        struct queue q = {.interrupt = interrupt_get(), .duties = duties, .count = count};
        struct measuring m = {.asker = asker, .duties = duties, .count = count};
        enum status s = check_open(open, open_count, count);

        *found_out = (struct found){.targets = open, .count = count};
        if (s)
                return s;
        found_out->measurements = arena_get_many(a, count + 1, sizeof *found_out->measurements);
        found_out->plugins = arena_get_many(a, count + 1, sizeof *found_out->plugins);
        found_out->forms = arena_get_many(a, count + 1, sizeof *found_out->forms);
        for (size_t i = 0; i < count; i++) {
                asked[i] = targets[i];
                if (!asked[i].alg)
                        asked[i].alg = alg;
                duties[i] = (struct duty){.target = &asked[i],
                                          .open = &open[i],
                                          .cores = cores_each(count),
                                          .file = -1,
                                          .arena = count == 1 ? a : arena_new(),
                                          .measurement = &found_out->measurements[i],
                                          .plugin = &found_out->plugins[i]};
        }
        begin_measuring(&m);
        if (count)
                measure_queue(&q);
        end_measuring(&m);
        s = end_all(duties, count, gather(a, duties, alg, found_out));
        for (size_t i = 0; i < count; i++)
                if (duties[i].arena != a)
                        arena_free(duties[i].arena);
        return s;
}
