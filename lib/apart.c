/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child has its parent's memory and descriptors as they were at the fork; the sandbox decides
 * what it can do with them. On the pipe: the status (u8), the error's length (u32), the error, the
 * answer.
 */
#include "lib/apart.h"

#include "lib/channel.h"
#include "lib/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static enum status answer(const struct apart *how, void *input, struct buffer *out)
{
        struct arena *a = arena_new();
        void *answer = arena_get(a, shape_size(how->answer));
        size_t no_fds = 0;
        enum status s = how->work(input, a, answer);

        if (!s)
                s = message_encode(how->answer, answer, out, NULL, &no_fds);
        arena_free(a);
        return s;
}

static _Noreturn void child(int fd, const struct apart *how, void *input)
{
        struct buffer result = BUFFER_INIT(MESSAGE_MOST), head = BUFFER_INIT(1 << 16),
                      error = BUFFER_INIT(1 << 16);
        enum status s;

        error_clear();
        s = how->prepare ? how->prepare(input) : ST_DONE;
        sandbox_enter(how->sandbox);
        if (!s)
                s = answer(how, input, &result);
        if (!s && result.full)
                s = FAIL(ST_TOO_LARGE, .subject = "the result");
        error_encode(error_last(), &error);
        buffer_u8(&head, (uint8_t)s);
        buffer_u32(&head, (uint32_t)error.len);
        buffer_add(&head, error.data, error.len);
        _exit(io_write(fd, head.data, head.len) || io_write(fd, result.data, result.len) ? 3 : 0);
}

/* All that the child writes until it closes the pipe, or ST_TIMEOUT. */
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

static enum status unpack(const struct apart *how, const struct buffer *all, struct arena *a,
                          void *answer_out)
{
        struct reader r = reader_of(buffer_bytes(all));
        enum status s = (enum status)read_u8(&r);
        uint32_t len = read_u32(&r);
        const uint8_t *error = read_bytes(&r, len);
        struct error e;

        if (!r.bad && status_known(s) && s) {
                if (!error_decode((struct bytes){error, len}, &e) && e.status == s)
                        error_keep(&e);
                return s;
        }
        if (r.bad || s || all->full ||
            message_decode(how->answer, (struct bytes){r.at, r.left}, NULL, 0, a, answer_out)) {
                memset(answer_out, 0, shape_size(how->answer));
                return FAIL(ST_WORKER, .subject = "a process without rights",
                            .found = "half an answer");
        }
        return ST_DONE;
}

enum status apart_run(const struct apart *how, void *input, struct arena *a, void *answer_out)
{
        struct buffer all = BUFFER_INIT(MESSAGE_MOST + (1 << 17));
        enum status s;
        int fds[2], ended = 0;
        pid_t pid;

        memset(answer_out, 0, shape_size(how->answer));
        digest_of(HASH_SHA256, "", 0); /* OpenSSL reads its configuration while it still can */
        if (pipe2(fds, O_CLOEXEC))
                return FAIL(status_of_errno(errno), .subject = "pipe", .found = strerror(errno));
        pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                close(fds[0]);
                child(fds[1], how, input);
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
                s = unpack(how, &all, a, answer_out);
        buffer_clear(&all);
        return s;
}
