/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A door. One thread (here: the house) waits on every connection at once and owns them; a whole
 * request gets a thread of its own, and its connection is left alone until that thread hands it
 * back. Nobody waits here for a single peer.
 */
#include "lib/server.h"
#include "lib/dispatch.h"
#include "lib/report.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

enum {
        FRAME_TIME = 10000, /* ms for a hello, and for a frame once it has begun */
        STOP_TIME = 5000,
        TICK = 1000,
        GROUPS_MOST = 256,
        STACK_SIZE = 256 << 10,
        EVENTS_AT_ONCE = 64,
};

/* Who may change nothing must not keep out who may: each rank has, together with those below it,
 * its share of threads and of connections. */
enum rank { RANK_STRANGER, RANK_VERIFIER, RANK_MASTER, RANKS };

enum phase { PHASE_HELLO, PHASE_READING, PHASE_QUEUED, PHASE_RUNNING };

struct connection {
        struct connection *next, *previous;
        struct connection *next_queued; /* waiting for a thread, or handed back by one */
        int fd;
        enum phase phase;
        bool broken; /* set by the thread that served it */
        bool watching;
        struct principal principal;
        enum rank rank;
        struct frame_reader reader;
        int64_t since; /* when its phase, or its frame, began */
        struct arena *arena;
        void *session;
        void (*session_end)(void *session);
        pthread_mutex_t sending;
};

static struct house {
        const struct server_options *o;
        struct connection connections; /* head of the list, newest first */
        size_t count[RANKS], running[RANKS];
        struct connection *queue, **queue_end;
        int epoll, back, signals;
        pthread_mutex_t lock; /* over `handed_back`, the list and `watching` */
        struct connection *handed_back;
} house = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* What the poll loop waits on beside connections: told apart by these addresses. */
static char is_listener, is_back, is_signal, is_watched;

/* --- beginnings and ends of a connection --- */

enum status server_listen(const char *path, unsigned mode, int *listener_out)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd;

        if (strlen(path) >= sizeof address.sun_path)
                return FAIL(ST_USAGE, .subject = path, .expected = "at most 107 characters",
                            .remedy = "choose a shorter --run folder");
        strcpy(address.sun_path, path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        unlink(path);
        if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
            chmod(path, mode) < 0 || listen(fd, SOMAXCONN) < 0) {
                int error = errno;

                if (fd >= 0)
                        close(fd);
                return FAIL(status_of_errno(error), .subject = path, .found = strerror(error),
                            .remedy = "make the --run folder, writable for the daemon");
        }
        *listener_out = fd;
        return ST_DONE;
}

static enum rank rank_of(const struct principal *p)
{
        if (p->roles & (ADMIN | DAEMON | PARENT))
                return RANK_MASTER;
        return p->roles & VERIFIER ? RANK_VERIFIER : RANK_STRANGER;
}

static bool has_share(const size_t used[RANKS], enum rank rank, size_t most)
{
        const size_t share[RANKS] = {most / 2, most - most / 4, most};
        size_t n = 0;

        for (size_t i = 0; i <= rank; i++)
                n += used[i];
        return n < share[rank];
}

static bool start_thread(void *(*run)(void *), void *with)
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

static void *close_apart(void *fd)
{
        close((int)(intptr_t)fd);
        return NULL;
}

/* A stranger may have sent descriptors that nobody has read: closing the last one of a socket that
 * lingers waits as long as its maker liked (socket(7), SO_LINGER). The house does not. */
static void let_go(int fd, enum rank rank)
{
        if (rank == RANK_MASTER || !start_thread(close_apart, (void *)(intptr_t)fd))
                close(fd);
}

/* Where the kernel can, who may hand over no descriptor is told so as he tries. */
static void take_rights(int fd, int whether)
{
        setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &whether, sizeof whether);
}

static void forget(struct connection *c)
{
        if (c->session_end)
                c->session_end(c->session);
        pthread_mutex_lock(&house.lock);
        c->next->previous = c->previous;
        c->previous->next = c->next;
        house.count[c->rank]--;
        pthread_mutex_unlock(&house.lock);
        epoll_ctl(house.epoll, EPOLL_CTL_DEL, c->fd, NULL);
        let_go(c->fd, c->rank);
        frame_reader_clear(&c->reader);
        arena_free(c->arena);
        pthread_mutex_destroy(&c->sending);
        free(c);
}

/* Asks epoll for one more event of this connection. */
static void wait_for_more(struct connection *c, int how)
{
        struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, .data.ptr = c};

        if (epoll_ctl(house.epoll, how, c->fd, &e) < 0)
                forget(c);
}

static bool learn_principal(int fd, struct principal *p)
{
        struct ucred who;
        gid_t groups[GROUPS_MOST];
        socklen_t len = sizeof who, groups_len = sizeof groups;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
                return false;
        *p = (struct principal){.uid = who.uid, .gid = who.gid, .pid = who.pid};
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &groups_len) < 0)
                groups_len = 0;
        p->roles = house.o->roles(p, groups, groups_len / sizeof *groups);
        return p->roles != 0;
}

/* The connection of that rank or below that has been idle longest, for a flood must not keep
 * others out. */
static void make_room(enum rank rank)
{
        struct connection *c, *oldest = NULL;

        for (c = house.connections.next; c != &house.connections; c = c->next)
                if (c->rank <= rank && (c->phase == PHASE_HELLO || c->phase == PHASE_READING) &&
                    !c->session && (!oldest || c->since <= oldest->since))
                        oldest = c;
        if (oldest)
                forget(oldest);
}

static void accept_one(int fd)
{
        struct connection *c;
        struct principal p;
        bool known = learn_principal(fd, &p);
        enum rank rank = known ? rank_of(&p) : RANK_STRANGER;

        if (known && !has_share(house.count, rank, house.o->connections_most))
                make_room(rank);
        if (!known || !has_share(house.count, rank, house.o->connections_most)) {
                let_go(fd, rank);
                return;
        }
        take_rights(fd, rank == RANK_MASTER);
        c = memory_new(1, sizeof *c);
        c->fd = fd;
        c->principal = p;
        c->rank = rank;
        c->since = deadline_in(0);
        c->arena = arena_new();
        pthread_mutex_init(&c->sending, NULL);
        pthread_mutex_lock(&house.lock);
        c->next = house.connections.next;
        c->previous = &house.connections;
        c->next->previous = c->previous->next = c;
        house.count[rank]++;
        pthread_mutex_unlock(&house.lock);
        wait_for_more(c, EPOLL_CTL_ADD);
}

static void accept_all(void)
{
        int fd;

        while ((fd = accept4(house.o->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
                accept_one(fd);
        if (errno == EMFILE || errno == ENFILE)
                make_room(RANK_MASTER);
}

/* --- a request --- */

static void hand_back(struct connection *c)
{
        uint64_t one = 1;

        pthread_mutex_lock(&house.lock);
        c->next_queued = house.handed_back;
        house.handed_back = c;
        pthread_mutex_unlock(&house.lock);
        while (write(house.back, &one, sizeof one) < 0 && errno == EINTR)
                ;
}

static void *serve(void *connection)
{
        struct connection *c = connection;
        struct request r = {c->arena, &c->principal, &c->session, &c->session_end};
        enum status s;

        pthread_mutex_lock(&c->sending);
        s = dispatch(house.o->handlers, house.o->handlers_count, &r, &c->reader.frame, c->fd);
        pthread_mutex_unlock(&c->sending);
        c->broken = s != ST_DONE;
        arena_empty(c->arena);
        hand_back(c);
        return NULL;
}

static void start_queued(void)
{
        struct connection **at = &house.queue, *c, *next;

        while ((c = *at)) {
                if (!has_share(house.running, c->rank, house.o->requests_most)) {
                        at = &c->next_queued;
                        continue;
                }
                next = c->next_queued;
                c->phase = PHASE_RUNNING;
                if (!start_thread(serve, c)) {
                        c->phase = PHASE_QUEUED;
                        break; /* no thread now: the next one handed back tries again */
                }
                *at = next; /* c is its thread's, which may have handed it back by now */
                if (!next)
                        house.queue_end = at;
                house.running[c->rank]++;
        }
}

static void queue_request(struct connection *c)
{
        c->phase = PHASE_QUEUED;
        c->next_queued = NULL;
        *house.queue_end = c;
        house.queue_end = &c->next_queued;
        start_queued();
}

static void take_back(void)
{
        struct connection *c, *next;
        uint64_t n;

        if (read(house.back, &n, sizeof n) < 0)
                return;
        pthread_mutex_lock(&house.lock);
        c = house.handed_back;
        house.handed_back = NULL;
        pthread_mutex_unlock(&house.lock);
        for (; c; c = next) {
                next = c->next_queued;
                house.running[c->rank]--;
                frame_reader_clear(&c->reader);
                c->phase = PHASE_READING;
                c->since = deadline_in(0);
                if (c->broken)
                        forget(c);
                else
                        wait_for_more(c, EPOLL_CTL_MOD);
        }
        start_queued();
}

/* --- reading --- */

static bool answer_hello(struct connection *c)
{
        static const uint8_t version[4] = {0, 0, 0, PROTOCOL_VERSION};
        struct reader r = reader_of(c->reader.frame.body);
        uint32_t theirs = read_u32(&r);

        if (c->reader.frame.number != MESSAGE_HELLO || !reader_done(&r))
                return false;
        if (theirs != PROTOCOL_VERSION) {
                FAIL(ST_PROTOCOL, .subject = "protocol version",
                     .expected = FMT("%d", PROTOCOL_VERSION), .found = FMT("%u", theirs),
                     .remedy = "use programs of one version on both sides");
                channel_send_error(c->fd, error_last(), deadline_in(0));
                return false;
        }
        frame_reader_clear(&c->reader);
        c->phase = PHASE_READING;
        c->since = deadline_in(0);
        return !channel_send_frame(c->fd, MESSAGE_HELLO, (struct bytes){version, sizeof version},
                                   NULL, 0, deadline_in(0));
}

/* Descriptors may come only from those who may change something here. */
static size_t fds_allowed(const struct connection *c)
{
        return c->rank == RANK_MASTER ? MESSAGE_FDS_MOST : 0;
}

static void read_more(struct connection *c)
{
        bool started = frame_reader_started(&c->reader), whole;
        size_t most = c->phase == PHASE_HELLO ? 4 : house.o->frame_most;

        if (frame_reader_step(&c->reader, c->fd, most, fds_allowed(c), &whole)) {
                if (error_last()->status == ST_PROTOCOL || error_last()->status == ST_DENIED)
                        channel_send_error(c->fd, error_last(), deadline_in(0));
                forget(c);
                return;
        }
        if (!started && c->phase == PHASE_READING)
                c->since = deadline_in(0);
        if (!whole) {
                wait_for_more(c, EPOLL_CTL_MOD);
        } else if (c->phase == PHASE_HELLO) {
                if (answer_hello(c))
                        wait_for_more(c, EPOLL_CTL_MOD);
                else
                        forget(c);
        } else {
                queue_request(c);
        }
}

/* Whoever has begun a frame, or not said hello, and takes too long, goes. */
static void close_stalled(void)
{
        struct connection *c, *next;
        int64_t now = deadline_in(0);

        for (c = house.connections.next; c != &house.connections; c = next) {
                next = c->next;
                if (now - c->since > FRAME_TIME &&
                    (c->phase == PHASE_HELLO ||
                     (c->phase == PHASE_READING && frame_reader_started(&c->reader))))
                        forget(c);
        }
}

/* --- events told to those who watch --- */

void server_watch(struct request *r)
{
        pthread_mutex_lock(&house.lock);
        for (struct connection *c = house.connections.next; c != &house.connections; c = c->next)
                if (r->principal == &c->principal)
                        c->watching = true;
        pthread_mutex_unlock(&house.lock);
}

void server_tell(struct telling telling)
{
        const struct message_info *info = message_info(telling.number);
        struct connection *c;

        if (!house.connections.next)
                return; /* not serving yet */
        pthread_mutex_lock(&house.lock);
        for (c = house.connections.next; c != &house.connections; c = c->next) {
                if (!c->watching || pthread_mutex_trylock(&c->sending))
                        continue;
                if (channel_send(c->fd, telling.number, info->request, telling.event,
                                 deadline_in(0)))
                        shutdown(c->fd, SHUT_RDWR);
                pthread_mutex_unlock(&c->sending);
        }
        pthread_mutex_unlock(&house.lock);
}

/* --- the loop --- */

static void also_wait(int fd, uint32_t events, void *what)
{
        struct epoll_event e = {.events = events, .data.ptr = what};

        if (fd < 0 || epoll_ctl(house.epoll, EPOLL_CTL_ADD, fd, &e) < 0)
                fatal("cannot wait on descriptor %d: %s", fd, strerror(errno));
}

static void open_house(const struct server_options *o, const int *watch, size_t watch_count)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
        signal(SIGPIPE, SIG_IGN);
        house.o = o;
        take_rights(o->listener, 0);
        house.queue_end = &house.queue;
        house.epoll = epoll_create1(EPOLL_CLOEXEC);
        house.back = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        house.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        also_wait(o->listener, EPOLLIN, &is_listener);
        also_wait(house.back, EPOLLIN, &is_back);
        also_wait(house.signals, EPOLLIN, &is_signal);
        for (size_t i = 0; i < watch_count; i++)
                also_wait(watch[i], 0, &is_watched); /* hang-up is always reported */
        house.connections.previous = &house.connections;
        __atomic_store_n(&house.connections.next, &house.connections, __ATOMIC_RELEASE);
}

static size_t running(void)
{
        return house.running[RANK_STRANGER] + house.running[RANK_VERIFIER] +
               house.running[RANK_MASTER];
}

static void wait_for_requests(void)
{
        int64_t deadline = deadline_in(STOP_TIME);

        while (running() && deadline_left(deadline)) {
                usleep(10000);
                take_back();
        }
}

static bool is_connection(const void *what)
{
        return what != &is_listener && what != &is_back && what != &is_signal &&
               what != &is_watched;
}

/* -1 to go on, or the exit status. */
static int handle_event(const void *what)
{
        if (what == &is_listener)
                accept_all();
        else if (what == &is_back)
                take_back();
        else
                return what == &is_signal ? 0 : 3;
        return -1;
}

/* Connections first, each closes at most itself; what follows may close any of them. */
static int handle_events(const struct epoll_event *events, int n)
{
        int result = -1;

        for (int i = 0; i < n; i++)
                if (is_connection(events[i].data.ptr))
                        read_more(events[i].data.ptr);
        for (int i = 0; result < 0 && i < n; i++)
                if (!is_connection(events[i].data.ptr))
                        result = handle_event(events[i].data.ptr);
        return result;
}

int server_run(const struct server_options *o, const int *also_watch, size_t watch_count)
{
        struct epoll_event events[EVENTS_AT_ONCE];
        int64_t tick = deadline_in(TICK);
        int result = -1;

        open_house(o, also_watch, watch_count);
        while (result < 0) {
                int n = epoll_wait(house.epoll, events, EVENTS_AT_ONCE, TICK);

                if (n < 0 && errno != EINTR)
                        fatal("cannot wait for requests: %s", strerror(errno));
                result = handle_events(events, n);
                if (!deadline_left(tick)) {
                        close_stalled();
                        tick = deadline_in(TICK);
                }
        }
        if (result)
                report_warning("a worker's parent process is gone: ending, to be started anew");
        wait_for_requests();
        return result;
}
