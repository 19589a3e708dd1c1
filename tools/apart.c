/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child sees the memory of its parent at the fork and the descriptors it was told of, and can
 * read, write and compute. On the pipe: the status (u8), the error's length (u32), the error, the
 * result.
 */
#include "tools/apart.h"

#include "lib/channel.h"
#include "lib/digest.h"
#include "lib/message.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void child(int fd, const struct apart *how, void *input, size_t most)
{
        struct buffer result = BUFFER_INIT(most), head = BUFFER_INIT(1 << 16),
                      error = BUFFER_INIT(1 << 16);
        enum status s;

        error_clear();
        s = how->prepare ? how->prepare(input) : ST_DONE;
        sandbox_enter(how->sandbox);
        if (!s)
                s = how->work(input, &result);
        if (!s && result.full)
                s = FAIL(ST_TOO_LARGE, .subject = "the result");
        error_encode(error_last(), &error);
        buffer_u8(&head, (uint8_t)s);
        buffer_u32(&head, (uint32_t)error.len);
        buffer_add(&head, error.data, error.len);
        _exit(io_write(fd, head.data, head.len) || io_write(fd, result.data, result.len) ? 3 : 0);
}

/* Everything until the end of the pipe; ST_TIMEOUT when the time is over first. */
static enum status collect(int fd, int64_t deadline, struct buffer *all)
{
        struct pollfd p = {.fd = fd, .events = POLLIN};
        uint8_t piece[1 << 16];
        ssize_t r;

        for (;;) {
                if (poll(&p, 1, deadline_left(deadline)) == 0)
                        return FAIL(ST_TIMEOUT, .subject = "a process without rights",
                                    .found = "no answer in time",
                                    .remedy = "simplify what it was given");
                r = read(fd, piece, sizeof piece);
                if (r == 0)
                        return ST_DONE;
                if (r > 0)
                        buffer_add(all, piece, (size_t)r);
                else if (errno != EINTR)
                        return FAIL(ST_IO, .subject = "pipe", .found = strerror(errno));
        }
}

static enum status unpack(const struct buffer *all, struct buffer *out)
{
        struct reader r = reader_of(buffer_bytes(all));
        enum status s = (enum status)read_u8(&r);
        uint32_t len = read_u32(&r);
        const uint8_t *error = read_bytes(&r, len);
        struct error e;

        if (r.bad || !status_known(s) || all->full)
                return FAIL(ST_WORKER, .subject = "a process without rights",
                            .found = "half an answer");
        if (s) {
                if (!error_decode((struct bytes){error, len}, &e) && e.status == s)
                        error_keep(&e);
                return s;
        }
        buffer_add(out, r.at, r.left);
        return ST_DONE;
}

enum status apart_run(const struct apart *how, void *input, struct buffer *out)
{
        struct buffer all = BUFFER_INIT(out->cap + (1 << 17));
        enum status s;
        int fds[2], ended = 0;
        pid_t pid;

        digest_of(HASH_SHA256, "", 0); /* OpenSSL reads its configuration while it still can */
        if (pipe2(fds, O_CLOEXEC))
                return FAIL(status_of_errno(errno), .subject = "pipe", .found = strerror(errno));
        pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                close(fds[0]);
                child(fds[1], how, input, out->cap);
        }
        close(fds[1]);
        if (pid < 0) {
                close(fds[0]);
                return FAIL(status_of_errno(errno), .subject = "fork", .found = strerror(errno));
        }
        s = collect(fds[0], deadline_in(how->wall_ms), &all);
        if (s)
                kill(pid, SIGKILL);
        close(fds[0]);
        while (waitpid(pid, &ended, 0) < 0 && errno == EINTR)
                ;
        if (!s && !(WIFEXITED(ended) && WEXITSTATUS(ended) == 0))
                s = FAIL(ST_WORKER, .subject = "a process without rights",
                         .found = WIFSIGNALED(ended)
                                          ? FMT("ended by signal %d (%s)", WTERMSIG(ended),
                                                strsignal(WTERMSIG(ended)))
                                          : FMT("ended with %d", WEXITSTATUS(ended)));
        if (!s)
                s = unpack(&all, out);
        buffer_clear(&all);
        return s;
}
