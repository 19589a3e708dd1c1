/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence made in software, for the tests and the benchmark of the verifier: a key of OpenSSL's
 * in the place of the TPM's. Every field of a plan can be changed before evidence is made of it.
 */
#ifndef BULKHEAD_TESTS_EVIDENCE_MAKE_H
#define BULKHEAD_TESTS_EVIDENCE_MAKE_H

#include "lib/message.h"
#include "lib/buffer.h"
#include "proof/trust.h"

#include <openssl/evp.h>
#include <stdbool.h>

enum { PLAN_TARGETS = 2, PLAN_LOG_BEFORE = 5, PLAN_LOG_SEEN = 3, PLAN_CHALLENGE_LEN = 20 };

struct plan {
        /* TPMT_PUBLIC */
        EVP_PKEY *key;
        uint16_t key_type, name_alg, scheme, scheme_hash, curve;
        uint32_t attributes;
        /* TPMS_ATTEST */
        uint32_t magic;
        uint16_t type;
        uint64_t clock;
        uint32_t resets, restarts;
        uint8_t safe;
        uint32_t selections; /* the count as written; as many are, up to 16 */
        uint16_t bank;
        uint8_t select_len;
        uint32_t quoted;     /* mask */
        struct bytes extra;  /* data NULL: the root of the tree */
        long cut, trailing;  /* bytes taken off the end, added at it; before it is signed */
        struct bytes attest; /* data not NULL: this instead */
        /* TPMT_SIGNATURE */
        uint16_t signature_scheme, signature_hash;
        EVP_PKEY *signer; /* NULL: key */
        /* evidence */
        enum hash_alg alg;
        const char *descriptor;
        const char *measurements[4]; /* canonical; as listed, logged and extended */
        size_t measurements_count;
        size_t extended; /* as many of them, from the first on, into PCR 16 */
        uint32_t shown;  /* mask of the <pcr>s */
        struct bytes challenge;
        uint64_t batch, place; /* leaves under the quote, and this one's index */
        uint64_t log_before;   /* entries of the log before this request's */
        bool log_reversed;     /* this request's entries stand in the log in reverse */
        uint64_t from;         /* the proof of consistency begins there; 0: none */
};

struct plan plan_good(EVP_PKEY *key);
EVP_PKEY *plan_key(void);

struct made {
        struct bytes text; /* in the arena */
        struct bytes ak, attest, signature;
        struct digest pcrs[PCR_COUNT];
        struct trust trust; /* what was seen of this host after PLAN_LOG_SEEN log entries */
};

struct made plan_make(const struct plan *p, struct arena *a);

#endif
