/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of a server over its listeners and connections, and the events that it tells. */
#include "lib/server_parts.h"
#include "lib/report.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
        STOP_TIME = 5000,
        TICK = 1000,
        REST = 5,
        LOOK = 20, /* between two looks at all that waits for memory */
        EVENTS_AT_ONCE = 64 /* times in ms */,
        MEMORY_MOST = 64 << 20
};

/* Sources that have no struct of their own. */
static enum source back = SOURCE_BACK, signalled = SOURCE_SIGNAL, watched = SOURCE_WATCHED;

static void also_wait(struct server *s, int fd, uint32_t events, void *source)
{
        struct epoll_event e = {.events = events, .data.ptr = source};

        if (fd < 0 || epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
                fatal("cannot wait on descriptor %d: %s", fd, strerror(errno));
}

/* --- beginning and end --- */

struct server *server_new(const struct server_options *o)
{
        struct server *s = memory_new(1, sizeof *s);

        s->o = *o;
        s->o.memory_most = o->memory_most ? o->memory_most : MEMORY_MOST;
        s->queue_end = &s->queue;
        s->at_work = memory_new(o->requests_most, sizeof(struct connection *));
        s->connections.next = s->connections.previous = &s->connections;
        s->signals = -1;
        s->epoll = epoll_create1(EPOLL_CLOEXEC);
        s->back = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        pthread_mutex_init(&s->lock, NULL);
        server_memory_begin();
        also_wait(s, s->back, EPOLLIN, &back);
        return s;
}

void server_add_listener(struct server *s, const struct server_listener *listener)
{
        struct listener *l = memory_new(1, sizeof *l);

        *l = (struct listener){
                .source = SOURCE_LISTENER, .server = s, .o = *listener, .next = s->listeners};
        s->listeners = l;
        l->refuses_fds = server_take_rights(l->o.fd, 0);
        also_wait(s, l->o.fd, EPOLLIN, l);
}

static void close_listeners(struct server *s)
{
        struct listener *l;

        while ((l = s->listeners)) {
                s->listeners = l->next;
                close(l->o.fd);
                free(l);
        }
}

void server_free(struct server *s)
{
        if (!s || server_running(s))
                return;
        while (s->connections.next != &s->connections) {
                struct connection *c = s->connections.next;

                if (c->session_end)
                        c->session_end(c->session);
                c->session_end = NULL;
                server_forget(c);
        }
        close_listeners(s);
        if (s->signals >= 0)
                close(s->signals);
        close(s->back);
        close(s->epoll);
        pthread_mutex_destroy(&s->lock);
        free(s->at_work);
        free(s);
}

/* --- events --- */

void server_watch(struct request *r)
{
        struct server *s = r->connection->server;

        pthread_mutex_lock(&s->lock);
        r->connection->watching = true;
        pthread_mutex_unlock(&s->lock);
}

void server_tell(struct server *s, struct telling telling)
{
        const struct message_info *info = message_info(telling.number);
        struct connection *c;

        pthread_mutex_lock(&s->lock);
        for (c = s->connections.next; c != &s->connections; c = c->next) {
                if (!c->watching || pthread_mutex_trylock(&c->sending))
                        continue;
                if (channel_send(c->fd, telling.number, info->request, telling.event,
                                 deadline_in(0)))
                        shutdown(c->fd, SHUT_RDWR);
                pthread_mutex_unlock(&c->sending);
        }
        pthread_mutex_unlock(&s->lock);
}

/* --- the loop --- */

static void wait_for_signals(struct server *s)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
        signal(SIGPIPE, SIG_IGN);
        s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        also_wait(s, s->signals, EPOLLIN, &signalled); /* never read, so that each server sees it */
}

static void wait_for_requests(struct server *s)
{
        int64_t deadline = deadline_in(STOP_TIME);

        while (server_running(s) && deadline_left(deadline)) {
                usleep(10000);
                server_take_back(s);
        }
}

/* Returns -1 to go on, or what server_run() is to return. */
static int handle_event(struct server *s, void *source)
{
        switch (*(enum source *)source) {
        case SOURCE_LISTENER:
                server_accept(source);
                return -1;
        case SOURCE_BACK:
                server_take_back(s);
                s->room_due = true;
                return -1;
        case SOURCE_SIGNAL:
                return 0;
        default:
                return 3;
        }
}

/* Connections first: reading one closes at most that one. What follows may close any of them, and
 * the events after it would point to freed memory. */
static int handle_events(struct server *s, const struct epoll_event *events, int n)
{
        enum source *others[EVENTS_AT_ONCE];
        int count = 0, result = -1;

        for (int i = 0; i < n; i++) {
                enum source *source = events[i].data.ptr;

                if (*source == SOURCE_CONNECTION)
                        server_read(events[i].data.ptr);
                else
                        others[count++] = source;
        }
        for (int i = 0; result < 0 && i < count; i++)
                result = handle_event(s, others[i]);
        return result;
}

static void on_tick(struct server *s)
{
        server_close_stalled(s);
        server_read_waiting(s);
        server_trim(s);
        server_hurry_closings();
        server_start_queued(s);
}

static void look_for_room(struct server *s)
{
        s->room_due = false;
        s->room_at = deadline_in(0);
        server_read_waiting(s);
}

int server_run(struct server *s, const int *also_watch, size_t watch_count)
{
        struct epoll_event events[EVENTS_AT_ONCE];
        int64_t tick = deadline_in(TICK);
        int result = -1;

        wait_for_signals(s);
        for (size_t i = 0; i < watch_count; i++)
                also_wait(s, also_watch[i], 0, &watched); /* EPOLLHUP is always reported */
        while (result < 0) {
                int n = epoll_wait(s->epoll, events, EVENTS_AT_ONCE,
                                   s->rests || s->room_due ? REST : TICK);

                if (n < 0 && errno != EINTR)
                        fatal("cannot wait for requests: %s", strerror(errno));
                result = handle_events(s, events, n);
                if (s->start_due)
                        server_start_queued(s);
                s->start_due = false;
                if (s->rests)
                        server_listen_again(s);
                if (s->room_due && deadline_in(0) - s->room_at >= LOOK)
                        look_for_room(s);
                if (!deadline_left(tick)) {
                        on_tick(s);
                        tick = deadline_in(TICK);
                }
        }
        if (result)
                report_warning("a worker's parent process is gone: ending, to be started anew");
        wait_for_requests(s);
        return result;
}
