/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mapping by libcryptsetup: dm-crypt with a LUKS2 header in memory, dm-integrity below it where the
 * header says so, dm-verity with its hash tree. Everything by descriptor. The device worker comes
 * here; whether the kernel then has what was meant is mapper.h's.
 */
#ifndef BULKHEAD_SVDM_DEVICE_CRYPT_MAP_H
#define BULKHEAD_SVDM_DEVICE_CRYPT_MAP_H

#include "svdm/device/secret.h"

enum { VERITY_BLOCK = 4096, VERITY_ROOT_LEN = 32 };

/* What a LUKS2 header says of its data. */
struct luks_data {
        char cipher[64], mode[64];
        uint64_t sector; /* where they begin, in sectors of 512 bytes */
        bool integrity;
};

/* data: the disk as a block device. The volume key goes to the kernel by a key of this thread
 * alone, which is gone again afterwards. */
enum status crypt_map_luks(const char *path, int header, int data, const char *name,
                           const uint8_t key[static DISK_KEY_LEN], bool writable,
                           struct luks_data *luks_out);

/* Writes all of the data once, so that each sector has a tag: without one it cannot be read.
 * Mapped as name meanwhile. */
enum status crypt_map_fill(const char *path, int header, int data, const char *name,
                           const uint8_t key[static DISK_KEY_LEN]);

/* The hash tree of data (file or block device; size a multiple of VERITY_BLOCK), without salt, into
 * the file tree, which is empty. */
enum status crypt_map_make_tree(const char *path, int data, uint64_t size, int tree,
                                uint8_t root_out[static VERITY_ROOT_LEN]);
/* data, tree: block devices. */
enum status crypt_map_verity(const char *path, int data, int tree, const char *name,
                             const uint8_t root[static VERITY_ROOT_LEN]);

#endif
