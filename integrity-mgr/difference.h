/* SPDX-License-Identifier: Apache-2.0 */
/* Says in words where a measurement differs from the one that was sealed. */
#ifndef BULKHEAD_INTEGRITY_MGR_DIFFERENCE_H
#define BULKHEAD_INTEGRITY_MGR_DIFFERENCE_H

#include "lib/message.h"

/* ST_DONE if both say the same. Otherwise ST_CHANGED: the target, what differs first (a node's
 * value, a node added or removed) with both texts, and the remedy. */
enum status difference_check(const struct measurement *sealed, const struct measurement *found,
                             const char *remedy);

#endif
