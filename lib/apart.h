/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work on bytes that somebody else made is done apart: in a forked child without rights, which
 * hands back one RECORD or reply of messages.def on a pipe. Only what a child wrote that then ended
 * with 0 counts, and only if it is that record to the byte.
 */
#ifndef BULKHEAD_LIB_APART_H
#define BULKHEAD_LIB_APART_H

#include "lib/message.h"
#include "lib/sandbox.h"

struct apart {
        const struct sandbox *sandbox;
        int wall_ms;                /* the child is killed then: ST_TIMEOUT; NO_DEADLINE: never */
        const struct shape *answer; /* of what work fills in; without descriptors */
        enum status (*prepare)(void *input); /* in the child, with its rights; may be NULL */
        enum status (*work)(void *input, struct arena *a, void *answer_out); /* without */
};

/* Forks, prepares, sandboxes, works, collects: the answer lies in the arena, all zero unless
 * ST_DONE. An error that was described there is kept for this thread and its status returned; a
 * child that dies otherwise is ST_WORKER. The child sees the memory of its parent at the fork. */
enum status apart_run(const struct apart *how, void *input, struct arena *a, void *answer_out);

#endif
