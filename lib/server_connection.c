/* SPDX-License-Identifier: Apache-2.0 */
/* Admits connections, each with its caller and rank, and closes them. */
#include "lib/server_parts.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

enum { STACK_SIZE = 256 << 10 };

bool server_start_thread(void *(*run)(void *), void *with)
{
        pthread_attr_t attributes;
        pthread_t thread;
        int r;

        pthread_attr_init(&attributes);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        pthread_attr_setstacksize(&attributes, STACK_SIZE);
        r = pthread_create(&thread, &attributes, run, with);
        pthread_attr_destroy(&attributes);
        return !r;
}

/* --- closing --------------------------------------------------------------------------------- */

/* A peer may have sent descriptors that nobody has read. If one is the last of a socket that
 * lingers, close() blocks for as long as that peer chose (SO_LINGER in socket(7)). So a thread
 * calls it and not the server's loop; a signal interrupts the call, so that such threads do not
 * pile up. */
struct closing {
        struct closing *next, **at; /* at: the pointer to this one */
        int fd;
        bool has_thread;  /* false: there was none to be had; the next tick tries again */
        bool has_begun;   /* the thread runs, and lives as long as this is in the list */
        pthread_t thread; /* set once it has begun */
};

enum { CLOSINGS_MOST = 16 }; /* with more, all are interrupted at once, not at the next tick */

static struct {
        pthread_mutex_t lock;
        struct closing *first;
        size_t count;
} closings = {.lock = PTHREAD_MUTEX_INITIALIZER}; /* of all servers; a thread may outlive its own */

static void *close_apart(void *closing)
{
        struct closing *c = closing;

        pthread_mutex_lock(&closings.lock);
        c->thread = pthread_self();
        c->has_begun = true;
        pthread_mutex_unlock(&closings.lock);
        close(c->fd);
        pthread_mutex_lock(&closings.lock);
        *c->at = c->next;
        if (c->next)
                c->next->at = c->at;
        closings.count--;
        pthread_mutex_unlock(&closings.lock);
        free(c);
        return NULL;
}

static void interrupted(int signal)
{
        (void)signal;
}

void server_closings_begin(void)
{
        sigaction(SIGUSR1, &(struct sigaction){.sa_handler = interrupted}, NULL);
}

void server_hurry_closings(void)
{
        pthread_mutex_lock(&closings.lock);
        for (struct closing *c = closings.first; c; c = c->next)
                if (c->has_begun)
                        pthread_kill(c->thread, SIGUSR1);
                else if (!c->has_thread)
                        c->has_thread = server_start_thread(close_apart, c);
        pthread_mutex_unlock(&closings.lock);
}

/* A peer may have sent descriptors that nobody has read. If one is the last of a socket that
 * lingers, close() blocks for as long as that peer chose (SO_LINGER in socket(7)): not in the
 * loop. */
static void let_go(int fd, enum rank rank)
{
        struct closing *c;
        bool many;

        if (rank == RANK_MASTER) {
                close(fd);
                return;
        }
        c = memory_new(1, sizeof *c);
        pthread_mutex_lock(&closings.lock);
        *c = (struct closing){.next = closings.first, .at = &closings.first, .fd = fd};
        if (c->next)
                c->next->at = &c->next;
        closings.first = c;
        many = ++closings.count > CLOSINGS_MOST;
        c->has_thread = server_start_thread(close_apart, c);
        pthread_mutex_unlock(&closings.lock);
        if (many)
                server_hurry_closings();
}

/* --- the end, and the beginning, of a connection --------------------------------------------- */

void server_take_rights(int fd, int whether)
{
        setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &whether, sizeof whether);
}

void server_forget(struct connection *c)
{
        struct server *s = c->server;

        if (c->session_end)
                c->session_end(c->session);
        pthread_mutex_lock(&s->lock);
        c->next->previous = c->previous;
        c->previous->next = c->next;
        s->count[c->rank]--;
        pthread_mutex_unlock(&s->lock);
        epoll_ctl(s->epoll, EPOLL_CTL_DEL, c->fd, NULL);
        let_go(c->fd, c->rank);
        frame_reader_clear(&c->reader);
        arena_free(c->arena);
        pthread_mutex_destroy(&c->sending);
        free(c);
}

void server_wait_for_more(struct connection *c, int how)
{
        struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, .data.ptr = c};

        if (epoll_ctl(c->server->epoll, how, c->fd, &e) < 0)
                server_forget(c);
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
        if (known && !has_own_share(c))
                make_room(s, c->rank, &c->caller.principal);
        if (known && !has_share(c))
                make_room(s, c->rank, NULL);
        return known && has_own_share(c) && has_share(c);
}

static void let_in(struct connection *c)
{
        struct server *s = c->server;

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

void server_accept(struct listener *l)
{
        int fd;

        while ((fd = accept4(l->o.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
                struct connection *c = new_connection(l, fd);

                if (admit(c)) {
                        let_in(c);
                        continue;
                }
                let_go(fd, c->rank);
                free(c);
        }
        if (errno == EMFILE || errno == ENFILE)
                make_room(l->server, RANK_MASTER, NULL);
}
