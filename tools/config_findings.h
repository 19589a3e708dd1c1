/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of an xl.cfg beside what the configuration worker sees in its text. */
#ifndef BULKHEAD_TOOLS_CONFIG_FINDINGS_H
#define BULKHEAD_TOOLS_CONFIG_FINDINGS_H

#include "lib/message.h"

/* Whether the file has to be changed for it. */
bool config_finding_is_bad(const struct config_finding *f);
/* Adds a finding to a reply, in the arena, where the file has that key; what is not in the file
 * comes last. After a bad finding the file is not good. */
void config_findings_add(struct config_check_rep *p, struct arena *a, struct config_finding f);

#endif
