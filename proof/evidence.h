/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence (docs/evidence.md): one struct, written by integrity-mgr and read by a verifier. From
 * bytes and to bytes; needs no XML library, opens no file.
 *
 * The reader follows the grammar strictly: every element and attribute in its place, no namespace
 * outside the descriptor. The document must be its own exclusive canonical form, so that the digest
 * of a part is the digest of its bytes, and `xmllint --exc-c14n` gives anyone the same. Only the
 * shape is judged. The descriptor is cut out unread: it is not known to be XML until
 * descriptor_read() has given back the same canonical form.
 */
#ifndef BULKHEAD_PROOF_EVIDENCE_H
#define BULKHEAD_PROOF_EVIDENCE_H

#include "lib/arena.h"
#include "lib/buffer.h"
#include "lib/digest.h"
#include "lib/status.h"
#include "proof/commitment.h"
#include "proof/quote.h"

enum {
        EVIDENCE_PATH_MOST = 64,
        BLOB_MOST = 4096, /* bytes of a structure of the TPM */
};

/* The kind of evidence of a host, by the quote of its TPM. */
#define EVIDENCE_HOST "host"

struct path {
        struct digest *nodes;
        size_t count;
};

/* Shows that a measurement is in the log: the entry's index, the random that opens the entry, and
 * the inclusion path. */
struct opening {
        uint64_t index;
        uint8_t random[COMMITMENT_RANDOM_LEN];
        struct path path;
};

struct evidence_measurement {
        struct bytes canonical;
        const char *plugin, *target; /* read from canonical; ignored when writing */
        struct opening opening;
};

struct evidence {
        const char *kind;
        enum hash_alg alg;               /* of every digest below */
        struct bytes descriptor, result; /* canonical */
        uint64_t log_length;
        struct digest log_root;
        struct evidence_measurement *found; /* in the document's order */
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

/* Writes <result>, which the leaf covers, from log_length, log_root and the measurements found. */
enum status evidence_result(const struct evidence *e, struct buffer *out);
/* Writes the document; e->result is put in as it is. ST_TOO_LARGE if out is full, ST_INVALID for a
 * challenge that is too long or text that XML cannot carry. */
enum status evidence_write(const struct evidence *e, struct buffer *out);

/* What something that handles XML or text did to it on its way (an editor, a formatter, a transfer
 * in text mode), as a sentence's part; NULL if nothing of that kind is seen. For text that was
 * refused. */
const char *evidence_handled(struct bytes text);
/* The kind that a document names, in the arena; NULL if it does not begin as evidence. */
const char *evidence_kind(struct bytes text, struct arena *a);
/* ST_INVALID or ST_TOO_LARGE for anything else. What *out points to lies in the arena and in
 * `text`, which has to stay. After an error nothing is set but kind, which may be NULL. */
enum status evidence_read(struct bytes text, struct arena *a, struct evidence *out);

#endif
