/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an approval rests on: the site key in the TPM, behind a passphrase; a PEM file; or a
 * signature that was made elsewhere.
 */
#ifndef BULKHEAD_TOOLS_SITE_PEM_H
#define BULKHEAD_TOOLS_SITE_PEM_H

#include "lib/message.h"

/* At most one of them; all NULL: the passphrase is asked for. */
struct site_authority {
        const char *site_key;        /* a private key in PEM */
        const char *passphrase_file; /* its first line opens the key in the TPM */
        const char *signature;       /* a file: ECDSA with SHA-256 over to_sign, in DER */
};

/* A P-256 public key in PEM, as DER. */
enum status site_pem_public(const char *path, struct arena *a, struct bytes *der_out);
/* ST_USAGE if that has no effect where the site key lies: a PEM file, a signature, or what is to be
 * signed elsewhere (print) with a key in the TPM; a passphrase with one elsewhere. */
enum status site_pem_check(const struct site_authority *by, bool print, bool site_key_here);
/* Fills in the request that approves `state`. The caller closes request->passphrase if it is not
 * -1. ST_USAGE, without a question, as of site_pem_check(). */
enum status site_pem_authority(const struct site_authority *by,
                               const struct host_approval_rep *state, struct arena *a,
                               struct host_approve_req *request);

#endif
