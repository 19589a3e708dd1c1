/* SPDX-License-Identifier: Apache-2.0 */
/* What a daemon and its warm parents say to each other: packets on the control socket, and the one
 * record on a job's exit pipe. Both ends are on one machine: native byte order. */
#ifndef BULKHEAD_LIB_WORKER_WIRE_H
#define BULKHEAD_LIB_WORKER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONTROL_FD = 3, JOB_FDS = 2 };

/* warm parent to daemon, once */
struct warm_message {
        uint32_t version; /* PROTOCOL_VERSION */
        uint32_t ahead;   /* 1: it wants to be told of a job before there is one */
};

/* daemon to warm parent: a job is made, with two descriptors (its socket, the write end of its exit
 * pipe), or its time begins, or one is made and another's time begins. */
struct job_message {
        uint64_t made;       /* 0: none, and no descriptors */
        uint64_t begun;      /* 0: none */
        int32_t deadline_ms; /* of the one that begins; -1: none */
        int32_t reserved;
};

/* warm parent to daemon, on the exit pipe */
struct exit_message {
        int32_t wait_status; /* as waitpid() gives it */
        int32_t timed_out;   /* 1: killed at its deadline */
};

/* One packet, with two descriptors beside it if a job is made; errno says why not. */
bool job_message_send(int to, const struct job_message *m, const int fds[JOB_FDS]);
bool job_message_receive(int from, struct job_message *m, int fds_out[JOB_FDS]);

#endif
