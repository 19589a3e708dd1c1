/* SPDX-License-Identifier: Apache-2.0 */
/* Judges one projection by one predicate, in a child without rights: the same evaluation as in
 * policy_worker, for a process that has no such worker. */
#ifndef BULKHEAD_POLICY_POLICY_APART_H
#define BULKHEAD_POLICY_POLICY_APART_H

#include "lib/message.h"

/* Before the first call of the next: warms up libxml2, libxslt and the sandbox. */
void policy_apart_warm_up(void);
/* As policy_judge(), and ST_TIMEOUT or ST_WORKER as apart_run(). *out counts only with ST_DONE. */
enum status policy_judge_apart(struct bytes stylesheet, struct bytes projection, struct arena *a,
                               struct judge_rep *out);

#endif
