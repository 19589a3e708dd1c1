/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/places.h"
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

static bool has_room(struct places *p, const char *who, size_t wanted)
{
        const struct place_holder *h;

        if (p->used + wanted > p->most)
                return false;
        h = holder_of(p, who);
        return h && h->used + wanted <= p->most_of_one;
}

static enum status refuse(struct places *p, const char *who, size_t wanted, int patience_ms)
{
        const struct place_holder *h = holder_of(p, who);
        const bool own = h && h->used + wanted > p->most_of_one;
        const size_t used = own ? h->used : p->used;

        return FAIL(ST_BUSY, .subject = FMT("%s for %s", p->name, own ? who : "all"),
                    .expected = FMT("at most %zu %s", own ? p->most_of_one : p->most, p->unit),
                    .found = patience_ms ? FMT("%zu, for %d s", used, patience_ms / 1000)
                                         : FMT("%zu, and %zu more", used, wanted),
                    .remedy = "try again when others are done, or ask for less at once");
}

enum status places_take(struct places *p, const struct principal *by, size_t wanted,
                        int patience_ms)
{
        const struct timespec until = deadline_point(deadline_in(patience_ms));
        char who[PRINCIPAL_TEXT_SIZE];
        enum status s = ST_DONE;
        int r = 0;

        principal_write(by, who);
        pthread_mutex_lock(&p->lock);
        while (!r && !has_room(p, who, wanted))
                r = pthread_cond_clockwait(&p->changed, &p->lock, CLOCK_MONOTONIC, &until);
        if (has_room(p, who, wanted)) {
                struct place_holder *h = holder_of(p, who);

                if (!h->used)
                        snprintf(h->who, sizeof h->who, "%s", who);
                h->used += wanted;
                p->used += wanted;
        } else {
                s = refuse(p, who, wanted, patience_ms);
        }
        pthread_mutex_unlock(&p->lock);
        return s;
}

void places_give(struct places *p, const struct principal *by, size_t taken)
{
        char who[PRINCIPAL_TEXT_SIZE];

        if (!taken)
                return; /* it is in no table */
        principal_write(by, who);
        pthread_mutex_lock(&p->lock);
        holder_of(p, who)->used -= taken; /* it is in the table as long as it has a place */
        p->used -= taken;
        pthread_cond_broadcast(&p->changed);
        pthread_mutex_unlock(&p->lock);
}
