/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every process does with descriptors and clocks, in one way: all bytes written, the very
 * inode opened once more, points in time that no change of the wall clock moves.
 */
#ifndef BULKHEAD_LIB_IO_H
#define BULKHEAD_LIB_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* All bytes: 0, or -1 with errno (EIO where the kernel took none). EINTR is tried again. */
int io_write(int fd, const void *bytes, size_t len);
int io_write_at(int fd, const void *bytes, size_t len, uint64_t at);
/* As many bytes; fewer only at the end. -1 with errno. */
ssize_t io_read(int fd, void *to, size_t len);
ssize_t io_read_at(int fd, void *to, size_t len, uint64_t at);

enum { IO_PATH = 32 };
/* The path by which this process reaches what fd is open on: by inode, whatever its name is now.
 * Written into `path` and returned. */
const char *io_path(char path[static IO_PATH], int fd);
/* The very inode once more, close-on-exec, with rights and an offset of its own: as open(2). */
int io_reopen(int fd, int flags);

/* A point on CLOCK_MONOTONIC, in milliseconds, from a number of milliseconds from now. */
enum { NO_DEADLINE = -1 };
int64_t deadline_in(int64_t ms);     /* NO_DEADLINE stays NO_DEADLINE */
int deadline_left(int64_t deadline); /* for poll(): 0 if past, -1 for NO_DEADLINE */
/* The same point for calls that wait on CLOCK_MONOTONIC, such as pthread_cond_clockwait(). */
struct timespec deadline_point(int64_t deadline);

/* Nanoseconds on CLOCK_MONOTONIC. */
uint64_t io_now(void);

#endif
