/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors: text to struct, by the XML worker. What a worker that ended well said of a text is
 * remembered for the texts that were read last, since the same text always means the same.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_DESCRIPTORS_H
#define BULKHEAD_COMPARTMENT_MGR_DESCRIPTORS_H

#include "lib/message.h"

/* A descriptor that is being read. */
struct reading {
        struct bytes text; /* the caller's, until the end */
        enum descriptor_kind kind;
        struct job *job;     /* NULL: none works */
        struct bytes answer; /* what it means, encoded, in the arena; empty: not known yet */
        bool known;
};
#define READING_NONE                                                                               \
        {                                                                                          \
                .job = NULL                                                                        \
        }

/* Reading has three steps, so that something else can be done between them. _ask() begins.
 * _answer() gives what the worker says, which counts for nothing until _end() says ST_DONE: the
 * worker ended well. A descriptor of another kind is refused. */
enum status descriptors_ask(struct reading *r, struct bytes text, enum descriptor_kind kind,
                            struct arena *a);
enum status descriptors_answer(struct reading *r, struct arena *a,
                               struct descriptor *descriptor_out);
enum status descriptors_end(struct reading *r);
void descriptors_drop(struct reading *r); /* after any step, also the last */

/* All three steps. */
enum status descriptors_read(struct bytes text, enum descriptor_kind kind, struct arena *a,
                             struct descriptor *descriptor_out);

/* Forgets all texts; for tests. */
void descriptors_forget(void);

#endif
