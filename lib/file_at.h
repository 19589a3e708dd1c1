/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a path surely names: which symbolic links are followed, and which files a VM can be made of.
 * Whoever opens a disk, a target or a boot file comes here first, and so does whoever only says
 * whether it could be opened. Nothing is opened: the descriptors refer to a file (O_PATH).
 */
#ifndef BULKHEAD_LIB_FILE_AT_H
#define BULKHEAD_LIB_FILE_AT_H

#include "lib/status.h"

#include <stdbool.h>
#include <sys/stat.h>

enum { BOOT_FILE_MOST = 512 << 20 /* bytes */ };

/* ST_REFUSED for a symbolic link, with the real path as the remedy. Below /dev, where udev names
 * block devices by links, a path is resolved once instead, and must stay below /dev. ST_NOT_FOUND,
 * ST_DENIED or ST_IO with the system's word. The descriptor is the caller's, and close-on-exec. */
enum status file_at(const char *path, int *fd_out);
/* ST_REFUSED unless fd is a regular file or a block device. Files that the kernel makes up as they
 * are read (proc, sys...) are refused, too. ST_IO and the like if it cannot be looked at. */
enum status file_at_is_disk(const char *path, int fd, struct stat *st_out);
/* ST_REFUSED unless a domain can be built from it: a regular file of 1 to BOOT_FILE_MOST bytes. */
enum status file_at_is_boot(const char *path, const struct stat *st);

/* One file or block device, by whatever path. */
bool file_at_same(const struct stat *a, const struct stat *b);

#endif
