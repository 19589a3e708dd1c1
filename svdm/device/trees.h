/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash trees of read-only images, kept so that an unchanged image need not be hashed at each start.
 * Folder "trees", root's own: a tree is named by its root hash, and a state file "of-DEVICE-INODE"
 * says of which file, as it was then, it is. Nobody trusts a tree: what is measured is what the
 * kernel reads through it, and one that does not fit makes reads fail. The device worker comes
 * here.
 */
#ifndef BULKHEAD_SVDM_DEVICE_TREES_H
#define BULKHEAD_SVDM_DEVICE_TREES_H

#include "svdm/device/crypt_map.h"
#include "svdm/device/open_disk.h"

/* Once in a process: opens the folder, made with mode 0700 if missing. ST_REFUSED if it is not this
 * user's own. */
enum status trees_begin(const char *path);

/* The hash tree of the disk that fd is open on (for reading) and that `seen` identifies. A tree
 * that was kept serves if device, inode, size, mtime and ctime of the file are unchanged. Otherwise
 * a new tree is made; the tree of a block device is not kept. tree_out: read-only. */
enum status trees_get(const char *path, int fd, const struct disk_identity *seen, int *tree_out,
                      uint8_t root_out[static VERITY_ROOT_LEN]);
/* Drops a kept tree that does not fit its disk any more. root: hexadecimal. */
void trees_forget(const char *root);
/* Removes the trees of files that have changed or gone. Mapped ones live on without a name. */
void trees_prune(void);

#endif
