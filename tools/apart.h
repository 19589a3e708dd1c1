/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work on bytes that somebody else made is done apart: in a forked child without rights, which
 * hands back bytes on a pipe. Only what a child wrote that then ended with 0 counts.
 */
#ifndef BULKHEAD_TOOLS_APART_H
#define BULKHEAD_TOOLS_APART_H

#include "lib/buffer.h"
#include "lib/sandbox.h"
#include "lib/status.h"

struct apart {
        const struct sandbox *sandbox;
        int wall_ms; /* the child is killed then: ST_TIMEOUT; NO_DEADLINE: never */
        enum status (*prepare)(void *input); /* in the child, with its rights; may be NULL */
        enum status (*work)(void *input, struct buffer *out); /* without; adds its result to out */
};

/* Forks, prepares, sandboxes, works, collects. An error that was described there is kept for this
 * thread and its status returned; a child that dies otherwise is ST_WORKER. out's cap bounds the
 * result. */
enum status apart_run(const struct apart *how, void *input, struct buffer *out);

#endif
