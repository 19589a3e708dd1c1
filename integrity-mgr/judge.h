/* SPDX-License-Identifier: Apache-2.0 */
/* Has predicates judge what was found, each in a policy worker of its own. */
#ifndef BULKHEAD_INTEGRITY_MGR_JUDGE_H
#define BULKHEAD_INTEGRITY_MGR_JUDGE_H

#include "lib/message.h"

struct worker;

void judge_start(struct worker *policy_worker);

/* Gives each predicate that stands by name its stylesheet, <share>/xslt-policies/NAME.xsl, read
 * once into the arena. The list is replaced, not changed. */
enum status judge_resolve(struct arena *a, struct descriptor *d);
/* ST_DONE if every predicate answers <true/>; ST_PREDICATE with the first reasons if one says
 * <false>, otherwise why it could not be judged. */
enum status judge_all(struct arena *a, const struct descriptor *d,
                      const struct measurement *measurements, size_t count);

#endif
