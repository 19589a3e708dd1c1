/* SPDX-License-Identifier: Apache-2.0 */
/* Counts what attestations take, in memory: a restart forgets it. attest.c comes here. */
#include "integrity-mgr/attest_share.h"
#include "lib/places.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { HOUR_MS = 3600 * 1000, AT_ONCE = 8 /* of one request, as measure.c has it */ };

struct share {
        char who[PRINCIPAL_TEXT_SIZE]; /* "": free */
        double logged;                 /* bytes, less what an hour gives back */
        int64_t since;                 /* when `logged` was brought up to date */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* over `shares` */
static struct share shares[SHARE_PRINCIPALS];
static struct places measuring = PLACES("attestations", "targets measured at once", SHARE_MEASURING,
                                        SHARE_MEASURING_OF_ONE, SHARE_MEASURING_ADMINS);

/* The share of that principal; a new one takes the place of the one that used least. */
static struct share *share_of(const struct principal *by)
{
        char who[PRINCIPAL_TEXT_SIZE];
        struct share *least = shares;

        principal_write(by, who);
        for (struct share *s = shares; s < shares + SHARE_PRINCIPALS; s++) {
                if (!strcmp(s->who, who))
                        return s;
                if (s->logged < least->logged)
                        least = s;
        }
        *least = (struct share){0};
        snprintf(least->who, sizeof least->who, "%s", who);
        return least;
}

static size_t weight(size_t targets)
{
        return targets < AT_ONCE ? targets : AT_ONCE;
}

enum status attest_share_take(struct place_taker by, size_t targets, int patience_ms)
{
        return places_take(&measuring, by, weight(targets), patience_ms);
}

void attest_share_give(struct place_taker by, size_t targets)
{
        places_give(&measuring, by, weight(targets));
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
        s->logged -= (double)(now_ms - s->since) / HOUR_MS * SHARE_LOG_AN_HOUR;
        s->logged = s->logged < 0 || !s->since ? 0 : s->logged;
        s->since = now_ms;
        if (s->logged + (double)bytes <= SHARE_LOG_AT_ONCE)
                s->logged += (double)bytes;
        else
                result = refuse_log(s, bytes);
        pthread_mutex_unlock(&lock);
        return result;
}
