/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors and clocks. Every process comes here; nothing is kept from call to call. */
#include "lib/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static int some_written(ssize_t n, size_t *done)
{
        if (n > 0)
                *done += (size_t)n;
        if (!n)
                errno = EIO;
        return n > 0 || (n < 0 && errno == EINTR) ? 0 : -1;
}

int io_write(int fd, const void *bytes, size_t len)
{
        const char *from = bytes;
        size_t done = 0;

        while (done < len)
                if (some_written(write(fd, from + done, len - done), &done))
                        return -1;
        return 0;
}

int io_write_at(int fd, const void *bytes, size_t len, uint64_t at)
{
        const char *from = bytes;
        size_t done = 0;

        while (done < len)
                if (some_written(pwrite(fd, from + done, len - done, (off_t)(at + done)), &done))
                        return -1;
        return 0;
}

/* 1 to go on, 0 at the file's end, -1 for an error. */
static int some_read(ssize_t n, size_t *done)
{
        if (n > 0)
                *done += (size_t)n;
        return n < 0 ? (errno == EINTR ? 1 : -1) : n > 0;
}

ssize_t io_read(int fd, void *to, size_t len)
{
        size_t done = 0;
        int r = 1;

        while (r > 0 && done < len)
                r = some_read(read(fd, (char *)to + done, len - done), &done);
        return r < 0 ? -1 : (ssize_t)done;
}

ssize_t io_read_at(int fd, void *to, size_t len, uint64_t at)
{
        size_t done = 0;
        int r = 1;

        while (r > 0 && done < len)
                r = some_read(pread(fd, (char *)to + done, len - done, (off_t)(at + done)), &done);
        return r < 0 ? -1 : (ssize_t)done;
}

const char *io_path(char path[static IO_PATH], int fd)
{
        snprintf(path, IO_PATH, "/proc/self/fd/%d", fd);
        return path;
}

int io_reopen(int fd, int flags)
{
        char path[IO_PATH];

        return open(io_path(path, fd), flags | O_CLOEXEC);
}

uint64_t io_now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int64_t now_ms(void)
{
        return (int64_t)(io_now() / 1000000);
}

int64_t deadline_in(int64_t ms)
{
        return ms == NO_DEADLINE ? NO_DEADLINE : now_ms() + ms;
}

int deadline_left(int64_t deadline)
{
        int64_t left = deadline - now_ms();

        if (deadline == NO_DEADLINE)
                return -1;
        return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

struct timespec deadline_point(int64_t deadline)
{
        return (struct timespec){.tv_sec = deadline / 1000, .tv_nsec = deadline % 1000 * 1000000};
}
