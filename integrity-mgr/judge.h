/* SPDX-License-Identifier: Apache-2.0 */
/* Has predicates judge what was found, each in a policy worker of its own. */
#ifndef BULKHEAD_INTEGRITY_MGR_JUDGE_H
#define BULKHEAD_INTEGRITY_MGR_JUDGE_H

#include "proof/measurement.h"

struct worker;

void judge_start(struct worker *policy_worker);

/* Gives each predicate of d that has a name, those of device checks too, its stylesheet: the file
 * <share>/xslt-policies/NAME.xsl, read into the arena. d gets new lists; the old ones stay. */
enum status judge_resolve(struct arena *a, struct descriptor *d);
/* ST_DONE if every predicate answers <true/>; ST_PREDICATE with the first reasons if one says
 * <false>, otherwise why it could not be judged. */
enum status judge_all(struct arena *a, const struct descriptor *d,
                      const struct measurement_form *found, size_t count);
/* The same for the checks of that device and of every device. state: the current state. */
enum status judge_device(struct arena *a, const struct descriptor *d, const char *device,
                         const struct measurement *state, size_t count);
/* For a seal: ST_DONE if each device check answers <false> about an empty projection. */
enum status judge_try_checks(struct arena *a, const struct descriptor *d);

#endif
