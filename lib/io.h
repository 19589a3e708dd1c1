/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every process does with descriptors and clocks, in one way: all bytes read or written, the
 * very inode opened once more, deadlines that no change of the wall clock moves.
 */
#ifndef BULKHEAD_LIB_IO_H
#define BULKHEAD_LIB_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* Write all bytes: 0, or -1 with errno (EIO if the kernel took none). Try again after EINTR. */
int io_write(int fd, const void *bytes, size_t len);
int io_write_at(int fd, const void *bytes, size_t len, uint64_t at);
/* Read len bytes, fewer only at the file's end. The number of bytes, or -1 with errno. */
ssize_t io_read(int fd, void *to, size_t len);
ssize_t io_read_at(int fd, void *to, size_t len, uint64_t at);

enum { IO_PATH = 32 };
/* Writes into `path`, and returns, a path by which this process reaches the very inode that fd is
 * open on, whatever its name is now. */
const char *io_path(char path[static IO_PATH], int fd);
/* Opens the very inode once more, with an offset and access mode of its own, close-on-exec. As
 * open(2). */
int io_reopen(int fd, int flags);

/* A deadline is a point on CLOCK_MONOTONIC, in milliseconds, or NO_DEADLINE. */
enum { NO_DEADLINE = -1 };
int64_t deadline_in(int64_t ms);     /* so many from now; NO_DEADLINE stays NO_DEADLINE */
int deadline_left(int64_t deadline); /* ms, for poll(): 0 if it is past, -1 for NO_DEADLINE */
/* The deadline, not NO_DEADLINE, for calls such as pthread_cond_clockwait(). */
struct timespec deadline_point(int64_t deadline);

/* Nanoseconds on CLOCK_MONOTONIC. */
uint64_t io_now(void);

#endif
