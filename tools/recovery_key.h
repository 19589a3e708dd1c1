/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery keys: 256 random bits that open a VM's disks without its seal, in the alphabet of
 * systemd-cryptenroll's (modhex, eight groups of eight), so that every keyboard types them alike.
 */
#ifndef BULKHEAD_TOOLS_RECOVERY_KEY_H
#define BULKHEAD_TOOLS_RECOVERY_KEY_H

#include "lib/arena.h"
#include "lib/buffer.h"
#include "lib/status.h"

enum { RECOVERY_KEY_LEN = 8 * 8 + 7, RECOVERY_KEY_SIZE = RECOVERY_KEY_LEN + 1 };

/* The caller wipes it. */
void recovery_key_make(char key[static RECOVERY_KEY_SIZE]);

/* One that was made for a person. */
struct recovery {
        char key[RECOVERY_KEY_SIZE]; /* "" if none was made */
        struct bytes wrapped;        /* what is shown of it instead, unless it is empty */
};
/* Makes one, wraps it for the holder of public_key_file unless that is NULL, and gives it to read
 * from a pipe, which is the caller's. */
enum status recovery_key_give(const char *public_key_file, struct arena *a,
                              struct recovery *recovery_out, int *fd_out);

/* The key in CMS enveloped data (RFC 5652), as PEM, for the holder of the private key to that
 * public key: a PEM file with a SubjectPublicKeyInfo, RSA (then OAEP) or EC. ST_INVALID for
 * another. */
enum status recovery_key_wrap(const char *key, const char *public_key_file, struct arena *a,
                              struct bytes *pem_out);

#endif
