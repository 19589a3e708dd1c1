/* SPDX-License-Identifier: Apache-2.0 */
/* What a daemon and its warm parents say to each other: packets on the control socket, and the one
 * record on a job's exit pipe. Both ends are on one machine: native byte order. */
#ifndef BULKHEAD_LIB_WORKER_WIRE_H
#define BULKHEAD_LIB_WORKER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONTROL_FD = 3, JOB_FDS_MOST = 2 };

/* warm parent to daemon, once */
struct warm_message {
        uint32_t version; /* PROTOCOL_VERSION */
};

/* daemon to warm parent, with two descriptors: the job's socket, the write end of its exit pipe;
 * and from there, with the socket alone, to a child that was forked ahead */
struct job_message {
        int32_t deadline_ms; /* -1: none */
        int32_t single;      /* 1: the child ends after one reply */
};

/* warm parent to daemon, on the exit pipe */
struct exit_message {
        int32_t wait_status; /* as waitpid() gives it */
        int32_t timed_out;   /* 1: killed at its deadline */
};

/* One packet with exactly `count` descriptors beside it; errno says why not. */
bool job_message_send(int to, const struct job_message *m, const int *fds, size_t count);
bool job_message_receive(int from, struct job_message *m, int *fds, size_t count);

#endif
