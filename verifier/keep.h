/* SPDX-License-Identifier: Apache-2.0 */
/* What a verifier keeps from one verification to the next; for verify.c and check.c alone. */
#ifndef BULKHEAD_VERIFIER_KEEP_H
#define BULKHEAD_VERIFIER_KEEP_H

#include "lib/buffer.h"

struct ak;

struct verifier {
        const struct evidence_kind *const *kinds; /* NULL at the end */
        struct ak *ak;                            /* of the last evidence, or NULL */
        struct buffer public_area;                /* that key's TPMT_PUBLIC */
};

#endif
