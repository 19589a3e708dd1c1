/* SPDX-License-Identifier: Apache-2.0 */
/* The list of what is being worked on. Compartments and attestations come here; nothing else is
 * touched. */
#include "compartment-mgr/work.h"
#include "lib/interrupt.h"
#include "lib/report.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int cancel_wait = 60 * 1000; /* ms; less in tests */

struct work {
        uint64_t number;
        const char *operation;
        char vm[WORD_MOST + 1];
        char names[2][PRINCIPAL_NAME_SIZE];
        struct principal asker, owner;
        int64_t since;
        int told;                                  /* an eventfd; -1 until it can be cancelled */
        bool allowed, cancelled, committed, ended; /* under the lock, as is all that follows */
        unsigned waiters;                          /* who cancelled it; the last of them frees it */
        struct work *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct work *under_way, **last = &under_way;
static uint64_t numbers;

/* --- beginning and end --------------------------------------------------------------------- */

static struct principal copy(const struct principal *p, char name[static PRINCIPAL_NAME_SIZE])
{
        snprintf(name, PRINCIPAL_NAME_SIZE, "%s", p->name ? p->name : "");
        return (struct principal){p->kind, name};
}

struct work *work_begin(const char *operation, const char *vm, const struct principal *asker,
                        const struct principal *owner)
{
        struct work *w = memory_new(1, sizeof *w);

        w->operation = operation;
        snprintf(w->vm, sizeof w->vm, "%s", vm);
        w->asker = copy(asker, w->names[0]);
        w->owner = copy(owner, w->names[1]);
        w->since = deadline_in(0);
        w->told = -1;
        pthread_mutex_lock(&lock);
        w->number = ++numbers;
        *last = w;
        last = &w->next;
        pthread_mutex_unlock(&lock);
        return w;
}

static void take_out(struct work *w)
{
        struct work **at = &under_way;

        while (*at != w)
                at = &(*at)->next;
        *at = w->next;
        if (last == &w->next)
                last = at;
}

static void free_work(struct work *w)
{
        if (w->told >= 0)
                close(w->told);
        free(w);
}

void work_end(struct work *w)
{
        bool waited_for;

        if (!w)
                return;
        interrupt_forbid();
        pthread_mutex_lock(&lock);
        take_out(w);
        w->ended = true;
        waited_for = w->waiters;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
        if (!waited_for)
                free_work(w);
}

const char *work_operation(const struct work *w)
{
        return w->operation;
}

const struct principal *work_asker(const struct work *w)
{
        return &w->asker;
}

uint64_t work_number(const struct work *w)
{
        return w->number;
}

int64_t work_since(const struct work *w)
{
        return w->since;
}

/* --- how far it has come ------------------------------------------------------------------- */

enum status work_allow(struct work *w)
{
        int told = w->told >= 0 ? w->told : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

        if (told < 0)
                return FAIL(ST_IO, .subject = "a job that can be cancelled",
                            .found = strerror(errno));
        pthread_mutex_lock(&lock);
        w->told = told;
        w->allowed = true;
        pthread_mutex_unlock(&lock);
        interrupt_allow(told);
        return interrupt_check();
}

enum status work_commit(struct work *w)
{
        enum status s;

        pthread_mutex_lock(&lock);
        s = interrupt_check();
        if (!s && w->cancelled) /* its wait was ended, and that error had no effect */
                s = FAIL(ST_CANCELLED, .subject = "the request", .found = "it was cancelled",
                         .remedy = "what had begun was undone: ask again if it is wanted");
        w->committed = !s;
        pthread_mutex_unlock(&lock);
        interrupt_forbid();
        return s;
}

void work_committed(struct work *w)
{
        pthread_mutex_lock(&lock);
        w->committed = true;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
        interrupt_forbid();
}

/* --- cancelling ---------------------------------------------------------------------------- */

static struct work *find(uint64_t number)
{
        struct work *w = under_way;

        while (w && w->number != number)
                w = w->next;
        return w;
}

static enum status may_cancel(const struct work *w, uint64_t number, const struct principal *by,
                              bool admin)
{
        if (!w || (!admin && !principal_is(&w->asker, by) && !principal_is(&w->owner, by)))
                return FAIL(ST_NOT_FOUND, .subject = FMT("job %" PRIu64, number),
                            .remedy = "bulkhead jobs lists what is being done");
        if (!admin && !principal_is(&w->asker, by))
                return FAIL(ST_DENIED, .subject = FMT("job %" PRIu64, number),
                            .expected = "whoever asked for it, or an admin",
                            .found = "asked for by another principal", .remedy = ASK_AS_ADMIN);
        if (!w->allowed || w->committed)
                return FAIL(ST_WRONG_STATE, .subject = FMT("job %" PRIu64, number),
                            .expected = "one that has not committed yet",
                            .found =
                                    FMT(w->committed ? "%s has committed: it goes on to its end"
                                                     : "%s cannot be undone: it goes on to its end",
                                        w->operation),
                            .remedy = "bulkhead jobs shows when it is done");
        return ST_DONE;
}

/* Called with the lock. */
static enum status wait_for_end(struct work *w)
{
        const struct timespec until = deadline_point(deadline_in(cancel_wait));
        enum status s = ST_DONE;
        int r = 0;

        w->waiters++;
        while (!w->ended && !w->committed && !r)
                r = pthread_cond_clockwait(&changed, &lock, CLOCK_MONOTONIC, &until);
        if (w->committed)
                s = FAIL(ST_WRONG_STATE, .subject = FMT("job %" PRIu64, w->number),
                         .expected = "one that has not committed yet",
                         .found = FMT("%s committed just then", w->operation),
                         .remedy = "bulkhead jobs shows when it is done");
        else if (!w->ended)
                s = FAIL(ST_TIMEOUT, .subject = FMT("job %" PRIu64, w->number),
                         .found = "it is cancelled, and still undoing what it began",
                         .remedy = "bulkhead jobs shows when it is done");
        w->waiters--;
        return s;
}

enum status work_cancel(uint64_t number, const struct principal *by, bool admin, struct arena *a,
                        const char **operation_out, const char **vm_out)
{
        const uint64_t one = 1;
        struct work *w, *done = NULL;
        enum status s;

        pthread_mutex_lock(&lock);
        w = find(number);
        s = may_cancel(w, number, by, admin);
        if (!s) {
                w->cancelled = true;
                if (write(w->told, &one, sizeof one) < 0)
                        report_warning("job %" PRIu64 " was not told that it is cancelled", number);
                *operation_out = arena_text(a, w->operation);
                *vm_out = arena_text(a, w->vm);
                s = wait_for_end(w);
                done = w->ended && !w->waiters ? w : NULL;
        }
        pthread_mutex_unlock(&lock);
        if (done)
                free_work(done);
        return s;
}

/* --- the list ------------------------------------------------------------------------------ */

size_t works_list(struct arena *a, struct work_under_way **work_out)
{
        struct work_under_way *to;
        size_t n = 0;

        pthread_mutex_lock(&lock);
        for (const struct work *w = under_way; w; w = w->next)
                n++;
        *work_out = to = arena_get_many(a, n + 1, sizeof *to);
        for (const struct work *w = under_way; w; w = w->next)
                *to++ = (struct work_under_way){.number = w->number,
                                                .vm = arena_text(a, w->vm),
                                                .operation = arena_text(a, w->operation),
                                                .asker = principal_copy(a, &w->asker),
                                                .owner = principal_copy(a, &w->owner),
                                                .since = w->since};
        pthread_mutex_unlock(&lock);
        return n;
}
