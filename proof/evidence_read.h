/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence (docs/evidence.md) from bytes to a struct. The grammar is held to by hand, strictly:
 * every element and attribute in its place, no namespace outside the descriptor, and the document
 * must be its own exclusive canonical form, so that the digest of a part is the digest of its
 * bytes here and an outsider's `xmllint --exc-c14n` finds the same.
 *
 * Nothing is judged here but the shape. Needs no XML library; the descriptor is only cut out, and
 * is not known to be XML until descriptor_read() gave back the same canonical form.
 */
#ifndef BULKHEAD_PROOF_EVIDENCE_READ_H
#define BULKHEAD_PROOF_EVIDENCE_READ_H

#include "lib/arena.h"
#include "lib/digest.h"
#include "proof/commitment.h"
#include "proof/quote.h"

enum {
        EVIDENCE_MEASUREMENTS_MOST = 64,
        EVIDENCE_PATH_MOST = 64,
        BLOB_MOST = 4096, /* the TPM's structures */
};

struct path {
        struct digest *nodes;
        size_t count;
};

struct opening {
        uint64_t index;
        uint8_t random[COMMITMENT_RANDOM_LEN];
        struct path path;
};

struct found {
        const char *plugin, *target;
        struct bytes canonical;
        struct opening opening;
};

struct evidence {
        const char *kind; /* "host"; set whenever the root element has one */
        enum hash_alg alg;
        struct bytes descriptor, result; /* canonical; slices of the text given, as below */
        uint64_t log_length;
        struct digest log_root;
        struct found *found; /* in the document's order */
        size_t found_count;
        struct bytes ak, attest, signature; /* TPMT_PUBLIC, TPMS_ATTEST, TPMT_SIGNATURE */
        uint32_t pcrs;                      /* bit n: the value of PCR n is there */
        struct digest pcr[PCR_COUNT];
        struct {
                struct bytes challenge; /* CHALLENGE_LEAST to CHALLENGE_MOST bytes */
                uint64_t count, index;
                uint8_t random[COMMITMENT_RANDOM_LEN];
                struct path path;
        } leaf;
        uint64_t consistency_from; /* 0: there is no proof of consistency */
        struct path consistency;
};

/* ST_INVALID or ST_TOO_LARGE, described. What *out points to lies in the arena and in `text`,
 * which has to stay; after an error only kind is set, or NULL. */
enum status evidence_read(struct bytes text, struct arena *a, struct evidence *out);

#endif
