/* SPDX-License-Identifier: Apache-2.0 */
/* Has predicates judge what was found, each in a policy worker of its own. */
#ifndef BULKHEAD_INTEGRITY_MGR_JUDGE_H
#define BULKHEAD_INTEGRITY_MGR_JUDGE_H

#include "proof/measurement.h"

struct worker;

void judge_start(struct worker *policy_worker);

/* Gives each predicate that stands by name, those of device checks too, its stylesheet,
 * <share>/xslt-policies/NAME.xsl, read once into the arena. The lists are replaced, not changed. */
enum status judge_resolve(struct arena *a, struct descriptor *d);
/* ST_DONE if every predicate answers <true/>; ST_PREDICATE with the first reasons if one says
 * <false>, otherwise why it could not be judged. */
enum status judge_all(struct arena *a, const struct descriptor *d,
                      const struct measurement_form *found, size_t count);
/* The same for the checks that are for that device, or for every one; state is the current one. */
enum status judge_device(struct arena *a, const struct descriptor *d, const char *device,
                         const struct measurement *state, size_t count);
/* ST_DONE if every check of a device answers <false> where there is nothing to see. For a seal. */
enum status judge_try_checks(struct arena *a, const struct descriptor *d);

#endif
