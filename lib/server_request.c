/* SPDX-License-Identifier: Apache-2.0 */
/* Runs each request in a thread of its own, and takes the connection back afterwards. */
#include "lib/dispatch.h"
#include "lib/interrupt.h"
#include "lib/request_log.h"
#include "lib/priority.h"
#include "lib/server_parts.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

static void hand_back(struct connection *c)
{
        struct server *s = c->server;
        uint64_t one = 1;

        pthread_mutex_lock(&s->lock);
        c->next_queued = s->handed_back;
        s->handed_back = c;
        pthread_mutex_unlock(&s->lock);
        while (write(s->back, &one, sizeof one) < 0 && errno == EINTR)
                ;
}

/* Here and not in the loop: the log may be slow to take a line. */
static enum status refuse(struct connection *c)
{
        error_keep(c->refusal);
        request_log(message_info(c->reader.frame.number), &c->caller, NULL, NULL,
                    c->refusal->status);
        channel_send_error(c->fd, c->refusal, deadline_in(0));
        return c->refusal->status;
}

static void *serve(void *connection)
{
        struct connection *c = connection;
        const struct server_listener *l = c->listener;
        struct request r = {c->arena, &c->caller, &c->session, &c->session_end, c};
        enum status s;

        if (c->rank != RANK_MASTER)
                priority_give_way();
        interrupt_peer(c->fd);
        pthread_mutex_lock(&c->sending);
        s = c->refusal ? refuse(c)
                       : dispatch(l->handlers, l->handlers_count, &r, &c->reader.frame, c->fd);
        pthread_mutex_unlock(&c->sending);
        c->broken = s != ST_DONE;
        arena_empty(c->arena);
        hand_back(c);
        return NULL;
}

/* What a session has to undo may take long. */
static void *end_session(void *connection)
{
        struct connection *c = connection;

        c->session_end(c->session);
        c->session_end = NULL;
        c->broken = true;
        hand_back(c);
        return NULL;
}

/* The ends of sessions are in nobody's share: requests may wait for them. */
static void count_in(struct server *s, struct connection *c)
{
        if (c->ends) {
                s->ending++;
                return;
        }
        s->running[c->work_rank]++;
        s->at_work[s->at_work_count++] = c;
}

static void count_out(struct server *s, const struct connection *c)
{
        size_t i = 0;

        if (c->ends) {
                s->ending--;
                return;
        }
        s->running[c->work_rank]--;
        while (s->at_work[i] != c)
                i++;
        s->at_work[i] = s->at_work[--s->at_work_count];
}

/* Asked for each that waits whenever one is done: so it looks at those alone that are at work. */
static bool may_run(const struct server *s, const struct connection *c)
{
        size_t most = server_share_of_one(c->rank, s->o.requests_most), n = 0;

        if (c->ends)
                return true;
        if (!server_has_share(s->running, c->work_rank, s->o.requests_most))
                return false;
        for (size_t i = 0; c->rank != RANK_MASTER && i < s->at_work_count; i++)
                n += s->at_work[i]->rank == c->rank &&
                     principal_is(&s->at_work[i]->caller.principal, &c->caller.principal);
        return n < most;
}

void server_start_queued(struct server *s)
{
        struct connection **at = &s->queue, *c, *next;

        while ((c = *at)) {
                if (!may_run(s, c)) {
                        at = &c->next_queued;
                        continue;
                }
                next = c->next_queued;
                c->phase = PHASE_RUNNING;
                if (!server_start_thread(c->ends ? end_session : serve, c, NULL)) {
                        c->phase = PHASE_QUEUED;
                        break; /* no thread now: tried again when one hands back, and every now and
                                  then */
                }
                *at = next; /* not c->next_queued: c is its thread's, and may be handed back */
                if (!next)
                        s->queue_end = at;
                count_in(s, c);
        }
}

void server_queue(struct connection *c)
{
        server_append(c);
        server_start_queued(c->server);
}

void server_take_back(struct server *s)
{
        struct connection *c, *next;
        uint64_t n;

        if (read(s->back, &n, sizeof n) < 0)
                return;
        pthread_mutex_lock(&s->lock);
        c = s->handed_back;
        s->handed_back = NULL;
        pthread_mutex_unlock(&s->lock);
        for (; c; c = next) {
                next = c->next_queued;
                count_out(s, c);
                frame_reader_clear(&c->reader);
                server_give_memory(c);
                c->phase = PHASE_READING;
                c->since = deadline_in(0);
                if (c->broken)
                        server_forget(c);
                else
                        server_wait_for_more(c, EPOLL_CTL_MOD);
        }
        server_start_queued(s);
}

size_t server_running(const struct server *s)
{
        return s->running[RANK_STRANGER] + s->running[RANK_VERIFIER] + s->running[RANK_MASTER] +
               s->ending;
}
