/* SPDX-License-Identifier: Apache-2.0 */
/* The descriptors of disks that svdm opened. */
#ifndef BULKHEAD_COMPARTMENT_MGR_OPEN_DISKS_H
#define BULKHEAD_COMPARTMENT_MGR_OPEN_DISKS_H

#include "lib/message.h"

void open_disks_close(struct open_disk *disks, size_t count); /* may be called again */
/* One more descriptor each for the same file and header. On error *twin_out has to be closed, too.
 */
enum status open_disks_share(const struct open_disk *disk, struct open_disk *twin_out);

/* Disks and boot files of a definition as what svdm opens; the strings stay theirs. */
struct wanted_device *open_disks_wanted(struct arena *a, const struct disk *disks, size_t count);

#endif
