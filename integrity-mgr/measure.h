/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures targets: one measure worker each, several at once. A worker gets the plug-in's file as
 * integrity-mgr opened and hashed it, and the target's open descriptors.
 */
#ifndef BULKHEAD_INTEGRITY_MGR_MEASURE_H
#define BULKHEAD_INTEGRITY_MGR_MEASURE_H

#include "lib/message.h"
#include "proof/measurement.h"

struct worker;

/* As plugin_jobs_start(). */
void measure_start(struct worker *measure_worker);
void measure_stop(void);

struct found {
        const struct open_target *targets; /* as they were given, the caller's */
        struct measurement *measurements;  /* one for each target, in their order */
        struct plugin_seen *plugins;       /* the same */
        struct measurement_form *forms;    /* the same; digests in measure_all()'s algorithm */
        size_t count;
};

/* asker: for whom. alg: the host's. open: the open targets, in the same order; they stay the
 * caller's. On failure the error is that of the first target, in order, that could not be measured.
 */
enum status measure_all(struct arena *a, const struct principal *asker,
                        const struct target *targets, size_t count, const struct open_target *open,
                        size_t open_count, enum hash_alg alg, struct found *found_out);
/* How far everything is that is being measured for that asker, taken together; the text lies in the
 * arena. */
void measure_progress_of(const struct principal *asker, struct arena *a,
                         struct im_progress_rep *progress_out);

#endif
