/* SPDX-License-Identifier: Apache-2.0 */
/* One predicate on one projection, in a disposable process without rights. */
#ifndef BULKHEAD_TOOLS_JUDGE_APART_H
#define BULKHEAD_TOOLS_JUDGE_APART_H

#include "lib/message.h"

/* Before the first: libxml2 and libxslt get warm. */
void judge_warm_up(void);
/* The answer counts only with ST_DONE; what *out points to lies in the arena. */
enum status judge_apart(struct bytes stylesheet, struct bytes projection, struct arena *a,
                        struct judge_rep *out);

#endif
