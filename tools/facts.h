/* SPDX-License-Identifier: Apache-2.0 */
/* What `status` and `jobs` print: facts, area by area. */
#ifndef BULKHEAD_TOOLS_FACTS_H
#define BULKHEAD_TOOLS_FACTS_H

#include "lib/message.h"

void facts_print(const struct status_rep *reply, bool json);

#endif
