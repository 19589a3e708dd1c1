/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has plug-ins loaded ahead. measure.c comes here; a thread gives the files of plug-ins to
 * measure workers.
 */
#include "integrity-mgr/plugin_jobs.h"
#include "lib/channel.h"
#include "lib/report.h"
#include "lib/thread.h"
#include "lib/worker.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { JOBS = 4, NAME = 32, LOAD_MS = 5000, PAUSE = 1 /* ms */ };

struct waiting {
        char name[NAME]; /* "": free */
        struct job *job; /* NULL: there is none */
        int plugin;      /* to be loaded; -1: nothing */
        struct digest file;
        uint64_t used; /* the larger, the later */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* over everything here */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct waiting jobs[JOBS] = {[0 ... JOBS - 1] = {.plugin = -1}};
static uint64_t uses;
static struct worker *worker;
static pthread_t thread;
static bool wanted, ending;

static struct waiting *named(const char *name)
{
        for (size_t i = 0; i < JOBS; i++)
                if (!strcmp(jobs[i].name, name))
                        return &jobs[i];
        return NULL;
}

static struct waiting *longest_unused(void)
{
        struct waiting *w = jobs;

        for (size_t i = 1; i < JOBS; i++)
                if (jobs[i].used < w->used)
                        w = &jobs[i];
        return w;
}

/* --- what measures ------------------------------------------------------------------------- */

struct job *plugin_jobs_take(const char *name, struct digest *file_out)
{
        struct job *j = NULL;
        struct waiting *w;

        pthread_mutex_lock(&lock);
        w = named(name);
        if (w) {
                j = w->job;
                w->job = NULL;
                *file_out = w->file;
        }
        pthread_mutex_unlock(&lock);
        if (j && !job_alive(j)) {
                job_kill(j);
                j = NULL;
        }
        return j;
}

/* Called with the lock. The plug-in's place, or else the place of the plug-in that was unused for
 * longest: then *out is the job that waited there. */
static struct waiting *place_for(const char *name, struct job **out)
{
        struct waiting *w = named(name);

        if (w)
                return w;
        w = longest_unused();
        *out = w->job;
        if (w->plugin >= 0)
                close(w->plugin);
        *w = (struct waiting){.plugin = -1};
        snprintf(w->name, NAME, "%s", name);
        return w;
}

void plugin_jobs_want(const char *name, int plugin, const struct digest *file)
{
        struct job *out = NULL;
        struct waiting *w;

        pthread_mutex_lock(&lock);
        w = place_for(name, &out);
        w->used = ++uses;
        if (!w->job && w->plugin < 0) {
                w->plugin = plugin;
                w->file = *file;
                plugin = -1;
                wanted = true;
                pthread_cond_signal(&changed);
        }
        pthread_mutex_unlock(&lock);
        job_kill(out);
        if (plugin >= 0)
                close(plugin);
}

/* --- what loads ---------------------------------------------------------------------------- */

static struct job *load(const char *name, int plugin, struct arena *a)
{
        const struct measure_load_req q = {.plugin = plugin, .name = name};
        struct measure_load_rep nothing;
        struct job *j;

        if (job_start(worker, LOAD_MS, &j))
                return NULL;
        if (!job_call(j, CALL(measure_load, &q, &nothing), a)) {
                job_set_deadline(j, NO_DEADLINE); /* it may wait for long */
                return j;
        }
        job_kill(j);
        return NULL;
}

/* Called with the lock, which it leaves meanwhile. */
static void make(struct waiting *w, struct arena *a)
{
        const struct digest file = w->file;
        int plugin = w->plugin;
        char name[NAME];
        struct job *job;

        memcpy(name, w->name, NAME);
        w->plugin = -1;
        pthread_mutex_unlock(&lock);
        job = load(name, plugin, a);
        close(plugin);
        arena_empty(a);
        pthread_mutex_lock(&lock);
        w = named(name); /* NULL if another plug-in has taken its place */
        if (w && !w->job && digest_equal(&w->file, &file)) {
                w->job = job;
                job = NULL;
        }
        job_kill(job);
}

static void *make_wanted(void *unused)
{
        const struct timespec pause = {.tv_nsec = PAUSE * 1000000L};
        struct arena *a = arena_new();

        pthread_mutex_lock(&lock);
        while (!ending) {
                while (!wanted && !ending)
                        pthread_cond_wait(&changed, &lock);
                pthread_mutex_unlock(&lock);
                nanosleep(&pause, NULL); /* whatever was measured just now comes first */
                pthread_mutex_lock(&lock);
                wanted = false;
                for (size_t i = 0; i < JOBS && !ending; i++)
                        if (jobs[i].plugin >= 0)
                                make(&jobs[i], a);
        }
        pthread_mutex_unlock(&lock);
        arena_free(a);
        return unused;
}

/* --- beginning and end --------------------------------------------------------------------- */

void plugin_jobs_start(struct worker *measure_worker)
{
        worker = measure_worker;
        ending = false;
        if (!thread_begin(make_wanted, NULL, &thread))
                fatal("no thread to load plug-ins in");
}

void plugin_jobs_stop(void)
{
        pthread_mutex_lock(&lock);
        ending = true;
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&lock);
        pthread_join(thread, NULL);
        for (size_t i = 0; i < JOBS; i++) {
                job_kill(jobs[i].job);
                if (jobs[i].plugin >= 0)
                        close(jobs[i].plugin);
                jobs[i] = (struct waiting){.plugin = -1};
        }
}
