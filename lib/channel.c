/* SPDX-License-Identifier: Apache-2.0 */
/* Frames over unix sockets. The length of a frame is checked here, its sender elsewhere. */
#include "lib/channel.h"
#include "lib/interrupt.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static enum status gone(void)
{
        return FAIL(ST_UNREACHABLE, .subject = "the other side closed the connection",
                    .remedy = "see its log, and try again");
}

static enum status broken(const char *how)
{
        return FAIL(ST_PROTOCOL, .subject = "a frame", .found = how,
                    .remedy = "use programs of one version on both sides");
}

/* A peer that may pass no descriptors is refused as such, not taken for another version. */
static enum status too_many_fds(size_t fds_most)
{
        if (fds_most)
                return broken("more descriptors than allowed");
        return FAIL(ST_DENIED, .subject = "a request that hands over a descriptor",
                    .remedy = ASK_AS_ADMIN);
}

/* --- sending --- */

static void attach_fds(struct msghdr *msg, char *control, const int *fds, size_t count)
{
        struct cmsghdr *c;

        if (!count)
                return;
        msg->msg_control = control;
        msg->msg_controllen = CMSG_SPACE(count * sizeof *fds);
        memset(control, 0, msg->msg_controllen);
        c = CMSG_FIRSTHDR(msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(count * sizeof *fds);
        memcpy(CMSG_DATA(c), fds, count * sizeof *fds);
}

enum status channel_send_frame(int fd, uint16_t number, struct bytes body, const int *fds,
                               size_t fds_count, int64_t deadline)
{
        const uint8_t header[FRAME_HEADER] = {body.len >> 24, body.len >> 16, body.len >> 8,
                                              body.len,       number >> 8,    number,
                                              fds_count >> 8, fds_count};
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(MESSAGE_FDS_MOST * sizeof(int))];
        struct iovec parts[2] = {{(void *)header, sizeof header}, {(void *)body.data, body.len}};
        struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};
        enum status s;

        if (body.len > MESSAGE_MOST || fds_count > MESSAGE_FDS_MOST)
                return FAIL(ST_INTERNAL, .subject = "a message that is too long to send");
        attach_fds(&msg, control, fds, fds_count);
        while (parts[0].iov_len + parts[1].iov_len) {
                ssize_t r = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);

                if (r < 0 && (errno == EAGAIN || errno == EINTR)) {
                        s = interrupt_wait(fd, POLLOUT, deadline);
                        if (s)
                                return s;
                        continue;
                }
                if (r < 0)
                        return errno == EPERM && fds_count ? too_many_fds(0) : gone();
                msg.msg_control = NULL; /* descriptors went with the first byte */
                msg.msg_controllen = 0;
                for (int i = 0; i < 2; i++) {
                        size_t n = (size_t)r < parts[i].iov_len ? (size_t)r : parts[i].iov_len;

                        parts[i].iov_base = (char *)parts[i].iov_base + n;
                        parts[i].iov_len -= n;
                        r -= (ssize_t)n;
                }
        }
        return ST_DONE;
}

enum status channel_send(int fd, uint16_t number, const struct shape *shape, const void *message,
                         int64_t deadline)
{
        struct buffer body = BUFFER_INIT(MESSAGE_MOST);
        int fds[MESSAGE_FDS_MOST];
        size_t count = 0;
        enum status s = message_encode(shape, message, &body, fds, &count);

        if (!s)
                s = channel_send_frame(fd, number, buffer_bytes(&body), fds, count, deadline);
        buffer_clear(&body);
        return s;
}

enum status channel_send_error(int fd, const struct error *e, int64_t deadline)
{
        struct buffer body = BUFFER_INIT(MESSAGE_MOST);
        enum status s;

        error_encode(e, &body);
        s = channel_send_frame(fd, MESSAGE_ERROR, buffer_bytes(&body), NULL, 0, deadline);
        buffer_clear(&body);
        return s;
}

/* --- receiving --- */

void frame_close_fds(struct frame *f)
{
        for (size_t i = 0; i < f->fds_count; i++)
                close(f->fds[i]);
        f->fds_count = 0;
}

bool frame_reader_started(const struct frame_reader *r)
{
        return r->header_have != 0;
}

void frame_reader_clear(struct frame_reader *r)
{
        frame_close_fds(&r->frame);
        buffer_clear(&r->body);
        r->header_have = r->body_len = r->fds_expected = 0;
}

/* Takes every descriptor out of the control data, so that none leaks. False: there were more than
 * `most`, and those are closed. */
static bool collect_fds(struct frame *f, struct msghdr *msg, size_t most)
{
        bool fits = !(msg->msg_flags & MSG_CTRUNC);

        for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
                size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                for (size_t i = 0; i < count; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
                        if (f->fds_count < most) {
                                f->fds[f->fds_count++] = fd;
                        } else {
                                close(fd);
                                fits = false;
                        }
                }
        }
        return fits;
}

/* As recvmsg() of the bytes before the next that carries a descriptor, but takes nothing.
 * *refused_out: the next byte carries one, which is not taken since to close a socket that lingers
 * can block. */
static ssize_t without_fds(int fd, void *to, size_t len, bool *refused_out)
{
        struct iovec part = {to, len};
        struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
        ssize_t n;

        do
                n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_PEEK);
        while (n < 0 && errno == EINTR);
        *refused_out = n > 0 && msg.msg_flags & MSG_CTRUNC;
        return n;
}

/* One recvmsg() of at most len bytes; *got_out is 0 if nothing is there now. */
static enum status receive_some(struct frame_reader *r, int fd, void *to, size_t len,
                                size_t fds_most, size_t *got_out)
{
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(MESSAGE_FDS_MOST * sizeof(int))];
        struct iovec part = {to, len};
        struct msghdr msg = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
        ssize_t n;
        bool refused;

        *got_out = 0;
        if (!fds_most) {
                n = without_fds(fd, to, len, &refused);
                if (refused)
                        return too_many_fds(0);
                if (n < 0 && errno == EAGAIN)
                        return ST_DONE; /* no recvmsg(): it could take what comes only now */
                if (n <= 0)
                        return gone();
                part.iov_len = (size_t)n;
        }
        do
                n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0 && errno == EAGAIN)
                return ST_DONE;
        if (n <= 0)
                return gone();
        if (!collect_fds(&r->frame, &msg, fds_most))
                return too_many_fds(fds_most);
        *got_out = (size_t)n;
        return ST_DONE;
}

static enum status read_header(struct frame_reader *r, size_t fds_most)
{
        struct reader in = reader_of((struct bytes){r->header, FRAME_HEADER});

        r->body_len = read_u32(&in);
        r->frame.number = read_u16(&in);
        r->fds_expected = read_u16(&in);
        if (r->fds_expected > fds_most)
                return too_many_fds(fds_most);
        return ST_DONE;
}

enum status frame_reader_head(struct frame_reader *r, int fd, size_t fds_most, bool *known_out)
{
        size_t n;
        enum status s;

        *known_out = false;
        while (r->header_have < FRAME_HEADER) {
                s = receive_some(r, fd, r->header + r->header_have, FRAME_HEADER - r->header_have,
                                 fds_most, &n);
                if (s || !n)
                        return s;
                r->header_have += n;
                if (r->header_have == FRAME_HEADER && (s = read_header(r, fds_most)))
                        return s;
        }
        *known_out = true;
        return ST_DONE;
}

enum status frame_reader_body(struct frame_reader *r, int fd, size_t most, size_t fds_most,
                              bool *whole_out)
{
        uint8_t piece[16 << 10];
        size_t n;
        enum status s;

        *whole_out = false;
        if (r->body_len > most)
                return broken("a body that is too long");
        r->body.cap = most;
        while (r->body.len < r->body_len) {
                size_t left = r->body_len - r->body.len;

                s = receive_some(r, fd, piece, left < sizeof piece ? left : sizeof piece, fds_most,
                                 &n);
                if (s || !n)
                        return s;
                buffer_reserve(&r->body, r->body_len);
                buffer_add(&r->body, piece, n);
        }
        if (r->frame.fds_count != r->fds_expected)
                return broken("another number of descriptors than announced");
        r->frame.body = buffer_bytes(&r->body);
        *whole_out = true;
        return ST_DONE;
}

enum status frame_reader_step(struct frame_reader *r, int fd, size_t most, size_t fds_most,
                              bool *whole_out)
{
        bool known;
        enum status s = frame_reader_head(r, fd, fds_most, &known);

        *whole_out = false;
        return s || !known ? s : frame_reader_body(r, fd, most, fds_most, whole_out);
}

enum status channel_receive_frame(int fd, size_t most, struct arena *a, struct frame *frame_out,
                                  int64_t deadline)
{
        struct frame_reader r = {0};
        bool whole = false;
        enum status s = ST_DONE;

        while (!s && !whole) {
                s = frame_reader_step(&r, fd, most, MESSAGE_FDS_MOST, &whole);
                if (!s && !whole)
                        s = interrupt_wait(fd, POLLIN, deadline);
        }
        if (!s) {
                *frame_out = r.frame;
                frame_out->body.data = arena_copy(a, r.body.data, r.body.len);
                r.frame.fds_count = 0; /* they are the caller's now */
        }
        frame_reader_clear(&r);
        return s;
}

static enum status keep_error_of(const struct frame *f)
{
        struct error e;
        enum status s = error_decode(f->body, &e);

        if (s)
                return s;
        error_keep(&e);
        return e.status;
}

enum status channel_send_request(int fd, struct call call, int64_t deadline)
{
        const struct message_info *info = message_info(call.number);
        enum status s;

        if (!info || !info->reply)
                return FAIL(ST_INTERNAL, .subject = FMT("message %u is no request", call.number));
        s = interrupt_check(); /* what nobody waits for is not begun */
        return s ? s : channel_send(fd, call.number, info->request, call.request, deadline);
}

enum status channel_receive_reply(int fd, struct call call, struct arena *a, int64_t deadline,
                                  bool *answered_out)
{
        struct frame f = {0};
        enum status s = channel_receive_frame(fd, MESSAGE_MOST, a, &f, deadline);

        *answered_out = !s;
        if (s)
                return s;
        if (f.number == MESSAGE_ERROR)
                s = keep_error_of(&f);
        else if (f.number != call.number)
                s = broken("the reply to another request");
        else
                s = message_decode(message_info(call.number)->reply, f.body, f.fds, f.fds_count, a,
                                   call.reply);
        if (s)
                frame_close_fds(&f);
        return s;
}

static enum status last_word(int fd, struct call call, struct arena *a, bool *answered_out)
{
        const struct error why = *error_last();
        enum status s = channel_receive_reply(fd, call, a, deadline_in(0), answered_out);

        if (*answered_out)
                return s;
        error_keep(&why);
        return why.status;
}

enum status channel_ask(int fd, struct call call, struct arena *a, int64_t deadline,
                        bool *answered_out)
{
        enum status s = channel_send_request(fd, call, deadline);

        *answered_out = false;
        if (s == ST_UNREACHABLE) /* perhaps it said why before it closed */
                return last_word(fd, call, a, answered_out);
        return s ? s : channel_receive_reply(fd, call, a, deadline, answered_out);
}

enum status channel_call(int fd, struct call call, struct arena *a, int64_t deadline)
{
        bool answered;

        return channel_ask(fd, call, a, deadline, &answered);
}

/* --- beginnings --- */

static enum status send_hello(int fd, int64_t deadline)
{
        const uint8_t version[4] = {0, 0, 0, PROTOCOL_VERSION};

        return channel_send_frame(fd, MESSAGE_HELLO, (struct bytes){version, sizeof version}, NULL,
                                  0, deadline);
}

static enum status receive_hello(int fd, int64_t deadline)
{
        struct arena *a = arena_new();
        struct frame f = {0};
        struct reader r;
        uint32_t version;
        enum status s = channel_receive_frame(fd, BYTES_MOST, a, &f, deadline);

        if (!s) {
                r = reader_of(f.body);
                version = read_u32(&r);
                if (f.number == MESSAGE_ERROR)
                        s = keep_error_of(&f);
                else if (f.number != MESSAGE_HELLO || !reader_done(&r))
                        s = broken("no hello");
                else if (version != PROTOCOL_VERSION)
                        s = FAIL(ST_PROTOCOL, .subject = "protocol version",
                                 .expected = FMT("%d", PROTOCOL_VERSION),
                                 .found = FMT("%u", version),
                                 .remedy = "use programs of one version on both sides");
                frame_close_fds(&f);
        }
        arena_free(a);
        return s;
}

enum status channel_pair(int fds[2])
{
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
                return FAIL(ST_IO, .subject = "a pair of sockets", .found = strerror(errno));
        return ST_DONE;
}

enum status channel_connect(const char *path, int64_t deadline, int *fd_out)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        enum status s;
        int fd;

        *fd_out = -1;
        if (strlen(path) >= sizeof address.sun_path)
                return FAIL(ST_UNREACHABLE, .subject = path, .expected = "at most 107 characters",
                            .found = "a path too long for a socket",
                            .remedy = "choose a shorter --run");
        strcpy(address.sun_path, path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return FAIL(ST_IO, .subject = path, .found = strerror(errno));
        if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
                s = FAIL(ST_UNREACHABLE, .subject = path, .found = strerror(errno),
                         .remedy = "start the daemons, or set BULKHEAD_RUN to their --run folder");
                close(fd);
                return s;
        }
        s = send_hello(fd, deadline);
        if (!s)
                s = receive_hello(fd, deadline);
        if (s) {
                close(fd);
                return s;
        }
        *fd_out = fd;
        return ST_DONE;
}
