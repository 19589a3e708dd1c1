/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mapping by libcryptsetup: dm-crypt with a LUKS2 header in memory, dm-integrity below it where the
 * header says so, dm-verity with its hash tree. Everything is named by descriptor. The device
 * worker comes here; mapper.h tells whether the kernel then has what was meant.
 */
#ifndef BULKHEAD_SVDM_DEVICE_CRYPT_MAP_H
#define BULKHEAD_SVDM_DEVICE_CRYPT_MAP_H

#include "svdm/device/secret.h"

enum { VERITY_BLOCK = 4096, VERITY_ROOT_LEN = 32 };

/* What a LUKS2 header says of its data. */
struct luks_data {
        char cipher[64], mode[64];
        uint64_t sector; /* where the data begin, in sectors of 512 bytes */
        bool integrity;
};

/* Maps a LUKS2 disk as name. path: for errors, in all of these; data: the disk as a block device.
 * The kernel gets the volume key by a keyring key of this thread, which is gone afterwards.
 * *luks_out: what the header says. */
enum status crypt_map_luks(const char *path, int header, int data, const char *name,
                           const uint8_t key[static DISK_KEY_LEN], bool writable,
                           struct luks_data *luks_out);

/* Writes zeros to all of the data, so that each sector gets a tag: a sector without one cannot be
 * read. The disk is mapped as name meanwhile. */
enum status crypt_map_fill(const char *path, int header, int data, const char *name,
                           const uint8_t key[static DISK_KEY_LEN]);

/* Writes the hash tree of data (a file or block device; size a multiple of VERITY_BLOCK), without
 * salt, into the empty file tree. */
enum status crypt_map_make_tree(const char *path, int data, uint64_t size, int tree,
                                uint8_t root_out[static VERITY_ROOT_LEN]);
/* Maps data under that tree, read-only. data, tree: block devices. */
enum status crypt_map_verity(const char *path, int data, int tree, const char *name,
                             const uint8_t root[static VERITY_ROOT_LEN]);

#endif
