/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of an xl.cfg beside what the configuration worker sees in its text. */
#ifndef BULKHEAD_TOOLS_CONFIG_FINDINGS_H
#define BULKHEAD_TOOLS_CONFIG_FINDINGS_H

#include "lib/message.h"

/* Adds a finding to a reply, in the arena, where the file has that key. The file is not good then.
 */
void config_findings_add(struct config_check_rep *p, struct arena *a, struct config_finding f);

#endif
