/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LUKS2 headers, always in memory files: what is on a disk is copied first, and the disk is never
 * given to libcryptsetup to write to. Device-mapper is needed by luks_format() with integrity
 * alone.
 */
#ifndef BULKHEAD_SVDM_DEVICE_LUKS_DISK_H
#define BULKHEAD_SVDM_DEVICE_LUKS_DISK_H

#include "lib/message.h"
#include "svdm/device/secret.h"

enum luks_kind { LUKS_NONE, LUKS_1, LUKS_2 };

enum { LUKS_DATA_OFFSET = 16 << 20, LUKS_DISK_LEAST = 17 << 20 };

/* Once in a process, before anything else here: no locks in /run, no token plug-ins. */
void luks_init(void);

/* By the magic at its start. Any failure to read counts as LUKS_NONE. */
enum luks_kind luks_probe(int disk);

/* Copies a LUKS2 header, everything before its data, into a sealed memfd. path: for errors. */
enum status luks_header(const char *path, int disk, uint64_t size, int *header_out,
                        struct uuid *uuid_out);

#define LUKS_INTEGRITY "hmac(sha256)"

/* A new header for a disk of that size, with one key slot for key: aes-xts-plain64 with 512 bits,
 * sectors of 4096 bytes where the size permits, data from 16 MiB on. Sealed. data: the disk as a
 * block device, open for writing: then with authenticated encryption (LUKS_INTEGRITY), and what
 * dm-integrity needs is written where the data begin; or -1: without, and nothing is written. */
enum status luks_format(const char *path, uint64_t size, const struct uuid *vm,
                        const struct uuid *uuid, const uint8_t key[static DISK_KEY_LEN], int data,
                        int *header_out);

/* A copy of that header in which key has a slot (and a token that says it is this VM's), and the
 * slot that this VM had before has gone. authority: what opens any slot now. All other slots and
 * tokens stay. Sealed. */
enum status luks_adopt(const char *path, int header, const struct uuid *vm, struct bytes authority,
                       const uint8_t key[static DISK_KEY_LEN], int *header_out);

/* A copy of that header in which passphrase has a slot too: for the day on which the TPM or what
 * was measured is gone. key: what opens a slot now. Sealed. */
enum status luks_add_recovery(const char *path, int header, const uint8_t key[static DISK_KEY_LEN],
                              struct bytes passphrase, int *header_out);

/* Does key open a slot of that header? ST_CHANGED if not. */
enum status luks_test(const char *path, int header, const uint8_t key[static DISK_KEY_LEN]);

#endif
