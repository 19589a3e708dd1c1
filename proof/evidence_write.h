/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the evidence document of docs/evidence.md. Bytes only: everything is in what is given. */
#ifndef BULKHEAD_PROOF_EVIDENCE_WRITE_H
#define BULKHEAD_PROOF_EVIDENCE_WRITE_H

#include "integrity-mgr/log.h"
#include "integrity-mgr/measure.h"

/* <result>: what the leaf covers. */
enum status evidence_result(const struct log_place *place, const struct found *found,
                            struct buffer *out);

struct evidence {
        enum hash_alg alg;
        struct bytes descriptor; /* canonical */
        struct bytes result;     /* from evidence_result() */
        struct bytes challenge;
        const uint8_t *leaf_random; /* 32 bytes */
        uint64_t leaf_index, leaf_count;
        const struct merkle_path *leaf_path;
        const struct tpm_attest_rep *quote;
        struct bytes ak_public;          /* TPMT_PUBLIC */
        const struct log_entry *entries; /* one a measurement */
        const struct merkle_path *openings;
        size_t entries_count;
        uint64_t first;            /* index of the first entry */
        uint64_t consistency_from; /* 0: no proof */
        const struct merkle_path *consistency;
};

enum status evidence_write(const struct evidence *e, struct buffer *out);

#endif
