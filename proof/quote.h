/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TPM's quote and the key that signed it: bounded readers of TPMT_PUBLIC, TPMT_SIGNATURE and
 * TPMS_ATTEST (TPM 2.0 Library, Part 2), and the check of the signature over the raw bytes. They
 * accept what Bulkhead's own tpm_worker makes and refuse everything else; no byte may be left over.
 *
 * Accepted are an ECC P-256 key that is restricted, only for signing, made in its TPM and fixed
 * there, with the scheme ECDSA with SHA-256; and a quote of one PCR bank.
 */
#ifndef BULKHEAD_PROOF_QUOTE_H
#define BULKHEAD_PROOF_QUOTE_H

#include "lib/message.h"

enum { AK_NAME_LEN = 2 + 32, QUALIFYING_MOST = 64 };

/* An attestation key, parsed once and used for many signatures. */
struct ak;

/* ST_INVALID with what is wrong with the key (an attribute, its scheme, its curve, its form). */
enum status ak_read(struct bytes public_area, struct ak **ak_out);
void ak_free(struct ak *ak); /* NULL is fine */
/* The key's Name: nameAlg || H(TPMT_PUBLIC) (Part 1, "Names"). */
const uint8_t *ak_name(const struct ak *ak); /* AK_NAME_LEN bytes */
/* Did this key sign exactly these bytes? ST_UNTRUSTED if not, ST_INVALID if `signature` is no
 * TPMT_SIGNATURE of its scheme. */
enum status ak_signed(struct ak *ak, struct bytes attest, struct bytes signature);

struct quote {
        uint8_t qualifying[QUALIFYING_MOST]; /* extraData */
        size_t qualifying_len;
        uint64_t clock;                      /* milliseconds */
        uint32_t reset_count, restart_count; /* obfuscated for this key: see trust.h */
        bool safe;
        enum hash_alg bank;
        uint32_t pcrs;            /* bit n: PCR n is selected */
        struct digest pcr_digest; /* SHA-256, the scheme's hash */
};

/* ST_INVALID with what is wrong: the magic, the type, the selection, bytes left over. */
enum status quote_read(struct bytes attest, struct quote *out);

/* Whether a is before b, for 32-bit counters that start anywhere and wrap. */
bool counter_is_before(uint32_t a, uint32_t b);

#endif
