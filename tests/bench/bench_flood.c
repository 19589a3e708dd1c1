/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floods a door that is up, in all ways at once that the rights of its user allow, until SIGTERM.
 * Then it prints how often it did each.
 *
 *   bench_flood stranger              with BULKHEAD_RUN set
 *   bench_flood verifier VM DESCRIPTOR.xml
 *
 * A stranger's kinds: status and trust in a loop; questions whose answers are never read; frames
 * as large as allowed, and larger, that never end; connections, idle and hasty ones; questions that
 * are refused; the doors of the other daemons; descriptors of sockets that linger. A verifier has
 * these, and attests in a loop, with descriptors that are known, new, and bad, and asks for VMs. To
 * find which of them costs what: ONLY, a part of the names of those that are wanted.
 */
#include "lib/channel.h"
#include "lib/config.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE = 60000, HELD_MOST = 600, LINGER_SECONDS = 1000, AGAIN_US = 10000, LINGERING = 32 };

static struct {
        const char *vm;
        struct bytes descriptor;
} with;

/* --- connections --- */

static int connect_to(const char *socket_name)
{
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        char path[CONFIG_PATH];
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        config_path(path, config.run, socket_name);
        if (strlen(path) < sizeof to.sun_path)
                memcpy(to.sun_path, path, strlen(path));
        if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to)) {
                close(fd);
                fd = -1;
        }
        if (fd < 0)
                usleep(AGAIN_US);
        return fd;
}

static size_t put_header(uint8_t *at, uint32_t len, uint16_t number)
{
        const uint8_t header[FRAME_HEADER] = {(uint8_t)(len >> 24),   (uint8_t)(len >> 16),
                                              (uint8_t)(len >> 8),    (uint8_t)len,
                                              (uint8_t)(number >> 8), (uint8_t)number};

        memcpy(at, header, sizeof header);
        return sizeof header;
}

static size_t put_hello(uint8_t *at)
{
        const uint8_t version[] = {0, 0, 0, PROTOCOL_VERSION};

        put_header(at, sizeof version, MESSAGE_HELLO);
        memcpy(at + FRAME_HEADER, version, sizeof version);
        return FRAME_HEADER + sizeof version;
}

/* Hello, a header, and `sent` of the `len` bytes of its body. The door may have closed. */
static bool begin_frame(int fd, uint16_t number, uint32_t len, size_t sent)
{
        static const uint8_t zeros[64 << 10];
        uint8_t begin[2 * FRAME_HEADER + 4];
        size_t n = put_hello(begin);

        n += put_header(begin + n, len, number);
        if (send(fd, begin, n, MSG_NOSIGNAL) != (ssize_t)n)
                return false;
        while (sent) {
                struct pollfd room = {.fd = fd, .events = POLLOUT};
                ssize_t r = send(fd, zeros, sent < sizeof zeros ? sent : sizeof zeros,
                                 MSG_NOSIGNAL | MSG_DONTWAIT);

                if (r <= 0 && (poll(&room, 1, 1000) <= 0 || room.revents & (POLLHUP | POLLERR)))
                        return false;
                sent -= r > 0 ? (size_t)r : 0;
        }
        return true;
}

/* --- kinds: each does one thing, again and again; false if it was refused --- */

static bool ask(struct call call, int *fd, struct arena *a)
{
        char path[CONFIG_PATH];
        bool answered = false;
        enum status s;

        if (*fd < 0 &&
            channel_connect(config_path(path, config.run, SOCKET_CM), deadline_in(DEADLINE), fd)) {
                *fd = -1;
                usleep(AGAIN_US);
                return false;
        }
        s = channel_ask(*fd, call, a, deadline_in(DEADLINE), &answered);
        if (!answered) {
                close(*fd);
                *fd = -1;
        }
        arena_empty(a);
        return !s;
}

static bool ask_status(int *fd, struct arena *a)
{
        return ask(CALL(status, &(struct status_req){}, &(struct status_rep){}), fd, a);
}

static bool ask_trust(int *fd, struct arena *a)
{
        return ask(CALL(trust, &(struct trust_req){}, &(struct trust_rep){}), fd, a);
}

static bool ask_list(int *fd, struct arena *a)
{
        return ask(CALL(vm_list, &(struct vm_list_req){}, &(struct vm_list_rep){}), fd, a);
}

static bool ask_show(int *fd, struct arena *a)
{
        struct vm_show_req q = {.vm = with.vm};

        return ask(CALL(vm_show, &q, &(struct vm_show_rep){}), fd, a);
}

static bool ask_denied(int *fd, struct arena *a)
{
        struct vm_start_req q = {.vm = "needed"};

        return ask(CALL(vm_start, &q, &(struct vm_start_rep){}), fd, a);
}

static bool attest(struct bytes descriptor, int *fd, struct arena *a)
{
        uint8_t challenge[32];
        struct attest_req q = {.descriptor = descriptor,
                               .challenge = {challenge, sizeof challenge}};

        if (getrandom(challenge, sizeof challenge, 0) != sizeof challenge)
                return false;
        return ask(CALL(attest, &q, &(struct attest_rep){}), fd, a);
}

static bool attest_known(int *fd, struct arena *a)
{
        return attest(with.descriptor, fd, a);
}

/* White space behind it makes it another one. */
static bool attest_new(int *fd, struct arena *a)
{
        enum { BITS = 64 };
        size_t len = with.descriptor.len;
        uint8_t *text = arena_get(a, len + BITS);
        uint64_t bits;

        memcpy(text, with.descriptor.data, len);
        if (getrandom(&bits, sizeof bits, 0) != sizeof bits)
                return false;
        for (unsigned i = 0; i < BITS; i++)
                text[len + i] = bits >> i & 1 ? '\n' : ' ';
        return attest((struct bytes){text, len + BITS}, fd, a);
}

/* As long as a descriptor may be, and as deep. */
static bool attest_bad(int *fd, struct arena *a)
{
        static const char open[] = "<attestation-desc>";
        size_t each = sizeof open - 1, n = DOCUMENT_MOST / each;
        uint8_t *text = arena_get(a, n * each);

        for (size_t i = 0; i < n; i++)
                memcpy(text + i * each, open, each);
        return attest((struct bytes){text, n * each}, fd, a);
}

static bool connect_and_go(int *fd, struct arena *a)
{
        int other = connect_to(SOCKET_CM);

        (void)fd;
        (void)a;
        if (other >= 0)
                close(other);
        return other >= 0;
}

static bool begin_too_large(int *fd, struct arena *a)
{
        int other = connect_to(SOCKET_CM);
        bool begun = other >= 0 && begin_frame(other, MESSAGE_attest, MESSAGE_MOST, 64 << 10);

        (void)fd;
        (void)a;
        if (other >= 0)
                close(other);
        return begun;
}

static bool knock_elsewhere(int *fd, struct arena *a)
{
        static const char *const sockets[] = {SOCKET_IM, SOCKET_SVDM};
        static _Atomic unsigned turn;
        int other = connect_to(sockets[turn++ % 2]);
        bool begun = other >= 0 && begin_frame(other, MESSAGE_im_status, 1024, 1000);

        (void)fd;
        (void)a;
        if (other >= 0)
                close(other);
        return begun;
}

/* --- descriptors that linger --- */

/* Sockets whose last close() waits, and their peers, which read nothing. */
struct lingering {
        int fd, peer;
};

static struct lingering lingering(void)
{
        static const struct linger linger = {1, LINGER_SECONDS};
        static const char much[64 << 10];
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof at;
        int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct lingering l = {socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), -1};

        if (bind(door, (struct sockaddr *)&at, len) || listen(door, 1) ||
            getsockname(door, (struct sockaddr *)&at, &len) ||
            connect(l.fd, (struct sockaddr *)&at, len) ||
            (l.peer = accept4(door, NULL, NULL, SOCK_CLOEXEC)) < 0 ||
            setsockopt(l.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger))
                _exit(1);
        close(door);
        while (send(l.fd, much, sizeof much, MSG_DONTWAIT) > 0)
                ;
        return l;
}

/* At once after connect(). False where the kernel lets none go along. */
static bool send_beside_hello(const char *socket_name, int fd)
{
        uint8_t hello[FRAME_HEADER + 4];
        struct iovec part = {hello, put_hello(hello)};
        union {
                char room[CMSG_SPACE(sizeof fd)];
                struct cmsghdr aligned;
        } control = {0};
        struct msghdr msg = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        int to = connect_to(socket_name);

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
        return to >= 0 && sendmsg(to, &msg, MSG_NOSIGNAL) > 0;
}

/* A process that has the only copies sends them and ends, which does not wait. */
static size_t send_and_end(const struct lingering *all, size_t count, int go)
{
        static const char *const sockets[] = {SOCKET_CM, SOCKET_CM, SOCKET_IM, SOCKET_SVDM};
        size_t sent = 0;

        if (read(go, (char[1]){0}, 1))
                return 0;
        for (size_t i = 0; i < count; i++)
                sent += send_beside_hello(sockets[i % 4], all[i].fd);
        return sent;
}

static bool send_lingering(int *fd, struct arena *a)
{
        static struct lingering all[LINGERING];
        int go[2], status = 0;
        pid_t pid;

        (void)fd;
        (void)a;
        for (size_t i = 0; i < LINGERING; i++) {
                if (all[i].peer)
                        close(all[i].peer); /* of the turn before */
                all[i] = lingering();
        }
        if (pipe(go))
                _exit(1);
        pid = fork();
        if (!pid) {
                close(go[1]);
                _exit((int)send_and_end(all, LINGERING, go[0]));
        }
        close(go[0]);
        for (size_t i = 0; i < LINGERING; i++)
                close(all[i].fd);
        close(go[1]);
        return waitpid(pid, &status, 0) == pid && WEXITSTATUS(status);
}

/* --- connections that are held --- */

/* What is done with each connection that is held, once. */
static bool say_hello(int fd)
{
        uint8_t hello[FRAME_HEADER + 4];

        return send(fd, hello, put_hello(hello), MSG_NOSIGNAL) > 0;
}

static bool begin_largest(int fd)
{
        const uint32_t len = with.vm ? 2 << 20 : 4 << 10;

        return begin_frame(fd, with.vm ? MESSAGE_attest : MESSAGE_status, len, len - 1);
}

static bool ask_and_never_read(int fd)
{
        return begin_frame(fd, MESSAGE_status, 0, 0);
}

/* --- threads --- */

struct kind {
        const char *name;
        unsigned threads;
        bool for_verifiers;                  /* alone */
        bool (*once)(int *, struct arena *); /* in a loop, with a connection that stays; or ... */
        bool (*hold)(int); /* ... on each of `held` connections, opened again if ... */
        size_t held;       /* ... the door closes them */
        _Atomic unsigned long done, refused;
};

static struct kind kinds[] = {
        {"status", 4, false, ask_status, NULL, 0, 0, 0},
        {"trust", 4, false, ask_trust, NULL, 0, 0, 0},
        {"a start, which is denied", 2, false, ask_denied, NULL, 0, 0, 0},
        {"answers never read", 1, false, NULL, ask_and_never_read, 100, 0, 0},
        {"largest frames, begun", 1, false, NULL, begin_largest, 100, 0, 0},
        {"larger frames, begun", 1, false, begin_too_large, NULL, 0, 0, 0},
        {"idle connections", 1, false, NULL, say_hello, HELD_MOST, 0, 0},
        {"hasty connections", 1, false, connect_and_go, NULL, 0, 0, 0},
        {"doors of other daemons", 1, false, knock_elsewhere, NULL, 0, 0, 0},
        {"lingering descriptors", 1, false, send_lingering, NULL, 0, 0, 0},
        {"attest", 30, true, attest_known, NULL, 0, 0, 0},
        {"attest, new descriptors", 4, true, attest_new, NULL, 0, 0, 0},
        {"attest, bad descriptors", 2, true, attest_bad, NULL, 0, 0, 0},
        {"vm list", 2, true, ask_list, NULL, 0, 0, 0},
        {"vm show", 2, true, ask_show, NULL, 0, 0, 0},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static bool is_wanted(const struct kind *k)
{
        const char *only = getenv("ONLY");

        return (!k->for_verifiers || with.vm) && (!only || strstr(k->name, only));
}

static void count(struct kind *k, bool done)
{
        if (done)
                k->done++;
        else
                k->refused++;
}

static bool is_closed(int fd)
{
        struct pollfd p = {.fd = fd, .events = POLLRDHUP};

        return poll(&p, 1, 0) > 0;
}

static void hold(struct kind *k)
{
        int fds[HELD_MOST];

        memset(fds, -1, sizeof fds);
        while (true) {
                for (size_t i = 0; i < k->held; i++) {
                        if (fds[i] >= 0 && !is_closed(fds[i]))
                                continue;
                        if (fds[i] >= 0)
                                close(fds[i]);
                        fds[i] = connect_to(SOCKET_CM);
                        count(k, fds[i] >= 0 && k->hold(fds[i]));
                }
                usleep(AGAIN_US);
        }
}

static void *flood(void *kind)
{
        struct kind *k = kind;
        struct arena *a = arena_new();
        int fd = -1;

        if (k->hold)
                hold(k);
        while (true)
                count(k, k->once(&fd, a));
        return NULL;
}

static struct bytes read_file(const char *path)
{
        static uint8_t text[DOCUMENT_MOST];
        FILE *f = fopen(path, "r");
        size_t n = f ? fread(text, 1, sizeof text, f) : 0;

        if (!n) {
                perror(path);
                exit(2);
        }
        fclose(f);
        return (struct bytes){text, n};
}

int main(int argc, char **argv)
{
        sigset_t end;
        int signal;

        if (argc != 2 && argc != 4)
                return 2;
        config_init();
        if (argc == 4) {
                with.vm = argv[2];
                with.descriptor = read_file(argv[3]);
        }
        sigemptyset(&end);
        sigaddset(&end, SIGTERM);
        pthread_sigmask(SIG_BLOCK, &end, NULL);
        for (struct kind *k = kinds; k < kinds + KINDS; k++)
                for (unsigned i = 0; i < k->threads && is_wanted(k); i++) {
                        pthread_t thread;

                        if (pthread_create(&thread, NULL, flood, k))
                                return 3;
                }
        sigwait(&end, &signal);
        for (struct kind *k = kinds; k < kinds + KINDS; k++)
                if (is_wanted(k))
                        printf("  %-9s %-26s %8lu, refused or cut off %8lu\n", argv[1], k->name,
                               k->done, k->refused);
        fflush(stdout);
        _exit(0);
}
