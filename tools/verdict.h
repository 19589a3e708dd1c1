/* SPDX-License-Identifier: Apache-2.0 */
/* What `bulkhead verify` prints of an appraisal. */
#ifndef BULKHEAD_TOOLS_VERDICT_H
#define BULKHEAD_TOOLS_VERDICT_H

#include "tools/output.h"

/* Each check, then the verdict and what was not checked, in one line. */
void verdict_print(const struct appraisal *report);
struct json_object *verdict_json(const char *evidence, const struct appraisal *report);

#endif
