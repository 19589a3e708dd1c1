/* SPDX-License-Identifier: Apache-2.0 */
/* Says in words where a measurement differs from the one that was sealed. */
#ifndef BULKHEAD_INTEGRITY_MGR_DIFFERENCE_H
#define BULKHEAD_INTEGRITY_MGR_DIFFERENCE_H

#include "integrity-mgr/measure.h"

/* ST_DONE if `sealed` and the measurement `i` of `found` say the same. Otherwise ST_CHANGED, whose
 * error has the target, the first difference (a node's value, a node added or removed) with both
 * texts, and this remedy. */
enum status difference_check(const struct measurement *sealed, const struct found *found, size_t i,
                             const char *remedy);
/* The same for a LUKS2 header, whose key slots may have changed, and nothing else. */
enum status difference_check_but_slots(struct arena *a, const struct measurement *sealed,
                                       const struct found *found, size_t i, const char *remedy);

#endif
