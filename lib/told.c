/* SPDX-License-Identifier: Apache-2.0 */
/* Remembers encoded replies, and errors. Touches nothing else. */
#include "lib/told.h"
#include "lib/io.h"

#include <stdatomic.h>
#include <time.h>

static atomic_uint changes;

static bool is_good(const struct told *what)
{
        return what->known && what->changes == atomic_load(&changes) &&
               deadline_left(what->until) > 0;
}

/* Called with the lock. */
static void remember(struct told *what, enum status s, const struct shape *shape, const void *reply)
{
        struct error why = *error_last();
        int fds[MESSAGE_FDS_MOST];
        size_t fds_count = 0;

        buffer_clear(&what->reply);
        what->failure = s ? why : (struct error){0};
        what->known = s || !message_encode(shape, reply, &what->reply, fds, &fds_count);
        what->until = deadline_in(what->lasts);
        if (s)
                error_keep(&why);
        else if (!what->known)
                error_clear(); /* it is too long to be remembered */
}

/* Called with the lock. */
static enum status repeat(const struct told *what, const struct shape *shape, struct arena *a,
                          void *reply)
{
        struct bytes copy = {arena_copy(a, what->reply.data, what->reply.len), what->reply.len};

        if (!what->failure.status)
                return message_decode(shape, copy, NULL, 0, a, reply);
        error_keep(&what->failure);
        return what->failure.status;
}

/* Called with the lock, which it leaves meanwhile. */
static enum status ask(struct told *what, const struct shape *shape, told_make *make,
                       int64_t deadline, struct arena *a, void *reply)
{
        enum status s;

        what->asking = true;
        what->changes = atomic_load(&changes);
        pthread_mutex_unlock(&what->lock);
        s = make(deadline, a, reply);
        pthread_mutex_lock(&what->lock);
        remember(what, s, shape, reply);
        what->asking = false;
        pthread_cond_broadcast(&what->answered);
        return s;
}

enum status told(struct told *what, const struct shape *shape, told_make *make, struct arena *a,
                 void *reply)
{
        const int64_t deadline = deadline_in(TOLD_WAIT);
        const struct timespec until = deadline_point(deadline);
        enum status s;
        int r = 0;

        pthread_mutex_lock(&what->lock);
        while (!r && what->asking)
                r = pthread_cond_clockwait(&what->answered, &what->lock, CLOCK_MONOTONIC, &until);
        if (what->asking)
                s = FAIL(ST_BUSY, .subject = "an answer for all who ask",
                         .found = "others asked the same, and have no answer yet",
                         .remedy = "ask again");
        else if (is_good(what))
                s = repeat(what, shape, a, reply);
        else
                s = ask(what, shape, make, deadline, a, reply);
        pthread_mutex_unlock(&what->lock);
        return s;
}

void told_forget(void)
{
        atomic_fetch_add(&changes, 1);
}
