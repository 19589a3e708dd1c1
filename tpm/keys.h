/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry: every handle, NV index, template and label that Bulkhead uses in a TPM stands here
 * and nowhere else. Templates follow the TCG's "TPM 2.0 Provisioning Guidance" (storage root key)
 * and "EK Credential Profile" 2.3 (templates L-1 and L-2).
 */
#ifndef BULKHEAD_TPM_KEYS_H
#define BULKHEAD_TPM_KEYS_H

#include "lib/digest.h"

#include <tss2/tss2_tpm2_types.h>

enum {
        KEYS_SRK = 0x81000001u,        /* persistent */
        KEYS_EPOCH = 0x0181b001,       /* NV counter: the epoch; incrementing retires it */
        KEYS_TABLE = 0x0181b002,       /* NV counter: generations of the seal table */
        KEYS_KNOWN = 0x0181b003,       /* NV index: the seal table's digest */
        KEYS_EK_CERT_RSA = 0x01c00002, /* NV indices of EK certificates: never written */
        KEYS_EK_CERT_ECC = 0x01c0000a,
        KEYS_COUNTER_SIZE = 8,
        KEYS_SECRET_SIZE = 32,
        KEYS_KNOWN_SIZE = 32,
        KEYS_RESETTABLE = 1 << 16 | 1 << 23, /* PCRs that locality 0 may reset, as a mask */
        KEYS_TRUSTED = 0xffff                /* PCRs that only a reset of the machine clears */
};

/* The policyRef of PolicyAuthorize, and the event that caps a destination PCR after its use. */
#define KEYS_POLICY_REF "bulkhead-site-1"
#define KEYS_CAP "bulkhead-cap-1"

TPM2B_PUBLIC keys_srk(void);
TPM2B_PUBLIC keys_ak(void);
TPM2B_PUBLIC keys_site(void);
TPM2B_PUBLIC keys_sealed(const struct digest *policy);
TPM2B_PUBLIC keys_ek_rsa(void);
TPM2B_PUBLIC keys_ek_ecc(void);
/* A site key that lives elsewhere: x and y are its public point. */
TPM2B_PUBLIC keys_site_external(const uint8_t x[static 32], const uint8_t y[static 32]);
/* written: as the counter is after its first increment, which is part of its Name. */
TPM2B_NV_PUBLIC keys_counter(TPMI_RH_NV_INDEX index, bool written);
/* What the TPM knows the seal table by; policy: what lets it be written. */
TPM2B_NV_PUBLIC keys_known(const struct digest *policy, bool written);
TPMT_SYM_DEF keys_session_cipher(void);

/* What is wrong with a storage root key: one of the two standard shapes, RSA-2048 or P-256 with
 * AES-128-CFB and SHA-256, has every attribute that Bulkhead relies on, noDA among them. NULL:
 * nothing. */
enum { KEYS_WRONG = 96 };
const char *keys_srk_wrong(const TPMT_PUBLIC *public, char text[static KEYS_WRONG]);
/* The first thing in which an NV index differs from the wanted one; NULL: in nothing. */
const char *keys_nv_wrong(const TPMS_NV_PUBLIC *found, const TPMS_NV_PUBLIC *wanted,
                          char text[static KEYS_WRONG]);

/* Name: nameAlg || H(public area) [TPM 2.0 part 1, 16]. Size 0 if it cannot be computed. */
TPM2B_NAME keys_name(const TPMT_PUBLIC *public);
TPM2B_NAME keys_nv_name(const TPMS_NV_PUBLIC *public);

#endif
