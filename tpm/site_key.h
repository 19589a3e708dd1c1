/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The site key's public side: an ECDSA P-256 key in the TPM's form and in DER, and the check of its
 * signatures. No private key comes here.
 */
#ifndef BULKHEAD_TPM_SITE_KEY_H
#define BULKHEAD_TPM_SITE_KEY_H

#include "lib/buffer.h"
#include "lib/status.h"

#include <tss2/tss2_tpm2_types.h>

/* Converts a DER SubjectPublicKeyInfo (RFC 5480). ST_INVALID if it is no P-256 key. */
enum status site_key_public(struct bytes spki, TPM2B_PUBLIC *out);
/* Converts a DER ECDSA-Sig-Value (RFC 3279) to ECDSA with SHA-256. ST_INVALID if it is none. */
enum status site_key_signature(struct bytes der, TPMT_SIGNATURE *out);
/* Whether this key made the signature over these bytes, which are hashed here with SHA-256. */
bool site_key_verifies(const TPMT_PUBLIC *key, struct bytes message, const TPMT_SIGNATURE *sig);

#endif
