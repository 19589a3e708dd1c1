/* SPDX-License-Identifier: Apache-2.0 */
/* Admits connections, each with its caller and rank, and closes them. */
#include "lib/server_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

enum {
        ACCEPT_MOST = 64, /* peers in a row, however many come */
        RATE_WINDOW = 50, /* ms */
        RATE_MOST = 50    /* peers below a master, at one listener, in a window */
};

/* --- the end, and the beginning, of a connection --------------------------------------------- */

bool server_take_rights(int fd, int whether)
{
        return !setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &whether, sizeof whether);
}

static void forget_now(struct connection *c)
{
        struct server *s = c->server;

        pthread_mutex_lock(&s->lock);
        c->next->previous = c->previous;
        c->previous->next = c->next;
        s->count[c->rank]--;
        pthread_mutex_unlock(&s->lock);
        server_close(c->fd, c->may_hold_fds);
        frame_reader_clear(&c->reader);
        server_give_memory(c);
        free(c->refusal);
        arena_free(c->arena);
        pthread_mutex_destroy(&c->sending);
        free(c);
}

void server_append(struct connection *c)
{
        struct server *s = c->server;

        c->phase = PHASE_QUEUED;
        c->next_queued = NULL;
        *s->queue_end = c;
        s->queue_end = &c->next_queued;
}

void server_forget(struct connection *c)
{
        epoll_ctl(c->server->epoll, EPOLL_CTL_DEL, c->fd, NULL);
        c->needs_room = false; /* else it would be read on while its session ends */
        if (c->session_end) {
                c->ends = true;
                server_append(c);
                c->server->start_due = true;
        } else {
                forget_now(c);
        }
}

void server_wait_for_more(struct connection *c, int how)
{
        struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, .data.ptr = c};

        if (epoll_ctl(c->server->epoll, how, c->fd, &e) < 0)
                server_forget(c);
}

static void listen_there(struct listener *l, bool whether)
{
        struct epoll_event e = {.events = whether ? EPOLLIN : 0, .data.ptr = l};

        epoll_ctl(l->server->epoll, EPOLL_CTL_MOD, l->o.fd, &e);
        l->rests = !whether;
}

/* In each window of 50 ms at most 50 peers below a master are let in; the others wait for the next
 * window. */
static bool lets_in(struct listener *l)
{
        int64_t now = deadline_in(0);

        if (now - l->since >= RATE_WINDOW) {
                l->since = now;
                l->let_in = 0;
        }
        return l->let_in < RATE_MOST && !server_closes_many();
}

void server_listen_again(struct server *s)
{
        s->rests = false;
        for (struct listener *l = s->listeners; l; l = l->next) {
                if (l->rests && lets_in(l))
                        listen_there(l, true);
                s->rests |= l->rests;
        }
}

/* Closes the connection of that rank or below, of that principal unless it is NULL, that has been
 * idle longest: a flood of connections must not keep other peers out. */
static void make_room(struct server *s, enum rank rank, const struct principal *whose)
{
        struct connection *c, *oldest = NULL;

        for (c = s->connections.next; c != &s->connections; c = c->next)
                if (c->rank <= rank && (c->phase == PHASE_HELLO || c->phase == PHASE_READING) &&
                    !c->session && (!whose || principal_is(&c->caller.principal, whose)) &&
                    (!oldest || c->since <= oldest->since))
                        oldest = c;
        if (oldest)
                server_forget(oldest);
}

static struct connection *new_connection(struct listener *l, int fd)
{
        struct connection *c = memory_new(1, sizeof *c);

        c->source = SOURCE_CONNECTION;
        c->server = l->server;
        c->listener = &l->o;
        c->fd = fd;
        c->may_hold_fds = !l->refuses_fds;
        return c;
}

static bool has_share(const struct connection *c)
{
        const struct server *s = c->server;

        return server_has_share(s->count, c->rank, s->o.connections_most);
}

/* Whether its principal may have one more connection. */
static bool has_own_share(const struct connection *c)
{
        const struct server *s = c->server;
        const struct connection *other = s->connections.next;
        size_t n = 0;

        for (; c->rank != RANK_MASTER && other != &s->connections; other = other->next)
                n += other->rank == c->rank &&
                     principal_is(&other->caller.principal, &c->caller.principal);
        return n < server_share_of_one(c->rank, s->o.connections_most);
}

/* False: the peer is turned away. */
static bool admit(struct connection *c)
{
        struct server *s = c->server;
        bool known = c->listener->admit(c->fd, &c->caller) && c->caller.roles &&
                     principal_is_valid(&c->caller.principal);

        c->rank = known ? server_rank_of(c->caller.roles) : RANK_STRANGER;
        c->work_rank = c->rank;
        if (known && !has_own_share(c))
                make_room(s, c->rank, &c->caller.principal);
        if (known && !has_share(c))
                make_room(s, c->rank, NULL);
        return known && has_own_share(c) && has_share(c);
}

static void let_in(struct connection *c)
{
        struct server *s = c->server;

        if (c->caller.may_pass_fds)
                c->may_hold_fds = true;
        server_take_rights(c->fd, c->caller.may_pass_fds);
        c->since = deadline_in(0);
        c->arena = arena_new();
        pthread_mutex_init(&c->sending, NULL);
        pthread_mutex_lock(&s->lock);
        c->next = s->connections.next;
        c->previous = &s->connections;
        c->next->previous = c->previous->next = c;
        s->count[c->rank]++;
        pthread_mutex_unlock(&s->lock);
        server_wait_for_more(c, EPOLL_CTL_ADD);
}

/* Bytes out of band come in their order, as all others: else the kernel drops them, and closes
 * descriptors that were sent beside them, while the loop reads what follows. */
static void take_all_in_order(int fd)
{
        setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &(int){1}, sizeof(int));
}

void server_accept(struct listener *l)
{
        int fd = -1;

        for (int i = 0; i < ACCEPT_MOST; i++) {
                struct connection *c;
                bool admitted;

                if (!lets_in(l)) {
                        listen_there(l, false);
                        l->server->rests = true;
                        return;
                }
                fd = accept4(l->o.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (fd < 0)
                        break;
                take_all_in_order(fd);
                c = new_connection(l, fd);
                admitted = admit(c);
                l->let_in += c->rank != RANK_MASTER;
                if (admitted) {
                        let_in(c);
                        continue;
                }
                server_close(fd, c->may_hold_fds);
                free(c);
        }
        if (fd < 0 && (errno == EMFILE || errno == ENFILE))
                make_room(l->server, RANK_MASTER, NULL);
}
