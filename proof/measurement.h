/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one form of a measurement; in it a measurement is hashed, logged, extended, judged and sent:
 *
 *   <measurement plugin= target= version=><node id= type=><value name=>text</value>...</node>...
 *
 * in canonical XML (lib/document.h). ST_INVALID for nodes that are not in document order, or text
 * that XML cannot carry; ST_TOO_LARGE above 16 MiB.
 */
#ifndef BULKHEAD_PROOF_MEASUREMENT_H
#define BULKHEAD_PROOF_MEASUREMENT_H

#include "lib/arena.h"
#include "lib/document.h"

/* A measurement's form and digest: made once in a request, then handed on. */
struct measurement_form {
        struct bytes canonical;
        struct digest digest; /* of canonical */
};

/* Appends the measurement to a document. */
void measurement_write(struct document *d, const struct measurement *m);
/* canonical lies in the arena. */
enum status measurement_form(const struct measurement *m, enum hash_alg alg, struct arena *a,
                             struct measurement_form *form_out);
/* For a caller that needs only the digest. */
enum status measurement_digest(const struct measurement *m, enum hash_alg alg,
                               struct digest *digest_out);

#endif
