/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/places.h"
#include "lib/interrupt.h"
#include "lib/io.h"

#include <stdio.h>
#include <string.h>

/* There is always one: whoever is in the table has a place, and there are no more places. */
static struct place_holder *holder_of(struct places *p, const char *who)
{
        struct place_holder *unused = NULL;

        for (struct place_holder *h = p->holders; h < p->holders + PLACES_MOST; h++) {
                if (h->used && !strcmp(h->who, who))
                        return h;
                if (!h->used)
                        unused = h;
        }
        return unused;
}

/* How many all of that sort may have. */
static size_t most_of_all(const struct places *p, bool admin)
{
        return admin ? p->most : p->most - p->for_admins;
}

static size_t used_of_all(const struct places *p, bool admin)
{
        return admin ? p->used : p->used_by_others;
}

static bool has_room(struct places *p, const char *who, bool admin, size_t wanted)
{
        const struct place_holder *h;

        if (p->used + wanted > p->most || used_of_all(p, admin) + wanted > most_of_all(p, admin))
                return false;
        h = holder_of(p, who);
        return h && h->used + wanted <= p->most_of_one;
}

static enum status refuse(struct places *p, const char *who, bool admin, size_t wanted,
                          int patience_ms)
{
        const struct place_holder *h = holder_of(p, who);
        const bool own = h && h->used + wanted > p->most_of_one;
        const size_t used = own ? h->used : p->used;

        return FAIL(ST_BUSY, .subject = FMT("%s for %s", p->name, own ? who : "all"),
                    .expected =
                            own || admin || !p->for_admins
                                    ? FMT("at most %zu %s", own ? p->most_of_one : p->most, p->unit)
                                    : FMT("at most %zu %s, and %zu more for admins",
                                          most_of_all(p, admin), p->unit, p->for_admins),
                    .found = patience_ms ? FMT("%zu, for %d s", used, patience_ms / 1000)
                                         : FMT("%zu, and %zu more", used, wanted),
                    .remedy = "try again when others are done, or ask for less at once");
}

/* Called with the lock. Until there is room, the time is over, or the thread is to end. */
static void wait_for_room(struct places *p, const char *who, bool admin, size_t wanted,
                          int64_t deadline)
{
        while (!has_room(p, who, admin, wanted) && deadline_left(deadline) > 0 &&
               !interrupt_due()) {
                const struct timespec until = deadline_point(interrupt_look(deadline));

                pthread_cond_clockwait(&p->changed, &p->lock, CLOCK_MONOTONIC, &until);
        }
}

enum status places_take(struct places *p, struct place_taker taker, size_t wanted, int patience_ms)
{
        char who[PRINCIPAL_TEXT_SIZE];
        enum status s = ST_DONE;

        principal_write(taker.by, who);
        pthread_mutex_lock(&p->lock);
        wait_for_room(p, who, taker.admin, wanted, deadline_in(patience_ms));
        if (has_room(p, who, taker.admin, wanted)) {
                struct place_holder *h = holder_of(p, who);

                if (!h->used)
                        snprintf(h->who, sizeof h->who, "%s", who);
                h->used += wanted;
                p->used += wanted;
                p->used_by_others += taker.admin ? 0 : wanted;
        } else {
                s = interrupt_check();
                if (!s)
                        s = refuse(p, who, taker.admin, wanted, patience_ms);
        }
        pthread_mutex_unlock(&p->lock);
        return s;
}

void places_give(struct places *p, struct place_taker taker, size_t taken)
{
        char who[PRINCIPAL_TEXT_SIZE];

        if (!taken)
                return; /* it is in no table */
        principal_write(taker.by, who);
        pthread_mutex_lock(&p->lock);
        holder_of(p, who)->used -= taken; /* it is in the table as long as it has a place */
        p->used -= taken;
        p->used_by_others -= taker.admin ? 0 : taken;
        pthread_cond_broadcast(&p->changed);
        pthread_mutex_unlock(&p->lock);
}
