/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the leaves of the two trees in evidence cover (docs/evidence.md): the leaf of one request
 * in the tree that a quote signs, and the blinded entries of the log. Fields are length-prefixed
 * (4 bytes, big endian), the single bytes in front stand raw.
 */
#ifndef BULKHEAD_PROOF_COMMITMENT_H
#define BULKHEAD_PROOF_COMMITMENT_H

#include "lib/digest.h"

enum { COMMITMENT_RANDOM_LEN = 32, CHALLENGE_LEAST = 16, CHALLENGE_MOST = 64 };

/* H(0x00 || "bulkhead-attest-1" || random || challenge || H(descriptor) || H(result)); the
 * algorithm is the one of the two digests. challenge: CHALLENGE_LEAST to CHALLENGE_MOST bytes. */
struct digest commitment_request(const uint8_t random[static COMMITMENT_RANDOM_LEN],
                                 struct bytes challenge, const struct digest *descriptor,
                                 const struct digest *result);
/* c = H(0x02 || random || node): an entry of the log, which says nothing about node. */
struct digest commitment_of(enum hash_alg alg, const uint8_t random[static COMMITMENT_RANDOM_LEN],
                            struct bytes node);
/* H(0x00 || c): its leaf hash in the log's tree. */
struct digest commitment_leaf(const struct digest *commitment);

#endif
