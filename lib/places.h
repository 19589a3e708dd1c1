/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places that requests of one sort take while they are at work, so that they leave the rest of what
 * they work with to others: all of them together have at most so many, one principal at most a part
 * of these, and some of them only admins have. May be used from many threads.
 */
#ifndef BULKHEAD_LIB_PLACES_H
#define BULKHEAD_LIB_PLACES_H

#include "lib/principal.h"

#include <pthread.h>

enum { PLACES_MOST = 64 };

struct places {
        const char *name; /* "attestations" */
        const char *unit; /* "targets measured at once" */
        size_t most, most_of_one, for_admins;
        pthread_mutex_t lock; /* over what follows */
        pthread_cond_t changed;
        size_t used, used_by_others; /* of these, not by admins */
        struct place_holder {
                char who[PRINCIPAL_TEXT_SIZE];
                size_t used; /* 0: nobody's */
        } holders[PLACES_MOST];
};

/* most: at most PLACES_MOST. */
#define PLACES(name, unit, most, most_of_one, for_admins)                                          \
        {                                                                                          \
                (name), (unit), (most), (most_of_one), (for_admins), PTHREAD_MUTEX_INITIALIZER,    \
                        PTHREAD_COND_INITIALIZER, 0, 0,                                            \
                {                                                                                  \
                        {                                                                          \
                                "", 0                                                              \
                        }                                                                          \
                }                                                                                  \
        }

/* Whoever takes a place. */
struct place_taker {
        const struct principal *by;
        bool admin;
};
/* Waits for so many places, at most patience_ms (0: not at all). ST_BUSY names the share that is
 * used up, the principal's or that of all; ST_CANCELLED (interrupt.h). */
enum status places_take(struct places *p, struct place_taker taker, size_t wanted, int patience_ms);
/* Gives back as many as were taken. */
void places_give(struct places *p, struct place_taker taker, size_t taken);

#endif
