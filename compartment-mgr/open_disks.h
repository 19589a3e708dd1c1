/* SPDX-License-Identifier: Apache-2.0 */
/* The descriptors of disks that svdm opened. */
#ifndef BULKHEAD_COMPARTMENT_MGR_OPEN_DISKS_H
#define BULKHEAD_COMPARTMENT_MGR_OPEN_DISKS_H

#include "lib/message.h"

void open_disks_close(struct open_disk *disks, size_t count); /* may be called again */
/* A twin with descriptors of its own for the same file and header. Close it also after an error. */
enum status open_disks_share(const struct open_disk *disk, struct open_disk *twin_out);

/* The disks and boot files of a definition as svdm is asked to open them. The list lies in the
 * arena; its strings stay those of disks. */
struct wanted_device *open_disks_wanted(struct arena *a, const struct disk *disks, size_t count);

#endif
