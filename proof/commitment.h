/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the leaves of the two trees in evidence cover (docs/evidence.md): the leaf of one request
 * in the tree that a quote signs, and the blinded entries of the log. Every field has its length
 * before it (4 bytes, big endian), but not the single byte in front, nor c in its leaf hash.
 */
#ifndef BULKHEAD_PROOF_COMMITMENT_H
#define BULKHEAD_PROOF_COMMITMENT_H

#include "lib/digest.h"

enum { COMMITMENT_RANDOM_LEN = 32, CHALLENGE_LEAST = 16, CHALLENGE_MOST = 64 };

/* H(0x00 || "bulkhead-attest-1" || random || challenge || H(descriptor) || H(result)). descriptor
 * and result are those two digests, of one algorithm, which is the leaf's, too. challenge:
 * CHALLENGE_LEAST to CHALLENGE_MOST bytes. */
struct digest commitment_request(const uint8_t random[static COMMITMENT_RANDOM_LEN],
                                 struct bytes challenge, const struct digest *descriptor,
                                 const struct digest *result);
/* c = H(0x02 || random || node): an entry of the log. It says nothing about node to a reader who
 * does not know random. */
struct digest commitment_of(enum hash_alg alg, const uint8_t random[static COMMITMENT_RANDOM_LEN],
                            struct bytes node);
/* H(0x00 || c): the entry's leaf hash in the log's tree. */
struct digest commitment_leaf(const struct digest *commitment);

#endif
