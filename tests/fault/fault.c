/* SPDX-License-Identifier: Apache-2.0 */
/* Stands between the code under test and the C library, by the linker's --wrap. */
#include "tests/fault/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

static atomic_uint calls, nth;
static _Atomic(enum fault) kind;
static atomic_bool hit;

void fault_arm(unsigned n, enum fault k)
{
        calls = 0;
        nth = n;
        hit = false;
        kind = k;
}

void fault_disarm(void)
{
        kind = FAULT_NONE;
        nth = 0;
}

bool fault_hit(void)
{
        return hit;
}

/* Is this call the one? */
static bool due(void)
{
        unsigned n = ++calls;
        bool now = nth && (kind == FAULT_FOR_EVER ? n >= nth : n == nth);

        if (now)
                hit = true;
        return now && kind != FAULT_NONE;
}

static int fails(void)
{
        if (kind == FAULT_KILL)
                _exit(FAULT_EXIT);
        errno = kind == FAULT_EIO ? EIO : ENOSPC;
        return -1;
}

bool fault_point(void)
{
        return due() && fails();
}

#define PROTOTYPE(type, name, ...)                                                                 \
        type __real_##name(__VA_ARGS__);                                                           \
        type __wrap_##name(__VA_ARGS__);                                                           \
        type __wrap_##name(__VA_ARGS__)

PROTOTYPE(ssize_t, write, int fd, const void *p, size_t len)
{
        if (!due())
                return __real_write(fd, p, len);
        if (kind == FAULT_KILL)
                (void)!__real_write(fd, p, len / 2);
        return fails();
}

PROTOTYPE(ssize_t, pwrite, int fd, const void *p, size_t len, off_t at)
{
        if (!due())
                return __real_pwrite(fd, p, len, at);
        (void)!__real_pwrite(fd, p, len / 2, at); /* a short write comes before the error */
        return fails();
}

/* Nothing here outlives the machine, so nothing waits for a disk. */
PROTOTYPE(int, fsync, int fd)
{
        (void)fd;
        return due() ? fails() : 0;
}

PROTOTYPE(int, fdatasync, int fd)
{
        (void)fd;
        return due() ? fails() : 0;
}

PROTOTYPE(int, ftruncate, int fd, off_t len)
{
        return due() ? fails() : __real_ftruncate(fd, len);
}

PROTOTYPE(int, renameat, int from_dir, const char *from, int to_dir, const char *to)
{
        return due() ? fails() : __real_renameat(from_dir, from, to_dir, to);
}

PROTOTYPE(int, unlinkat, int dir, const char *name, int flags)
{
        return due() ? fails() : __real_unlinkat(dir, name, flags);
}

int __real_openat(int dir, const char *name, int flags, ...);
int __wrap_openat(int dir, const char *name, int flags, ...);
int __wrap_openat(int dir, const char *name, int flags, ...)
{
        va_list args;
        unsigned mode;

        va_start(args, flags);
        mode = va_arg(args, unsigned);
        va_end(args);
        if ((flags & O_ACCMODE) != O_RDONLY && due())
                return fails();
        return __real_openat(dir, name, flags, mode);
}
