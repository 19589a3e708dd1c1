/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening what a path names so that it stays what was opened: by descriptor, following no
 * symbolic link, regular files and block devices only.
 */
#ifndef BULKHEAD_SVDM_DEVICE_OPEN_DISK_H
#define BULKHEAD_SVDM_DEVICE_OPEN_DISK_H

#include "lib/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* What a file or block device is known by, as long as the host runs. */
struct disk_identity {
        struct stat stat;
        uint64_t size; /* bytes; of a block device what BLKGETSIZE64 says */
        /* Of a block device: another number when another medium or file lies under it. */
        uint64_t sequence;
};

/*
 * path: absolute. Symbolic links are refused with the real path as the remedy, but below /dev,
 * where udev names block devices by them: those are resolved once, must stay below /dev, and what
 * they lead to is opened without following. Refused are also FIFOs, sockets, folders, character
 * devices and files of the kernel's own file systems (proc, sys, ...). Nothing is opened before it
 * is known to be a file or a block device. The descriptor is close-on-exec and read-only, or
 * read-write if writable; a block device that the host itself uses is not opened for writing.
 */
enum status open_disk(const char *path, bool writable, int *fd_out, struct disk_identity *seen_out);

/* ST_BUSY for a block device that is mounted or claimed by another device of this host. */
enum status open_disk_unused(const char *path, int fd);

/* The same file or block device? Sizes and times may differ. */
bool open_disk_same(const struct disk_identity *a, const struct disk_identity *b);

/* Compares what fd was when it was opened with what fd and path are now: ST_CHANGED with the first
 * difference in device, inode, medium, size or times. Times are not compared for a block device,
 * nor if `written`: what was mapped on it may have written. */
enum status open_disk_check(const char *path, int fd, const struct disk_identity *seen,
                            bool written);

#endif
