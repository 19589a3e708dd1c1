/* SPDX-License-Identifier: Apache-2.0 */
/* One predicate on one projection, in a disposable process without rights: the same evaluation as
 * in the policy worker, for whoever has no warm parent of one. */
#ifndef BULKHEAD_POLICY_POLICY_APART_H
#define BULKHEAD_POLICY_POLICY_APART_H

#include "lib/message.h"

/* Before the first: libxml2 and libxslt get warm. */
void policy_apart_warm_up(void);
/* The answer counts only with ST_DONE; what *out points to lies in the arena. */
enum status policy_judge_apart(struct bytes stylesheet, struct bytes projection, struct arena *a,
                               struct judge_rep *out);

#endif
