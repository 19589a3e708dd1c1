/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loop devices: block devices on opened files. Files are named by descriptor, never by path, and a
 * device is gone with its last user. The device worker comes here.
 */
#ifndef BULKHEAD_SVDM_DEVICE_LOOP_H
#define BULKHEAD_SVDM_DEVICE_LOOP_H

#include "lib/status.h"

#include <stdbool.h>
#include <sys/stat.h>

/* file: open for writing if writable. path: for errors; label: the name that the kernel keeps.
 * *loop_out: the device, the caller's to close. */
enum status loop_attach(const char *path, const char *label, int file, bool writable,
                        int *loop_out);
/* ST_CHANGED if the loop device does not lie on that file (any more), or is writable and should
 * not be. */
enum status loop_check(const char *path, int loop, const struct stat *file, bool writable);

#endif
