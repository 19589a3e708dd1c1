/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who else has a disk: others, by what they call it, and the kernel of this host. A disk is known
 * by device and inode or by device number, never by the spelling of a path: symbolic and hard
 * links, names below /dev, loop devices and partitions are seen through.
 */
#ifndef BULKHEAD_SVDM_DEVICE_DISK_USERS_H
#define BULKHEAD_SVDM_DEVICE_DISK_USERS_H

#include "lib/message.h"

#include <sys/stat.h>

/* ST_REFUSED if one of the others has the disk that is open as st, or a part of it, or a device
 * that it is a part of. What others name and is not there is nobody's disk. path: for errors. */
enum status disk_users_others(const char *path, const struct stat *st,
                              const struct other_disk *others, size_t count);
/* ST_BUSY if the host swaps to it, or if it lies under a loop device. For a block device
 * open_disk_unused() asks the kernel for the rest. */
enum status disk_users_host(const char *path, int fd);
/* In words, what this host uses a block device for that open(2) with O_EXCL says is busy. */
const char *disk_users_of(dev_t node, char text[static 256]);

#endif
