/* SPDX-License-Identifier: Apache-2.0 */
/* A sample of a disk's bytes, to be looked at where there are no rights. */
#ifndef BULKHEAD_SVDM_DEVICE_DISK_SAMPLE_H
#define BULKHEAD_SVDM_DEVICE_DISK_SAMPLE_H

#include "lib/status.h"

#include <stdint.h>

/*
 * Copies the first 16 MiB (where a LUKS2 header goes), the last MiB and what is between them (of
 * more than 64 MiB 256 blocks) into a sealed memfd of the disk's size; the rest are holes.
 * *sample_out is -1 if all that was read is zero: then the disk is taken for empty. path: for
 * errors.
 */
enum status disk_sample(const char *path, int disk, uint64_t size, int *sample_out);

#endif
