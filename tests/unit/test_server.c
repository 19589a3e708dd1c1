/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A door under attack: peers without rights, frames of every length, one byte at a time, floods,
 * stalls, readers that never read. After each of them the next honest request is answered. Then:
 * several listeners of one server, several servers of one process.
 */
#include "lib/channel.h"
#include "lib/dispatch.h"
#include "lib/interrupt.h"
#include "lib/journal.h"
#include "lib/local_socket.h"
#include "lib/report.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <unistd.h>

enum {
        CONNECTIONS = 40,
        FRAME_MOST = 100000,
        MEMORY = 1000000,     /* of ten frames */
        PATIENCE = 100 * 1000 /* ms for what surely comes, on a machine that is busy elsewhere */
};

static char path[64], second_path[80];
static pid_t server;
static struct arena *a;
static unsigned roles_given;
static bool fds_given;
static pid_t tester; /* every other process is a stranger, unless 0 */
static unsigned strangers_roles = 0x80;
static bool are_principals; /* each process is one, with equal rights */
static struct server *the_server, *the_second;

/* Between the processes of a test. */
static struct {
        int64_t clock;    /* the server's; 0: the machine's */
        unsigned looks;   /* how often the server looked at that clock */
        unsigned came;    /* connections of other peers than the tester */
        unsigned seen;    /* of these, the ones that the server has looked at */
        unsigned may_end; /* 1: sessions end */
} * shared;
static bool is_server;

static unsigned count_of(const unsigned *what)
{
        return __atomic_load_n(what, __ATOMIC_SEQ_CST);
}

static void count(unsigned *what)
{
        __atomic_add_fetch(what, 1, __ATOMIC_SEQ_CST);
}

static void wait_until_at_least(const unsigned *what, unsigned least)
{
        while (count_of(what) < least) /* the test's time limit ends it */
                usleep(1000);
}

/* --- what the kernel does, and what comes in between --- */

static int64_t clock_of_server(void)
{
        return is_server ? __atomic_load_n(&shared->clock, __ATOMIC_SEQ_CST) : 0;
}

int64_t __real_deadline_in(int64_t ms);
int64_t __wrap_deadline_in(int64_t ms);
int64_t __wrap_deadline_in(int64_t ms)
{
        const int64_t now = clock_of_server();

        if (!now)
                return __real_deadline_in(ms);
        count(&shared->looks);
        return ms == NO_DEADLINE ? NO_DEADLINE : now + ms;
}

int __real_deadline_left(int64_t deadline);
int __wrap_deadline_left(int64_t deadline);
int __wrap_deadline_left(int64_t deadline)
{
        const int64_t now = clock_of_server();

        if (!now || deadline == NO_DEADLINE)
                return __real_deadline_left(deadline);
        return deadline > now ? INT_MAX : 0; /* a clock that stands does not come there */
}

static bool is_old; /* before Linux 6.16: every peer may send descriptors */
static void (*after_empty_look)(void);

int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
        if (is_old && level == SOL_SOCKET && name == 83 /* SO_PASSRIGHTS */) {
                errno = ENOPROTOOPT;
                return -1;
        }
        return __real_setsockopt(fd, level, name, value, len);
}

ssize_t __real_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
        ssize_t n = __real_recvmsg(fd, msg, flags);
        int error = errno;

        if (n < 0 && flags & MSG_PEEK && after_empty_look)
                after_empty_look();
        errno = error;
        return n;
}

/* --- the server under test, in a process of its own --- */

static enum status answer_status(struct request *r, const void *q, void *p)
{
        struct status_rep *reply = p;

        (void)q;
        reply->facts.items = arena_get_many(r->arena, 1, sizeof *reply->facts.items);
        reply->facts.count = 1;
        reply->facts.items[0] =
                (struct fact){"test", "peer", arena_text(r->arena, r->caller->principal.name), 0};
        return ST_DONE;
}

static void end_slowly(void *session)
{
        (void)session;
        wait_until_at_least(&shared->may_end, 1);
}

static enum status answer_vm_start(struct request *r, const void *q, void *p)
{
        const struct vm_start_req *request = q;

        (void)p;
        if (!strcmp(request->vm, "session")) {
                *r->session = &server;
                *r->session_end = end_slowly;
        }
        if (!strcmp(request->vm, "slow"))
                usleep(300000);
        if (!strcmp(request->vm, "until-gone")) {
                interrupt_allow(-1);
                return interrupt_wait(eventfd(0, EFD_CLOEXEC), POLLIN, NO_DEADLINE);
        }
        if (!strcmp(request->vm, "bad"))
                ((struct vm_start_rep *)p)->vm.name = "not a word";
        else
                ((struct vm_start_rep *)p)->vm.name = request->vm;
        return strcmp(request->vm, "none") ? ST_DONE : ST_NOT_FOUND;
}

/* A megabyte, so that a peer that does not read fills its socket. */
static enum status answer_trust(struct request *r, const void *q, void *p)
{
        (void)q;
        ((struct trust_rep *)p)->trust = (struct bytes){arena_get(r->arena, 1 << 20), 1 << 20};
        return ST_DONE;
}

static enum status answer_host_approve(struct request *r, const void *q, void *p)
{
        const struct host_approve_req *request = q;

        (void)r;
        (void)p;
        return request->passphrase > 2 ? ST_DONE : ST_DENIED;
}

static enum status answer_watch(struct request *r, const void *q, void *p)
{
        (void)q;
        (void)p;
        server_watch(r);
        return ST_DONE;
}

static enum status answer_vm_stop(struct request *r, const void *q, void *p)
{
        struct vm_changed_event e = {"host/vms/1", ((const struct vm_stop_req *)q)->vm, VM_STOPPED,
                                     ""};

        (void)r;
        (void)p;
        server_tell(the_server, TELL(vm_changed, &e));
        return ST_DONE;
}

static const struct handler handlers[] = {
        {MESSAGE_status, answer_status}, {MESSAGE_vm_start, answer_vm_start},
        {MESSAGE_trust, answer_trust},   {MESSAGE_host_approve, answer_host_approve},
        {MESSAGE_watch, answer_watch},   {MESSAGE_vm_stop, answer_vm_stop},
};

static bool admit(int fd, struct caller *caller_out)
{
        struct local_peer peer;
        bool stranger;

        if (!local_socket_peer(fd, &peer))
                return false;
        stranger = tester && peer.pid != tester;
        if (peer.pid != getppid())
                count(&shared->seen);
        local_peer_name(&peer, caller_out);
        caller_out->roles = stranger ? strangers_roles : roles_given;
        caller_out->may_pass_fds = fds_given && !stranger;
        if (are_principals)
                caller_out->principal = principal_of_uid((uid_t)peer.pid, caller_out->name);
        return true;
}

static const struct server_options options = {
        .requests_most = 4, .connections_most = CONNECTIONS, .memory_most = MEMORY};

/* One peer asks for others, as compartment-mgr asks integrity-mgr. */
static unsigned behind(uint16_t number)
{
        return number == MESSAGE_vm_start ? VERIFIER : ADMIN;
}
static bool asks_for_others;

static struct server_listener first_listener(void)
{
        struct server_listener l = {.handlers = handlers,
                                    .roles_of = asks_for_others ? behind : NULL,
                                    .handlers_count = sizeof handlers / sizeof *handlers,
                                    .frame_most = FRAME_MOST,
                                    .admit = admit};

        ck_assert_int_eq(local_socket_listen(path, 0600, &l.fd), ST_DONE);
        return l;
}

static void few_descriptors(void)
{
        struct rlimit few = {64, 64};

        setrlimit(RLIMIT_NOFILE, &few);
}

static void start_server_as_given(unsigned give)
{
        struct server_listener l = first_listener();

        roles_given = give;
        server = fork();
        if (server == 0) {
                int r;

                is_server = true;
                few_descriptors();
                the_server = server_new(&options);
                server_add_listener(the_server, &l);
                r = server_run(the_server, NULL, 0);
                server_free(the_server);
                _exit(r);
        }
        close(l.fd);
}

static void start_server(unsigned give)
{
        fds_given = give & ADMIN;
        start_server_as_given(give);
}

/* --- a second listener, which answers other requests, to a principal of another kind --- */

static enum status tell_name(struct request *r, const void *q, void *p)
{
        struct vm_show_rep *reply = p;

        (void)q;
        reply->vm = (struct vm_summary){.name = "x", .last_refusal = r->caller->principal.name};
        return ST_DONE;
}

static const struct handler second_handlers[] = {{MESSAGE_vm_show, tell_name}};

static bool admit_certificate(int fd, struct caller *caller_out)
{
        (void)fd;
        caller_out->principal = (struct principal){PRINCIPAL_CERTIFICATE, "auditor"};
        caller_out->roles = VERIFIER;
        return true;
}

static struct server_listener second_listener(void)
{
        struct server_listener l = {.handlers = second_handlers,
                                    .handlers_count = 1,
                                    .frame_most = FRAME_MOST,
                                    .admit = admit_certificate};

        snprintf(second_path, sizeof second_path, "%s-2", path);
        ck_assert_int_eq(local_socket_listen(second_path, 0600, &l.fd), ST_DONE);
        return l;
}

static void start_two_listeners(void)
{
        struct server_listener l = first_listener(), m = second_listener();

        server = fork();
        if (server == 0) {
                is_server = true;
                the_server = server_new(&options);
                server_add_listener(the_server, &l);
                server_add_listener(the_server, &m);
                _exit(server_run(the_server, NULL, 0));
        }
        close(l.fd);
        close(m.fd);
}

static void *run_second(void *nothing)
{
        (void)nothing;
        return (void *)(intptr_t)server_run(the_second, NULL, 0);
}

static void start_two_servers(void)
{
        static const struct server_options one = {.requests_most = 1, .connections_most = 4};
        struct server_listener l = first_listener(), m = second_listener();

        server = fork();
        if (server == 0) {
                pthread_t thread;
                void *ended;
                int r;

                is_server = true;
                m.handlers = handlers;
                m.handlers_count = sizeof handlers / sizeof *handlers;
                m.admit = admit;
                the_server = server_new(&one);
                the_second = server_new(&one);
                server_add_listener(the_server, &l);
                server_add_listener(the_second, &m);
                pthread_create(&thread, NULL, run_second, NULL);
                r = server_run(the_server, NULL, 0);
                pthread_join(thread, &ended);
                server_free(the_server);
                server_free(the_second);
                _exit(r + (int)(intptr_t)ended);
        }
        close(l.fd);
        close(m.fd);
}

static void stop_server(void)
{
        int status;

        kill(server, SIGTERM);
        ck_assert_int_eq(waitpid(server, &status, 0), server);
        ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "the server ended with %x",
                      status);
        unlink(path);
}

/* --- helpers --- */

static bool is_peer; /* a process of fork_peer() */

static int raw(void)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        strcpy(address.sun_path, path);
        ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
        if (is_peer)
                count(&shared->came);
        return fd;
}

static int greeted_at(const char *where)
{
        int fd;

        ck_assert_int_eq(channel_connect(where, deadline_in(PATIENCE), &fd), ST_DONE);
        if (is_peer)
                count(&shared->came);
        return fd;
}

static int greeted(void)
{
        return greeted_at(path);
}

static enum status start_vm(int fd, const char *name)
{
        struct vm_start_req q = {name};
        struct vm_start_rep p;

        return channel_call(fd, CALL(vm_start, &q, &p), a, deadline_in(PATIENCE));
}

static enum status approve_with(int fd, int passphrase)
{
        struct host_approve_req q = {.passphrase = passphrase};
        struct host_approve_rep p;

        return channel_call(fd, CALL(host_approve, &q, &p), a, deadline_in(PATIENCE));
}

static void still_answers(void)
{
        int fd = greeted();

        ck_assert_int_eq(start_vm(fd, "web01"), ST_DONE);
        close(fd);
}

static bool closed_by_peer(int fd)
{
        struct pollfd p = {fd, POLLIN, 0};
        char byte[4096];

        while (poll(&p, 1, PATIENCE) == 1) {
                ssize_t n = read(fd, byte, sizeof byte);

                if (n <= 0)
                        return n == 0 || errno == ECONNRESET;
        }
        return false;
}

static void set_up(void)
{
        snprintf(path, sizeof path, "/tmp/bulkhead-door-%d.sock", (int)getpid());
        a = arena_new();
        shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
        ck_assert_ptr_ne(shared, MAP_FAILED);
        start_server(ADMIN | 0x80);
        close(greeted());
}

static void tear_down(void)
{
        stop_server();
        arena_free(a);
}

/* --- tests --- */

START_TEST(requests_are_answered)
{
        int fd = greeted();

        ck_assert_int_eq(start_vm(fd, "web01"), ST_DONE);
        ck_assert_int_eq(start_vm(fd, "none"), ST_NOT_FOUND);
        ck_assert_int_eq(start_vm(fd, "bad"), ST_INTERNAL); /* a reply that does not encode */
        ck_assert_int_eq(start_vm(fd, "web01"), ST_DONE);
        close(fd);
}
END_TEST

START_TEST(rights_are_checked)
{
        struct status_rep status;
        int fd;

        stop_server();
        start_server(VERIFIER | 0x80);
        fd = greeted();
        ck_assert_int_eq(channel_call(fd, CALL(status, &(struct status_req){}, &status), a,
                                      deadline_in(PATIENCE)),
                         ST_DONE);
        ck_assert_int_eq(start_vm(fd, "web01"), ST_DENIED);
        close(fd);
        stop_server();
        start_server(0);
        fd = raw();
        ck_assert(closed_by_peer(fd));
        close(fd);
}
END_TEST

/* The whole first frame of a peer. */
#define HELLO "\0\0\0\4\0\1\0\0\0\0\0\3"
_Static_assert(PROTOCOL_VERSION == 3,
               "HELLO says another version, and all that follows it is moot");

static const struct {
        const char *bytes;
        size_t len;
} bad_frames[] = {
        {"\0\0\0\0\0\1\0\0", 8},                 /* a hello without a version */
        {"\0\0\0\4\0\1\0\0\0\0\0\377", 12},      /* of another version */
        {"\377\377\377\377\0\1\0\0", 8},         /* 2^32 - 1 bytes */
        {"\0\0\0\4\0\144\0\0\0\0\0\3", 12},      /* a request before the hello */
        {"\0\0\0\4\0\1\0\1\0\0\0\3", 12},        /* announces a descriptor that is not there */
        {HELLO "\0\0\0\0\0\0\0\0", 20},          /* hello, then message number 0 */
        {HELLO "\377\377\377\377\0\31\0\0", 20}, /* hello, then a huge one */
        {HELLO "\0\0\0\0\0\31\0\0", 20},         /* hello, then an empty vm_start */
        {HELLO "\0\0\0\2\0\2\0\0xx", 22},        /* hello, then an error as request */
};

START_TEST(bad_frames_close_their_connection_alone)
{
        int good = greeted(), fd = raw();

        ck_assert_int_eq(write(fd, bad_frames[_i].bytes, bad_frames[_i].len),
                         (ssize_t)bad_frames[_i].len);
        ck_assert(closed_by_peer(fd));
        ck_assert_int_eq(start_vm(good, "web01"), ST_DONE);
        close(fd);
        close(good);
        still_answers();
}
END_TEST

START_TEST(one_byte_at_a_time_and_two_frames_in_one_write)
{
        static const uint8_t bytes[] = HELLO "\0\0\0\2\0\31\0\0\1x"
                                             "\0\0\0\2\0\31\0\0\1y";
        struct frame f = {0};
        int fd = raw();

        for (size_t i = 0; i < 22; i++)
                ck_assert_int_eq(write(fd, bytes + i, 1), 1);
        ck_assert_int_eq(channel_receive_frame(fd, 100, a, &f, deadline_in(PATIENCE)), ST_DONE);
        ck_assert_int_eq(f.number, MESSAGE_HELLO);
        ck_assert_int_eq(channel_receive_frame(fd, 1000, a, &f, deadline_in(PATIENCE)), ST_DONE);
        ck_assert_int_eq(f.number, MESSAGE_vm_start);
        ck_assert_int_eq(write(fd, bytes + 12, 20), 20);
        for (int i = 0; i < 2; i++) {
                ck_assert_int_eq(channel_receive_frame(fd, 1000, a, &f, deadline_in(PATIENCE)),
                                 ST_DONE);
                ck_assert_int_eq(f.number, MESSAGE_vm_start);
        }
        close(fd);
}
END_TEST

START_TEST(a_half_close_still_gets_its_answer)
{
        struct vm_start_req q = {"slow"};
        struct frame f = {0};
        int fd = greeted();

        ck_assert_int_eq(
                channel_send(fd, MESSAGE_vm_start, &shape_vm_start_req, &q, deadline_in(PATIENCE)),
                ST_DONE);
        shutdown(fd, SHUT_WR);
        ck_assert_int_eq(channel_receive_frame(fd, 1000, a, &f, deadline_in(PATIENCE)), ST_DONE);
        ck_assert_int_eq(f.number, MESSAGE_vm_start);
        close(fd);
        still_answers();
}
END_TEST

START_TEST(a_flood_of_connections_keeps_nobody_out)
{
        int fds[500];

        for (int i = 0; i < 500; i++)
                fds[i] = raw();
        still_answers();
        for (int i = 0; i < 500; i++)
                close(fds[i]);
        still_answers();
}
END_TEST

START_TEST(a_reader_that_never_reads_blocks_nobody)
{
        struct trust_req q = {};
        int fds[3];

        for (int i = 0; i < 3; i++) {
                fds[i] = greeted();
                ck_assert_int_eq(channel_send(fds[i], MESSAGE_trust, &shape_trust_req, &q,
                                              deadline_in(PATIENCE)),
                                 ST_DONE);
        }
        still_answers();
        for (int i = 0; i < 3; i++)
                close(fds[i]);
        still_answers();
}
END_TEST

START_TEST(many_requests_at_once_are_all_answered)
{
        struct vm_start_req q = {"slow"};
        struct frame f = {0};
        int fds[20];

        for (int i = 0; i < 20; i++) {
                fds[i] = greeted();
                ck_assert_int_eq(channel_send(fds[i], MESSAGE_vm_start, &shape_vm_start_req, &q,
                                              deadline_in(PATIENCE)),
                                 ST_DONE);
        }
        for (int i = 0; i < 20; i++) {
                ck_assert_int_eq(channel_receive_frame(fds[i], 1000, a, &f, deadline_in(PATIENCE)),
                                 ST_DONE);
                ck_assert_int_eq(f.number, MESSAGE_vm_start);
                close(fds[i]);
        }
}
END_TEST

static size_t descriptors_of(pid_t pid)
{
        char command[100];
        size_t n = 0;
        FILE *out;

        snprintf(command, sizeof command, "ls /proc/%d/fd | wc -l", (int)pid);
        out = popen(command, "r");
        ck_assert_int_eq(fscanf(out, "%zu", &n), 1);
        pclose(out);
        return n;
}

START_TEST(descriptors_travel_and_none_is_left)
{
        struct host_approve_req q = {.passphrase = open("/dev/null", O_RDONLY)};
        struct host_approve_rep p;
        size_t before;
        int fd = greeted(), extra[MESSAGE_FDS_MOST];

        ck_assert_int_eq(start_vm(fd, "web01"), ST_DONE);
        before = descriptors_of(server);
        for (int i = 0; i < 10; i++)
                ck_assert_int_eq(
                        channel_call(fd, CALL(host_approve, &q, &p), a, deadline_in(PATIENCE)),
                        ST_DONE);
        ck_assert_uint_eq(descriptors_of(server), before);
        /* descriptors beside a message that has no place for them */
        for (int i = 0; i < 10; i++)
                extra[i] = q.passphrase;
        ck_assert_int_eq(channel_send_frame(fd, MESSAGE_vm_start,
                                            (struct bytes){(const uint8_t *)"\1x", 2}, extra, 10,
                                            deadline_in(PATIENCE)),
                         ST_DONE);
        ck_assert(closed_by_peer(fd));
        close(fd);
        close(q.passphrase);
        fd = greeted();
        ck_assert_int_eq(start_vm(fd, "web01"), ST_DONE);
        ck_assert_uint_eq(descriptors_of(server), before);
        close(fd);
}
END_TEST

START_TEST(descriptors_of_peers_without_rights_are_refused)
{
        int one = open("/dev/null", O_RDONLY), fd;
        enum status s;

        stop_server();
        start_server(VERIFIER | 0x80);
        fd = greeted();
        s = channel_send_frame(fd, MESSAGE_status, (struct bytes){NULL, 0}, &one, 1,
                               deadline_in(PATIENCE));
        ck_assert(s == ST_DENIED ||
                  (s == ST_DONE && closed_by_peer(fd))); /* newer kernels refuse */
        close(fd);
        close(one);
        fd = greeted();
        close(fd);
}
END_TEST

/* --- strangers, from a process of their own --- */

static const uint8_t hello_and_trust[] = HELLO "\0\0\0\0\0\37\0";

/* More than the door takes, each with an answer that is never read. */
static void ask_and_never_read(void)
{
        for (int i = 0; i < CONNECTIONS + 10; i++)
                send(raw(), hello_and_trust, sizeof hello_and_trust, MSG_NOSIGNAL);
}

/* A socket whose close() waits until its peer has read all, or for 1,000 seconds. */
static int lingering(void)
{
        static const struct linger linger = {1, 1000};
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof address;
        int door = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
        static char much[64 << 10];

        if (bind(door, (struct sockaddr *)&address, len) || listen(door, 1) ||
            getsockname(door, (struct sockaddr *)&address, &len) ||
            connect(fd, (struct sockaddr *)&address, len) || accept(door, NULL, NULL) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger))
                _exit(1);
        while (send(fd, much, sizeof much, MSG_DONTWAIT) > 0)
                ;
        return fd;
}

/* In a thread: if the door was faster, this is the last descriptor, and close() waits. */
static void *let_go(void *fd)
{
        close((int)(intptr_t)fd);
        return NULL;
}

static int send_flags;

static void send_with_lingering(int to, const void *bytes, size_t len)
{
        int fd = lingering();
        char control[CMSG_SPACE(sizeof fd)] = {0};
        struct iovec part = {(void *)bytes, len};
        struct msghdr msg = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
        if (sendmsg(to, &msg, MSG_NOSIGNAL | send_flags) > 0) { /* newer kernels refuse it */
                pthread_t thread;

                pthread_create(&thread, NULL, let_go, (void *)(intptr_t)fd);
        }
}

static void hand_over_what_lingers(void)
{
        int fd = raw();

        send_with_lingering(fd, hello_and_trust, 12);
        fd = raw(); /* never read at all: the door closes after what comes before it */
        send(fd, "\0\0\0\4\0\1\0\0\0\0\0\377", 12, MSG_NOSIGNAL);
        send_with_lingering(fd, hello_and_trust, 12);
}

/* The answer, more than its socket holds, is being written meanwhile: nothing is read. */
static void leave_what_lingers(void)
{
        int fd = raw();
        struct pollfd answer = {fd, POLLIN, 0};

        send(fd, hello_and_trust, sizeof hello_and_trust, MSG_NOSIGNAL);
        poll(&answer, 1, PATIENCE);
        read(fd, (char[12]){0}, 12); /* of the hello */
        poll(&answer, 1, PATIENCE);
        send_with_lingering(fd, "", 1);
        close(fd);
}

static size_t threads_of(pid_t pid)
{
        char folder[40];
        size_t n = 0;
        DIR *d;

        snprintf(folder, sizeof folder, "/proc/%d/task", pid);
        d = opendir(folder);
        while (d && readdir(d))
                n++;
        closedir(d);
        return n - 2;
}

/* A process that has done that, holds what it has, and does no more. */
static pid_t fork_peer(void (*act)(void))
{
        int ready[2];
        char byte;
        pid_t pid;

        ck_assert_int_eq(pipe(ready), 0);
        pid = fork();
        if (!pid) {
                is_peer = true;
                act();
                if (write(ready[1], "", 1) == 1)
                        pause();
                _exit(1);
        }
        ck_assert_int_eq(read(ready[0], &byte, 1), 1);
        close(ready[0]);
        close(ready[1]);
        return pid;
}

/* Until the door has looked at all connections of all peers. */
static void wait_for_door(void)
{
        wait_until_at_least(&shared->seen, count_of(&shared->came));
}

static void end_peer(pid_t pid)
{
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

enum { STRANGERS = 100, THREADS = 8 };

static void leave_many(void)
{
        for (int i = 0; i < STRANGERS; i++)
                leave_what_lingers();
}

/* Beside a byte out of band, which a recvmsg() of what follows would drop. */
static void send_out_of_band(void)
{
        int fd = raw();

        send(fd, hello_and_trust, 4, MSG_NOSIGNAL);
        send_flags = MSG_OOB;
        send_with_lingering(fd, "", 1);
        send_flags = 0;
        send(fd, hello_and_trust + 4, 8, MSG_NOSIGNAL);
}

static void leave_out_of_band(void)
{
        for (int i = 0; i < 10; i++)
                send_out_of_band();
}

static void hand_over_many(void)
{
        for (int i = 0; i < STRANGERS; i++)
                hand_over_what_lingers();
}

static void (*const flood_old[])(void) = {leave_many, hand_over_many, leave_out_of_band};
enum { DESCRIPTORS_AT_REST = 12 };

/* Before Linux 6.16, where the kernel takes descriptors from everybody. */
START_TEST(closings_that_wait_do_not_become_ever_more)
{
        pid_t stranger;

        stop_server();
        tester = getpid();
        is_old = true;
        start_server(ADMIN | 0x80);
        stranger = fork_peer(flood_old[_i]);
        wait_for_door();
        for (int i = 0; i < 3; i++)
                still_answers();
        ck_assert_uint_le(threads_of(server), THREADS);
        end_peer(stranger);
        still_answers();
        while (descriptors_of(server) > DESCRIPTORS_AT_REST) /* or the test's time is over */
                usleep(10 * 1000);
        is_old = false;
}
END_TEST

static void leave_unread(void)
{
        for (int i = 0; i < 1000; i++) {
                int fd = raw();

                send(fd, "", 1, MSG_NOSIGNAL);
                close(fd);
        }
}

/* Where the kernel lets nothing come along, no thread is needed to close a connection. */
START_TEST(what_can_hold_no_descriptor_is_closed_at_once)
{
        pid_t stranger;

        if (setsockopt(raw(), SOL_SOCKET, 83 /* SO_PASSRIGHTS */, &(int){1}, sizeof(int))) {
                printf("skipped: what can hold no descriptor: older than Linux 6.16\n");
                return;
        }
        stop_server();
        tester = getpid();
        start_server(ADMIN | 0x80);
        stranger = fork_peer(leave_unread);
        still_answers();
        while (threads_of(server) > 1) /* the thread that answered ends */
                usleep(1000);
        end_peer(stranger);
}
END_TEST

enum { IN_A_WINDOW = 50, WINDOW = 50 /* ms */ };

static void connect_often(void)
{
        for (int i = 0; i < 2 * IN_A_WINDOW + 10; i++)
                raw();
}

/* So many are let in while the server's clock stands, and no more however often it looks. */
static void let_in(unsigned most)
{
        wait_until_at_least(&shared->seen, most);
        wait_until_at_least(&shared->looks, count_of(&shared->looks) + 20);
        ck_assert_uint_eq(count_of(&shared->seen), most);
}

/* A thousand in a second, and no more: what the loop does for each is not done for others. */
START_TEST(strangers_connect_at_a_measured_rate)
{
        pid_t strangers;

        stop_server();
        tester = getpid();
        shared->clock = deadline_in(0);
        start_server(ADMIN | 0x80);
        strangers = fork_peer(connect_often);
        let_in(IN_A_WINDOW);
        __atomic_add_fetch(&shared->clock, WINDOW - 1, __ATOMIC_SEQ_CST);
        let_in(IN_A_WINDOW);
        __atomic_add_fetch(&shared->clock, 1, __ATOMIC_SEQ_CST);
        let_in(2 * IN_A_WINDOW);
        __atomic_add_fetch(&shared->clock, WINDOW, __ATOMIC_SEQ_CST);
        still_answers();
        end_peer(strangers);
}
END_TEST

START_TEST(one_verifier_does_not_take_the_threads_of_all)
{
        struct status_req q = {};
        struct status_rep p;
        pid_t greedy;
        int fd;

        stop_server();
        are_principals = true;
        shared->clock = deadline_in(0); /* the greedy one's threads never give up on its replies */
        start_server(VERIFIER | 0x80);
        greedy = fork_peer(ask_and_never_read);
        wait_for_door(); /* all of these come within one window */
        __atomic_add_fetch(&shared->clock, WINDOW, __ATOMIC_SEQ_CST);
        for (int i = 0; i < 3; i++) {
                fd = greeted();
                ck_assert_int_eq(channel_call(fd, CALL(status, &q, &p), a, deadline_in(PATIENCE)),
                                 ST_DONE);
                close(fd);
        }
        end_peer(greedy);
        are_principals = false;
}
END_TEST

static void ask_until_gone(int *fds, size_t count)
{
        struct vm_start_req q = {.vm = "until-gone"};

        for (size_t i = 0; i < count; i++) {
                fds[i] = greeted();
                ck_assert_int_eq(channel_send(fds[i], MESSAGE_vm_start, &shape_vm_start_req, &q,
                                              deadline_in(PATIENCE)),
                                 ST_DONE);
        }
}

static void close_each(const int *fds, size_t count)
{
        for (size_t i = 0; i < count; i++)
                close(fds[i]);
}

enum { ALL_THREADS = 4 };

/* What waits for nothing else would have all threads for ever. */
START_TEST(a_request_ends_with_its_peer)
{
        int fds[ALL_THREADS];

        for (int i = 0; i < 3; i++) {
                ask_until_gone(fds, ALL_THREADS);
                close_each(fds, ALL_THREADS);
                still_answers();
        }
}
END_TEST

static void serve_one_that_asks_for_others(void)
{
        stop_server();
        asks_for_others = true;
        start_server(ADMIN);
        asks_for_others = false;
}

/* Whoever asks for others has a share for each sort of them: of threads ... */
START_TEST(requests_for_others_leave_threads)
{
        struct status_req q = {};
        struct status_rep p;
        int fds[ALL_THREADS], fd;

        serve_one_that_asks_for_others();
        ask_until_gone(fds, ALL_THREADS);
        fd = greeted();
        ck_assert_int_eq(channel_call(fd, CALL(status, &q, &p), a, deadline_in(PATIENCE)), ST_DONE);
        close(fd);
        close_each(fds, ALL_THREADS);
}
END_TEST

/* ... and of memory for frames, of which nobody loses what it has. */
START_TEST(requests_for_others_leave_memory)
{
        static const uint8_t start[] = HELLO "\0\1\206\240\0\31\0",
                             ask[] = HELLO "\0\1\206\240\0\12\0", body[FRAME_MOST];
        enum { FRAMES = 2 * MEMORY / FRAME_MOST };
        int fds[FRAMES], fd;
        struct frame f;

        serve_one_that_asks_for_others();
        for (int i = 0; i < FRAMES; i++) {
                fds[i] = raw();
                ck_assert_int_eq(send(fds[i], start, sizeof start, MSG_NOSIGNAL), sizeof start);
        }
        fd = raw();
        ck_assert_int_eq(send(fd, ask, sizeof ask, MSG_NOSIGNAL), sizeof ask);
        ck_assert_int_eq(send(fd, body, sizeof body, MSG_NOSIGNAL), sizeof body);
        for (int i = 0; i < 2; i++) /* to the hello, and to a request that has too many bytes */
                ck_assert_int_eq(channel_receive_frame(fd, 1000, a, &f, deadline_in(PATIENCE)),
                                 ST_DONE);
        ck_assert_int_eq(f.number, MESSAGE_ERROR);
        close(fd);
        close_each(fds, FRAMES);
}
END_TEST

/* Nobody has a use for it, and all of them together would fill the memory. */
START_TEST(a_stranger_begins_no_large_frame)
{
        static const uint8_t large[FRAME_HEADER] = {0, 0, 16, 1, 0, MESSAGE_trust, 0, 0},
                             small[FRAME_HEADER] = {0, 0, 16, 0, 0, MESSAGE_trust, 0, 0};
        struct frame f;
        int fd;

        stop_server();
        start_server(0x80);
        fd = greeted();
        ck_assert_int_eq(send(fd, small, sizeof small, 0), FRAME_HEADER);
        ck_assert_int_eq(channel_receive_frame(fd, 1000, a, &f, deadline_in(300)), ST_TIMEOUT);
        close(fd);
        fd = greeted();
        ck_assert_int_eq(send(fd, large, sizeof large, 0), FRAME_HEADER);
        ck_assert_int_eq(channel_receive_frame(fd, 1000, a, &f, deadline_in(PATIENCE)), ST_DONE);
        ck_assert_int_eq(f.number, MESSAGE_ERROR);
        close(fd);
}
END_TEST

static size_t kib_of(pid_t pid, const char *what)
{
        char name[40], line[200];
        size_t n = 0;
        FILE *f;

        snprintf(name, sizeof name, "/proc/%d/status", pid);
        f = fopen(name, "r");
        while (f && fgets(line, sizeof line, f))
                if (!strncmp(line, what, strlen(what)))
                        sscanf(line + strlen(what), ": %zu", &n);
        fclose(f);
        return n;
}

/* All but the last byte, from as many as one verifier may have. */
static void begin_large_frames(void)
{
        static const uint8_t hello_and_status[] = HELLO "\0\1\206\240\0\12\0";
        static char body[FRAME_MOST - 1];
        static int fds[30];

        for (size_t i = 0; i < 30; i++) {
                fds[i] = raw();
                send(fds[i], hello_and_status, sizeof hello_and_status, MSG_NOSIGNAL);
        }
        for (size_t i = 0; i < 30; i++)
                send(fds[i], body, sizeof body, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* The memory of all frames is bounded, a principal has his share of it, and an administrator's
 * frames have room. */
START_TEST(frames_that_have_begun_take_bounded_memory)
{
        static const uint8_t body[FRAME_MOST];
        struct frame f;
        pid_t greedy[8];
        size_t before;
        int fd;

        stop_server();
        tester = getpid();
        strangers_roles = VERIFIER | 0x80;
        are_principals = true;
        start_server(ADMIN | 0x80);
        still_answers();
        before = kib_of(server, "RssAnon");
        for (int i = 0; i < 8; i++)
                greedy[i] = fork_peer(begin_large_frames);
        wait_for_door();
        for (int i = 0; i < 3; i++) {
                fd = greeted();
                ck_assert_int_eq(channel_send_frame(fd, MESSAGE_status,
                                                    (struct bytes){body, sizeof body}, NULL, 0,
                                                    deadline_in(PATIENCE)),
                                 ST_DONE);
                ck_assert_int_eq(channel_receive_frame(fd, 1000, a, &f, deadline_in(PATIENCE)),
                                 ST_DONE);
                ck_assert_int_eq(f.number, MESSAGE_ERROR); /* an empty request, well read */
                close(fd);
        }
#ifdef __SANITIZE_ADDRESS__
        printf("skipped: the server's memory, ASan keeps what was freed\n");
        (void)before;
#else
        ck_assert_uint_le(kib_of(server, "RssAnon"), before + 1200);
#endif
        for (int i = 0; i < 8; i++)
                end_peer(greedy[i]);
        still_answers();
        are_principals = false;
        strangers_roles = 0x80;
}
END_TEST

/* Refused by its header, in the same words as a short one. */
START_TEST(a_long_request_without_the_right_to_it_is_refused_unread)
{
        static const char config[60000];
        struct vm_define_req q = {.config = {(const uint8_t *)config, sizeof config}};
        struct vm_define_rep p;
        int fd;

        stop_server();
        start_server(VERIFIER | 0x80);
        for (int i = 0; i < 5; i++) {
                fd = greeted();
                ck_assert_int_eq(
                        channel_call(fd, CALL(vm_define, &q, &p), a, deadline_in(PATIENCE)),
                        ST_DENIED);
                close(fd);
        }
}
END_TEST

static size_t lines_with(const char *file, const char *text)
{
        char line[2000];
        size_t n = 0;
        FILE *f = fopen(file, "r");

        while (f && fgets(line, sizeof line, f))
                n += strstr(line, text) != NULL;
        fclose(f);
        return n;
}

/* One line for each that is refused, up to a bound: a flood of them fills no disk. */
START_TEST(who_asked_for_what_is_told)
{
        char log[80];
        int old = dup(STDERR_FILENO), file, fd;

        snprintf(log, sizeof log, "%s.log", path);
        file = open(log, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
        stop_server();
        dup2(file, STDERR_FILENO);
        start_server(_i ? ADMIN | 0x80 : VERIFIER | 0x80);
        dup2(old, STDERR_FILENO);
        fd = greeted();
        for (int i = 0; i < 100; i++)
                ck_assert_int_eq(start_vm(fd, "none"), _i ? ST_NOT_FOUND : ST_DENIED);
        close(fd);
        if (_i) {
                ck_assert_uint_eq(lines_with(log, "request vm_start: PRINCIPAL=uid:"), 100);
                ck_assert_uint_eq(lines_with(log, " VM=none VERDICT=refused REASON=not found"),
                                  100);
        } else {
                ck_assert_uint_eq(lines_with(log, " VM=- VERDICT=refused REASON=access"), 60);
        }
        unlink(log);
        close(file);
        close(old);
}
END_TEST

static void be_refused(void)
{
        int fd = greeted();

        for (int i = 0; i < 100; i++)
                start_vm(fd, "none");
        close(fd);
}

/* Nobody uses up the lines of another principal. */
START_TEST(each_principal_has_lines_of_its_own)
{
        char log[80], who[60];
        int old = dup(STDERR_FILENO), file, fd;
        pid_t greedy;

        snprintf(log, sizeof log, "%s.log", path);
        file = open(log, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
        stop_server();
        are_principals = true;
        dup2(file, STDERR_FILENO);
        start_server(VERIFIER | 0x80);
        dup2(old, STDERR_FILENO);
        greedy = fork_peer(be_refused);
        snprintf(who, sizeof who, "PRINCIPAL=uid:%d ", (int)greedy);
        while (lines_with(log, who) < 60)
                usleep(10000);
        ck_assert_uint_eq(lines_with(log, who), 60);
        fd = greeted();
        ck_assert_int_eq(start_vm(fd, "none"), ST_DENIED);
        snprintf(who, sizeof who, "PRINCIPAL=uid:%d ", (int)getpid());
        ck_assert_uint_eq(lines_with(log, who), 1);
        close(fd);
        end_peer(greedy);
        are_principals = false;
        unlink(log);
        close(file);
        close(old);
}
END_TEST

static void be_refused_unread(void)
{
        static const uint8_t refused[] = HELLO "\0\1\206\240\0\24\0";

        ck_assert_int_eq(MESSAGE_vm_define, 20);
        ck_assert_int_eq(send(raw(), refused, sizeof refused, MSG_NOSIGNAL), sizeof refused);
}

/* Standard error that takes nothing more holds up the one that is refused, and nobody else. */
START_TEST(a_full_log_does_not_stop_the_loop)
{
        struct status_req q = {};
        struct status_rep p;
        int old = dup(STDERR_FILENO), full[2], fd;
        pid_t refused;

        ck_assert_int_eq(pipe2(full, O_CLOEXEC | O_NONBLOCK), 0);
        while (write(full[1], path, 1) == 1)
                ;
        ck_assert_int_eq(fcntl(full[1], F_SETFL, 0), 0);
        stop_server();
        are_principals = true;
        dup2(full[1], STDERR_FILENO);
        start_server(VERIFIER | 0x80);
        dup2(old, STDERR_FILENO);
        refused = fork_peer(be_refused_unread);
        wait_for_door();
        for (int i = 0; i < 3; i++) {
                fd = greeted();
                ck_assert_int_eq(channel_call(fd, CALL(status, &q, &p), a, deadline_in(PATIENCE)),
                                 ST_DONE);
                close(fd);
        }
        end_peer(refused);
        are_principals = false;
        close(full[0]); /* what waits to be written fails */
        close(full[1]);
        close(old);
}
END_TEST

/* In the journal each part is a field; a name cannot forge another one. Standard error that is no
 * journal, and a journald that takes nothing, leave it to the caller. */
START_TEST(the_journal_gets_fields)
{
        const struct journal_field fields[] = {{"MESSAGE", "asked"}, {"VM", "a\nVERDICT=done"}};
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char stream[64], got[200];
        struct stat st;
        ssize_t n;
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        snprintf(address.sun_path, sizeof address.sun_path, "%s.journal", path);
        journal_socket = address.sun_path;
        ck_assert(!fstat(STDERR_FILENO, &st));
        snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
        setenv("JOURNAL_STREAM", stream, 1);
        ck_assert(!journal_send(fields, 2));
        ck_assert(!bind(fd, (struct sockaddr *)&address, sizeof address));
        ck_assert(journal_send(fields, 2));
        n = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);
        ck_assert_int_gt(n, 0);
        got[n] = '\0';
        ck_assert_str_eq(got, "MESSAGE=asked\nVM=a?VERDICT=done\n");
        setenv("JOURNAL_STREAM", "1:1", 1);
        ck_assert(!journal_send(fields, 2));
        unsetenv("JOURNAL_STREAM");
        unlink(address.sun_path);
        close(fd);
}
END_TEST

static int sender = -1;

static void send_descriptor(void)
{
        int one = open("/dev/null", O_RDONLY);

        after_empty_look = NULL;
        ck_assert_int_eq(channel_send_frame(sender, MESSAGE_status, (struct bytes){NULL, 0}, &one,
                                            1, deadline_in(PATIENCE)),
                         ST_DONE);
        close(one);
}

/* Between a look that found nothing and the reading. */
START_TEST(a_descriptor_is_not_taken_unseen)
{
        struct frame_reader r = {0};
        bool whole;
        int pair[2], pending;

        ck_assert_int_eq(channel_pair(pair), ST_DONE);
        sender = pair[0];
        after_empty_look = send_descriptor;
        ck_assert_int_eq(frame_reader_step(&r, pair[1], 100, 0, &whole), ST_DONE);
        ck_assert(!whole);
        ck_assert_int_eq(ioctl(pair[1], FIONREAD, &pending), 0);
        ck_assert_int_eq(pending, FRAME_HEADER); /* still there, with what came beside */
        ck_assert_int_eq(frame_reader_step(&r, pair[1], 100, 0, &whole), ST_DENIED);
        frame_reader_clear(&r);
        close(pair[0]);
        close(pair[1]);
}
END_TEST

static void (*const strangers[])(void) = {ask_and_never_read, hand_over_what_lingers};

START_TEST(strangers_hold_up_nobody_else)
{
        pid_t stranger;

        stop_server();
        tester = getpid();
        start_server(ADMIN | 0x80);
        stranger = fork_peer(strangers[_i]);
        wait_for_door();
        for (int i = 0; i < 3; i++)
                still_answers();
        end_peer(stranger);
        still_answers();
}
END_TEST

START_TEST(events_reach_those_who_watch)
{
        struct watch_rep nothing;
        struct vm_stop_req stop = {.vm = "web01"};
        struct vm_stop_rep stopped;
        struct vm_changed_event e;
        struct frame f = {0};
        int watcher = greeted(), other = greeted();

        ck_assert_int_eq(channel_call(watcher, CALL(watch, &(struct watch_req){}, &nothing), a,
                                      deadline_in(PATIENCE)),
                         ST_DONE);
        do /* while its answer is on its way, a connection misses events */
                ck_assert_int_eq(channel_call(other, CALL(vm_stop, &stop, &stopped), a,
                                              deadline_in(PATIENCE)),
                                 ST_DONE);
        while (poll(&(struct pollfd){watcher, POLLIN, 0}, 1, 0) != 1);
        ck_assert_int_eq(channel_receive_frame(watcher, 1000, a, &f, deadline_in(PATIENCE)),
                         ST_DONE);
        ck_assert_int_eq(f.number, MESSAGE_vm_changed);
        ck_assert_int_eq(message_decode(&shape_vm_changed_event, f.body, NULL, 0, a, &e), ST_DONE);
        ck_assert_str_eq(e.vm, "web01");
        close(watcher);
        close(other);
}
END_TEST

/* A privileged rank alone is no leave to pass descriptors. */
START_TEST(descriptors_need_the_listeners_leave)
{
        int one = open("/dev/null", O_RDONLY), fd;
        enum status s;

        stop_server();
        tester = getpid();
        start_server(ADMIN | 0x80);
        fd = greeted();
        ck_assert_int_eq(approve_with(fd, one), ST_DONE);
        close(fd);
        stop_server();
        fds_given = false;
        start_server_as_given(ADMIN | 0x80);
        fd = greeted();
        s = approve_with(fd, one);
        ck_assert_msg(s == ST_DENIED || s == ST_UNREACHABLE, "it said %d", s);
        close(fd);
        close(one);
        still_answers();
}
END_TEST

/* Five, with four threads: the ends of sessions count in nobody's share. */
START_TEST(the_end_of_a_session_holds_up_nobody)
{
        int fds[5];

        for (int i = 0; i < 5; i++) {
                fds[i] = greeted();
                ck_assert_int_eq(start_vm(fds[i], "session"), ST_DONE);
        }
        for (int i = 0; i < 5; i++)
                close(fds[i]);
        still_answers();
        count(&shared->may_end);
        while (descriptors_of(server) > DESCRIPTORS_AT_REST)
                usleep(10000);
}
END_TEST

START_TEST(two_listeners_answer_two_tables)
{
        struct vm_show_req show = {.vm = "x"};
        struct vm_show_rep shown;
        int fd;

        stop_server();
        start_two_listeners();
        fd = greeted_at(second_path);
        ck_assert_int_eq(channel_call(fd, CALL(vm_show, &show, &shown), a, deadline_in(PATIENCE)),
                         ST_DONE);
        ck_assert_str_eq(shown.vm.last_refusal, "auditor");
        ck_assert_int_eq(start_vm(fd, "web01"), ST_PROTOCOL); /* the first one's alone */
        close(fd);
        fd = greeted();
        ck_assert_int_eq(start_vm(fd, "web01"), ST_DONE);
        ck_assert_int_eq(channel_call(fd, CALL(vm_show, &show, &shown), a, deadline_in(PATIENCE)),
                         ST_PROTOCOL);
        close(fd);
        unlink(second_path);
}
END_TEST

/* One thread and four connections each: what one has in use is not the other's. */
START_TEST(two_servers_share_nothing)
{
        struct vm_start_req slow = {"slow"};
        struct watch_rep nothing;
        struct vm_stop_req stop = {.vm = "web01"};
        struct vm_stop_rep stopped;
        struct frame f = {0};
        int fds[4], watchers[2], fd;

        stop_server();
        start_two_servers();
        for (int i = 0; i < 2; i++) {
                watchers[i] = greeted_at(i ? second_path : path);
                ck_assert_int_eq(channel_call(watchers[i],
                                              CALL(watch, &(struct watch_req){}, &nothing), a,
                                              deadline_in(PATIENCE)),
                                 ST_DONE);
        }
        for (int i = 0; i < 3; i++) {
                fds[i] = greeted();
                ck_assert_int_eq(channel_send(fds[i], MESSAGE_vm_start, &shape_vm_start_req, &slow,
                                              deadline_in(PATIENCE)),
                                 ST_DONE);
        }
        fd = greeted_at(second_path);
        ck_assert_int_eq(start_vm(fd, "web01"), ST_DONE);
        for (int i = 0; i < 3; i++) {
                ck_assert_int_eq(channel_receive_frame(fds[i], 1000, a, &f, deadline_in(PATIENCE)),
                                 ST_DONE);
                close(fds[i]);
        }
        /* the event is the first one's, whichever was asked */
        ck_assert_int_eq(channel_call(fd, CALL(vm_stop, &stop, &stopped), a, deadline_in(PATIENCE)),
                         ST_DONE);
        ck_assert_int_eq(channel_receive_frame(watchers[0], 1000, a, &f, deadline_in(PATIENCE)),
                         ST_DONE);
        ck_assert_int_eq(f.number, MESSAGE_vm_changed);
        ck_assert_int_eq(channel_receive_frame(watchers[1], 1000, a, &f, deadline_in(300)),
                         ST_TIMEOUT);
        close(watchers[0]);
        close(watchers[1]);
        close(fd);
        unlink(second_path);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("server");
        TCase *t = tcase_create("server");
        SRunner *runner;
        int failed;

        signal(SIGPIPE, SIG_IGN);
        tcase_set_timeout(t, 120);
        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_test(t, requests_are_answered);
        tcase_add_test(t, rights_are_checked);
        tcase_add_loop_test(t, bad_frames_close_their_connection_alone, 0,
                            sizeof bad_frames / sizeof *bad_frames);
        tcase_add_test(t, one_byte_at_a_time_and_two_frames_in_one_write);
        tcase_add_test(t, a_half_close_still_gets_its_answer);
        tcase_add_test(t, a_flood_of_connections_keeps_nobody_out);
        tcase_add_test(t, a_reader_that_never_reads_blocks_nobody);
        tcase_add_test(t, many_requests_at_once_are_all_answered);
        tcase_add_test(t, descriptors_travel_and_none_is_left);
        tcase_add_test(t, descriptors_of_peers_without_rights_are_refused);
        tcase_add_loop_test(t, closings_that_wait_do_not_become_ever_more, 0,
                            sizeof flood_old / sizeof *flood_old);
        tcase_add_test(t, what_can_hold_no_descriptor_is_closed_at_once);
        tcase_add_test(t, strangers_connect_at_a_measured_rate);
        tcase_add_test(t, a_descriptor_is_not_taken_unseen);
        tcase_add_test(t, a_stranger_begins_no_large_frame);
        tcase_add_loop_test(t, who_asked_for_what_is_told, 0, 2);
        tcase_add_test(t, each_principal_has_lines_of_its_own);
        tcase_add_test(t, a_full_log_does_not_stop_the_loop);
        tcase_add_test(t, a_request_ends_with_its_peer);
        tcase_add_test(t, requests_for_others_leave_threads);
        tcase_add_test(t, requests_for_others_leave_memory);
        tcase_add_test(t, the_journal_gets_fields);
        tcase_add_test(t, frames_that_have_begun_take_bounded_memory);
        tcase_add_test(t, a_long_request_without_the_right_to_it_is_refused_unread);
        tcase_add_test(t, one_verifier_does_not_take_the_threads_of_all);
        tcase_add_loop_test(t, strangers_hold_up_nobody_else, 0,
                            sizeof strangers / sizeof *strangers);
        tcase_add_test(t, events_reach_those_who_watch);
        tcase_add_test(t, descriptors_need_the_listeners_leave);
        tcase_add_test(t, the_end_of_a_session_holds_up_nobody);
        tcase_add_test(t, two_listeners_answer_two_tables);
        tcase_add_test(t, two_servers_share_nothing);
        suite_add_tcase(suite, t);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
