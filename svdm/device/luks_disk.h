/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LUKS2 headers, always in memory files: the header of a disk is copied first. Only luks_format()
 * with integrity gives libcryptsetup the disk to write to, and only that needs device-mapper.
 */
#ifndef BULKHEAD_SVDM_DEVICE_LUKS_DISK_H
#define BULKHEAD_SVDM_DEVICE_LUKS_DISK_H

#include "lib/message.h"
#include "svdm/device/luks_slots.h"

/* SECOND: the first header of a LUKS2 disk is gone, and the second one seems to be there. */
enum luks_kind { LUKS_NONE, LUKS_1, LUKS_2, LUKS_SECOND };

enum { LUKS_DATA_OFFSET = 16 << 20, LUKS_DISK_LEAST = 17 << 20 };

/* Once in a process, before anything else here: no locks in /run, no token plug-ins. */
void luks_init(void);

/* Tells by the magic at the disk's start, or of a second header. A failure to read counts as
 * LUKS_NONE. */
enum luks_kind luks_probe(int disk);

/* Copies a LUKS2 header, which is everything before the data, into a sealed memfd. path: for
 * errors. ST_INVALID if the header is not whole, ST_CHANGED if it changed while it was read. */
/* ST_DAMAGED if runs (header_diff.h), written to the disk, would not make a whole LUKS2 header, or
 * if one of them goes beyond it: what lies behind are the data. */
enum status luks_check_runs(const char *path, int disk, uint64_t size, struct bytes runs);
enum status luks_header(const char *path, int disk, uint64_t size, int *header_out,
                        struct uuid *uuid_out);

#define LUKS_INTEGRITY "hmac(sha256)"

/* Makes a new header, in a sealed memfd, for a disk of that size (bytes), with one key slot for
 * key: aes-xts-plain64 with 512 bits, sectors of 4096 bytes where the size permits, data from 16
 * MiB on. data: the disk as a block device, open for writing; the header then has authenticated
 * encryption (LUKS_INTEGRITY), and dm-integrity's superblock is written where the data begin. With
 * data -1 the header has none, and nothing is written. */
enum status luks_format(const char *path, uint64_t size, const struct uuid *vm,
                        const struct uuid *uuid, const uint8_t key[static DISK_KEY_LEN], int data,
                        int *header_out);

/* Makes a copy of that header, in a sealed memfd, in which key has a slot, with a token that says
 * it is this VM's. The seal's slot before that is removed (luks_token.h says how it is known); all
 * other slots and tokens stay. */
enum status luks_adopt(const char *path, int header, const struct uuid *vm,
                       const struct slot_opener *by, const uint8_t key[static DISK_KEY_LEN],
                       int *header_out);

/* The VM, another than this one, that a token in the header says it is sealed for; zero if there is
 * none. */
enum status luks_stranger(const char *path, int header, const struct uuid *vm,
                          struct uuid *stranger_out);

/* Does key open a slot of that header? ST_CHANGED if not. */
enum status luks_test(const char *path, int header, const uint8_t key[static DISK_KEY_LEN]);

#endif
