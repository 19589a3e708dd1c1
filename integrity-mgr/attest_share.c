/* SPDX-License-Identifier: Apache-2.0 */
/* Counts what attestations take, in memory: a restart forgets it. attest.c comes here. */
#include "integrity-mgr/attest_share.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { HOUR_MS = 3600 * 1000, AT_ONCE = 8 /* of one request, as measure.c has it */ };

struct share {
        char who[PRINCIPAL_TEXT_SIZE]; /* "": free */
        size_t measuring;
        double logged; /* bytes, less what an hour gives back */
        int64_t since; /* when `logged` was brought up to date */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* over everything here */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct share shares[SHARE_PRINCIPALS];
static size_t measuring;

/* The share of that principal; a new one takes the place of the one that used least, and has
 * nothing at work. */
static struct share *share_of(const struct principal *by)
{
        char who[PRINCIPAL_TEXT_SIZE];
        struct share *least = NULL;

        principal_write(by, who);
        for (struct share *s = shares; s < shares + SHARE_PRINCIPALS; s++) {
                if (!strcmp(s->who, who))
                        return s;
                if (!s->measuring && (!least || s->logged < least->logged))
                        least = s;
        }
        if (least) {
                *least = (struct share){0};
                snprintf(least->who, sizeof least->who, "%s", who);
        }
        return least;
}

static size_t weight(size_t targets)
{
        return targets < AT_ONCE ? targets : AT_ONCE;
}

static bool has_room(const struct share *s, size_t wanted)
{
        return s && measuring + wanted <= SHARE_MEASURING &&
               s->measuring + wanted <= SHARE_MEASURING_OF_ONE;
}

static enum status refuse_measuring(const struct principal *by, const struct share *s)
{
        char who[PRINCIPAL_TEXT_SIZE];
        const bool own = s && s->measuring + AT_ONCE > SHARE_MEASURING_OF_ONE;

        principal_write(by, who);
        return FAIL(
                ST_BUSY, .subject = own ? FMT("attestations for %s", who) : "attestations for all",
                .expected = FMT("at most %d targets measured at once",
                                own ? SHARE_MEASURING_OF_ONE : SHARE_MEASURING),
                .found = FMT("%zu, for %d s", own ? s->measuring : measuring, SHARE_WAIT_MS / 1000),
                .remedy = "try again when others are done, or ask for fewer targets");
}

enum status attest_share_take(const struct principal *by, size_t targets, int patience_ms)
{
        const size_t wanted = weight(targets);
        struct timespec until;
        struct share *s;
        int r = 0;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += patience_ms / 1000;
        pthread_mutex_lock(&lock);
        while (!has_room(s = share_of(by), wanted) && r != ETIMEDOUT)
                r = pthread_cond_timedwait(&changed, &lock, &until);
        if (!has_room(s, wanted)) {
                enum status refused = refuse_measuring(by, s);

                pthread_mutex_unlock(&lock);
                return refused;
        }
        s->measuring += wanted;
        measuring += wanted;
        pthread_mutex_unlock(&lock);
        return ST_DONE;
}

void attest_share_give(const struct principal *by, size_t targets)
{
        pthread_mutex_lock(&lock);
        share_of(by)->measuring -= weight(targets); /* it has its place while it measures */
        measuring -= weight(targets);
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
}

/* --- the log ------------------------------------------------------------------------------- */

static enum status refuse_log(const struct share *s, size_t bytes)
{
        double over = s->logged + (double)bytes - SHARE_LOG_AT_ONCE;

        return FAIL(ST_BUSY, .subject = FMT("the log, for %s", s->who),
                    .expected = FMT("at most %d MiB at once, and then %d MiB an hour",
                                    SHARE_LOG_AT_ONCE >> 20, SHARE_LOG_AN_HOUR >> 20),
                    .found = FMT("%.1f MiB, and %.1f KiB more", s->logged / (1 << 20),
                                 (double)bytes / 1024),
                    .remedy = FMT("try again in %.0f s", over / SHARE_LOG_AN_HOUR * 3600 + 1));
}

enum status attest_share_log(const struct principal *by, size_t bytes, int64_t now_ms)
{
        enum status result = ST_DONE;
        struct share *s;

        if (by->kind == PRINCIPAL_SELF || (by->kind == PRINCIPAL_USER && !strcmp(by->name, "0")))
                return ST_DONE;
        pthread_mutex_lock(&lock);
        s = share_of(by);
        if (s) {
                s->logged -= (double)(now_ms - s->since) / HOUR_MS * SHARE_LOG_AN_HOUR;
                s->logged = s->logged < 0 || !s->since ? 0 : s->logged;
                s->since = now_ms;
        }
        if (s && s->logged + (double)bytes <= SHARE_LOG_AT_ONCE)
                s->logged += (double)bytes;
        else
                result = s ? refuse_log(s, bytes) : refuse_measuring(by, NULL);
        pthread_mutex_unlock(&lock);
        return result;
}
