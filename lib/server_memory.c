/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of frames: one budget for all connections of a server, shared as its threads are. */
#include "lib/server_parts.h"

#include <malloc.h>
#include <sys/socket.h>

enum {
        MAPPED_FROM = 128 << 10, /* such blocks go back to the kernel when they are freed */
        QUIET = 500,             /* ms: after this, or BUSY_FOR, memory is given back */
        BUSY_FOR = 3000,
};

/* --- the budget --- */

static size_t used_by(const struct connection *c)
{
        const struct server *s = c->server;
        const struct connection *other = s->connections.next;
        size_t n = 0;

        for (; other != &s->connections; other = other->next)
                if (other->work_rank == c->work_rank &&
                    principal_is(&other->caller.principal, &c->caller.principal))
                        n += other->memory;
        return n;
}

bool server_has_room(const struct connection *c)
{
        const struct server *s = c->server;
        size_t used[RANKS], len = c->reader.body_len;

        for (size_t i = 0; i < RANKS; i++)
                used[i] = s->memory[i];
        used[c->work_rank] += len ? len - 1 : 0;
        return server_has_share(used, c->work_rank, s->o.memory_most) &&
               (c->rank == RANK_MASTER ||
                used_by(c) + len <= server_share_of_one(c->rank, s->o.memory_most));
}

/* Takes the memory of a connection below that rank whose frame has begun and is not whole. It is
 * closed when it is read next, since an event of it may be at hand. */
static bool drop_one_below(struct server *s, enum rank rank)
{
        struct connection *c, *lowest = NULL;

        for (c = s->connections.next; c != &s->connections; c = c->next)
                if (c->work_rank < rank && c->memory && c->phase == PHASE_READING &&
                    (!lowest || c->work_rank < lowest->work_rank))
                        lowest = c;
        if (!lowest)
                return false;
        frame_reader_clear(&lowest->reader);
        server_give_memory(lowest);
        lowest->dropped = true;
        shutdown(lowest->fd, SHUT_RDWR);
        return true;
}

bool server_take_memory(struct connection *c)
{
        struct server *s = c->server;

        if (c->memory || !c->reader.body_len)
                return true;
        while (!server_has_room(c))
                if (c->work_rank != RANK_MASTER || !drop_one_below(s, c->work_rank))
                        return false;
        c->memory = c->reader.body_len;
        s->memory[c->work_rank] += c->memory;
        return true;
}

void server_give_memory(struct connection *c)
{
        c->server->memory[c->work_rank] -= c->memory;
        c->memory = 0;
        c->server->worked = true;
        c->server->worked_at = deadline_in(0);
}

/* --- giving back --- */

void server_memory_begin(void)
{
        mallopt(M_MMAP_THRESHOLD, MAPPED_FROM); /* fixed: else it grows with the first large one */
        mallopt(M_ARENA_MAX, 4);                /* each keeps what its threads once needed */
}

void server_trim(struct server *s)
{
        static _Atomic int64_t trimmed; /* the heap is the process's, whichever server asks */
        int64_t now = deadline_in(0);

        if (!s->worked || (now - s->worked_at < QUIET && now - trimmed < BUSY_FOR))
                return;
        s->worked = false;
        trimmed = now;
        malloc_trim(0);
}
