/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends what a thread waits for. A thread that works for somebody may be told to end: whoever asked
 * is gone, or the work was cancelled. It learns that where it waits for another process (in
 * lib/channel.h, and where it asks here): the wait fails with ST_CANCELLED, and so does every later
 * one, so that a caller that takes no notice of the first comes no further. A thread that has
 * something to undo calls interrupt_forbid() first; then it waits as ever. Until interrupt_allow()
 * nothing is interrupted.
 */
#ifndef BULKHEAD_LIB_INTERRUPT_H
#define BULKHEAD_LIB_INTERRUPT_H

#include "lib/io.h"
#include "lib/status.h"

#include <stdbool.h>

/* What a thread has of it; threads that work for it are given the same. */
struct interrupt {
        int peer;     /* whom it answers: a connected socket, or -1 */
        int told;     /* an eventfd that can be read once the work was cancelled, or -1 */
        bool allowed; /* may its waits be ended? */
        bool ended;   /* a wait was ended */
        bool gone;    /* because the peer has hung up */
};
struct interrupt interrupt_get(void);
void interrupt_set(const struct interrupt *i);

/* The server's: whom this thread answers. */
void interrupt_peer(int fd);
/* From now on this thread's waits end when its peer has hung up, or when `told` can be read. */
void interrupt_allow(int told);
void interrupt_forbid(void);

/* Whether this thread is to end. */
bool interrupt_due(void);
/* The same as a status: ST_DONE or ST_CANCELLED. */
enum status interrupt_check(void);

/* For waits without descriptors: the next point in time at which to look at interrupt_due(). */
int64_t interrupt_look(int64_t deadline);

/* ST_DONE when fd is ready for events or hung up; ST_TIMEOUT; ST_CANCELLED. If fd is ready when the
 * thread is to end, ST_DONE; but after one wait that was ended, every later one is ST_CANCELLED. */
enum status interrupt_wait(int fd, short events, int64_t deadline);

#endif
