/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work on bytes that somebody else made is done apart: in a forked child without rights, which
 * hands back one RECORD or reply of messages.def on a pipe. The answer counts only if the child
 * then exited with 0, and only if its bytes are exactly one such record.
 */
#ifndef BULKHEAD_LIB_APART_H
#define BULKHEAD_LIB_APART_H

#include "lib/message.h"
#include "lib/sandbox.h"

struct apart {
        const struct sandbox *sandbox;
        int wall_ms;                /* then the child is killed, ST_TIMEOUT; or NO_DEADLINE */
        const struct shape *answer; /* of what work() fills in; it has no FD */
        /* Runs in the child before the sandbox; may be NULL. */
        enum status (*prepare)(void *input);
        /* Runs in the child inside the sandbox. */
        enum status (*work)(void *input, struct arena *a, void *answer_out);
};

/* Forks, prepares, enters the sandbox, works, collects. What *answer_out points to lies in the
 * arena; it is all zero unless ST_DONE. An error that the child described is kept for this thread,
 * and its status returned; ST_WORKER if the child died. The child sees its parent's memory as it
 * was at the fork, input included. */
enum status apart_run(const struct apart *how, void *input, struct arena *a, void *answer_out);

#endif
