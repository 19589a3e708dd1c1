/* SPDX-License-Identifier: Apache-2.0 */
/* What a daemon and its warm parents say to each other: packets on the control socket, and the one
 * record on a job's exit pipe. Both ends are on one machine: native byte order. */
#ifndef BULKHEAD_LIB_WORKER_WIRE_H
#define BULKHEAD_LIB_WORKER_WIRE_H

#include <stdint.h>

enum { CONTROL_FD = 3 };

/* warm parent to daemon, once */
struct warm_message {
        uint32_t version; /* PROTOCOL_VERSION */
};

/* daemon to warm parent, with two descriptors: the job's socket, the write end of its exit pipe */
struct job_message {
        int32_t deadline_ms; /* -1: none */
};

/* warm parent to daemon, on the exit pipe */
struct exit_message {
        int32_t wait_status; /* as waitpid() gives it */
        int32_t timed_out;   /* 1: killed at its deadline */
};

#endif
