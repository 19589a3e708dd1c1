/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tpm2-tss 3.2 to 4.2 makes a new OpenSSL library context, with a random generator seeded anew, for
 * every hash and nonce of a session: some milliseconds a command, more than the command itself.
 * The dynamic linker finds this definition before OpenSSL's own. It returns the process's default
 * context instead, which OSSL_LIB_CTX_free() leaves alone (OSSL_LIB_CTX(3)). Only tpm_worker links
 * it, and only where the Makefile finds one of those releases: it was tried with no other.
 */
#include <openssl/crypto.h>

#include <stddef.h>

OSSL_LIB_CTX *OSSL_LIB_CTX_new(void)
{
        return OSSL_LIB_CTX_get0_global_default();
}
