/* SPDX-License-Identifier: Apache-2.0 */
/* The table that EVIDENCE_KINDS lists. */
#include "verifier/kind.h"

const struct evidence_kind *const evidence_kinds[] = {
#define KIND(name) &evidence_kind_##name,
        EVIDENCE_KINDS(KIND)
#undef KIND
                NULL};
