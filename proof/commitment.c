/* SPDX-License-Identifier: Apache-2.0 */
/* Leaves of the two trees in evidence: integrity-mgr computes them, and so does a verifier. */
#include "proof/commitment.h"

#include <string.h>

enum { LEAF = 0x00, BLINDED = 0x02 };

struct digest commitment_request(const uint8_t random[static COMMITMENT_RANDOM_LEN],
                                 struct bytes challenge, const struct digest *descriptor,
                                 const struct digest *result)
{
        struct hash *h = hash_begin(descriptor->alg);

        hash_byte(h, LEAF);
        hash_field_text(h, "bulkhead-attest-1");
        hash_field(h, random, COMMITMENT_RANDOM_LEN);
        hash_field(h, challenge.data, challenge.len);
        hash_field_digest(h, descriptor);
        hash_field_digest(h, result);
        return hash_end(h);
}

struct digest commitment_of(enum hash_alg alg, const uint8_t random[static COMMITMENT_RANDOM_LEN],
                            struct bytes node)
{
        struct hash *h = hash_begin(alg);

        hash_byte(h, BLINDED);
        hash_field(h, random, COMMITMENT_RANDOM_LEN);
        hash_field(h, node.data, node.len);
        return hash_end(h);
}

struct digest commitment_leaf(const struct digest *commitment)
{
        uint8_t bytes[1 + DIGEST_MOST] = {LEAF};
        size_t size = hash_size(commitment->alg);

        memcpy(bytes + 1, commitment->bytes, size);
        return digest_of(commitment->alg, bytes, 1 + size);
}
