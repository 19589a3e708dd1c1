/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one secret of a VM and what is derived from it. The secret travels by pipe alone; a function
 * that holds it in memory wipes it.
 */
#ifndef BULKHEAD_SVDM_DEVICE_SECRET_H
#define BULKHEAD_SVDM_DEVICE_SECRET_H

#include "lib/message.h"

enum {
        SECRET_LEN = 32,
        DISK_KEY_LEN = 32,
        PASSPHRASE_MOST = 8 << 20, /* what cryptsetup(8) reads of a key file */
        SECRET_WAIT_MS = 30000     /* how long a reader waits for the writer */
};

/* What opens disks at a seal. */
struct authority {
        enum authority_kind kind;
        enum passphrase_form form;
        struct bytes bytes; /* the passphrase, or the VM's present secret */
};

void secret_new(uint8_t secret[static SECRET_LEN]);

/* A pipe, both ends close-on-exec. */
enum status secret_pipe(int *read_end_out, int *write_end_out);
/* A pipe from which the secret's 32 bytes can be read, and then its end. */
enum status secret_offer(const uint8_t secret[static SECRET_LEN], int *read_end_out);
/* Waits for exactly 32 bytes. What follows them is not read. */
enum status secret_read(int fd, uint8_t secret[static SECRET_LEN]);
/* Reads a passphrase to the end of a pipe or file: the bytes as they are, a newline included, as
 * `cryptsetup --key-file=-` takes them. 1 to PASSPHRASE_MOST bytes, which authority_clear()
 * frees. */
enum status secret_read_passphrase(int fd, struct bytes *out);
/* The same by kind and descriptor; AUTHORITY_NONE reads nothing. Clear it also after an error. */
enum status authority_read(enum authority_kind kind, enum passphrase_form form, int fd,
                           struct authority *out);
void authority_clear(struct authority *a);

/* The key of one disk: HKDF-SHA256 (RFC 5869), no salt, info "bulkhead-disk-1" followed by the
 * LUKS UUID as 36 characters in lower case (docs/constructions.md). */
void secret_disk_key(const uint8_t secret[static SECRET_LEN], const struct uuid *disk,
                     uint8_t key[static DISK_KEY_LEN]);

#endif
