/* SPDX-License-Identifier: Apache-2.0 */
/* Remembers encoded replies. Touches nothing else. */
#include "integrity-mgr/told.h"
#include "lib/io.h"

#include <pthread.h>
#include <stdatomic.h>

struct told {
        pthread_mutex_t lock;
        struct buffer reply; /* empty: nothing is remembered */
        int64_t until;
        unsigned changes; /* how many there had been when it was asked for */
};

struct told told_status = {.lock = PTHREAD_MUTEX_INITIALIZER, .reply = BUFFER_INIT(MESSAGE_MOST)},
            told_trust = {.lock = PTHREAD_MUTEX_INITIALIZER, .reply = BUFFER_INIT(MESSAGE_MOST)};

static atomic_uint changes;

static bool is_good(const struct told *what)
{
        return what->reply.len && what->changes == atomic_load(&changes) &&
               deadline_left(what->until) > 0;
}

static void remember(struct told *what, const struct shape *shape, const void *reply,
                     unsigned changes_before)
{
        int fds[MESSAGE_FDS_MOST];
        size_t fds_count = 0;

        buffer_clear(&what->reply);
        if (message_encode(shape, reply, &what->reply, fds, &fds_count)) {
                buffer_clear(&what->reply);
                error_clear();
                return;
        }
        what->changes = changes_before;
        what->until = deadline_in(TOLD_FOR);
}

enum status told(struct told *what, const struct shape *shape,
                 enum status (*make)(struct arena *a, void *reply), struct arena *a, void *reply)
{
        enum status s = ST_DONE;
        unsigned before;

        pthread_mutex_lock(&what->lock);
        if (is_good(what)) {
                struct bytes copy = {arena_copy(a, what->reply.data, what->reply.len),
                                     what->reply.len};

                s = message_decode(shape, copy, NULL, 0, a, reply);
        } else {
                before = atomic_load(&changes);
                s = make(a, reply);
                if (!s)
                        remember(what, shape, reply, before);
        }
        pthread_mutex_unlock(&what->lock);
        return s;
}

void told_forget(void)
{
        atomic_fetch_add(&changes, 1);
}
