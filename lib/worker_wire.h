/* SPDX-License-Identifier: Apache-2.0 */
/* What a daemon and its warm parents say to each other: packets on the control socket, and one
 * record on a job's exit pipe, in the byte order of the machine. */
#ifndef BULKHEAD_LIB_WORKER_WIRE_H
#define BULKHEAD_LIB_WORKER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONTROL_FD = 3, JOB_FDS = 2 };

/* Warm parent to daemon, once. */
struct warm_message {
        uint32_t version; /* PROTOCOL_VERSION */
        uint32_t ahead;   /* 1: it wants one job made ahead */
};

/* Daemon to warm parent: a job is made, or the time of one begins, or both at once, for one job or
 * for two. */
struct job_message {
        uint64_t made;       /* the new job's number; 0: none, and no descriptors */
        uint64_t begun;      /* the number of the job whose time begins; 0: none */
        int32_t deadline_ms; /* of that job, from now; -1: none */
        int32_t gives_way;   /* 1: that job does (lib/priority.h) */
};

/* Warm parent to daemon, on the exit pipe. */
struct exit_message {
        int32_t wait_status; /* as waitpid() gives it */
        int32_t timed_out;   /* 1: killed at its deadline */
};

/* One packet, with two descriptors beside it if a job is made: its socket and the write end of its
 * exit pipe. False with errno if it cannot be sent, or if what came is no such packet. */
bool job_message_send(int to, const struct job_message *m, const int fds[JOB_FDS]);
bool job_message_receive(int from, struct job_message *m, int fds_out[JOB_FDS]);

#endif
