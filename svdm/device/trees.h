/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash trees of read-only images, kept so that an unchanged image need not be hashed at each start.
 * They lie in the folder "trees", which is root's own. A tree's name is its root hash; a state file
 * "of-DEVICE-INODE" says which image it belongs to, and how that was then. Nobody trusts a tree:
 * what is measured is what the kernel reads through it, and a tree that does not fit makes reads
 * fail. The device worker comes here.
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
 * a new tree is made; the tree of a block device is not kept. The caller closes *tree_out, and only
 * reads it: others may have the tree mapped. */
enum status trees_get(const char *path, int fd, const struct disk_identity *seen, int *tree_out,
                      uint8_t root_out[static VERITY_ROOT_LEN]);
/* Removes the kept tree with that root hash (hexadecimal): it does not fit its image any more. */
void trees_forget(const char *root);
/* Removes the trees of files that have changed or gone. A mapped tree lives on without a name. */
void trees_prune(void);

#endif
