/* SPDX-License-Identifier: Apache-2.0 */
/* The descriptors of disks that svdm opened. */
#ifndef BULKHEAD_COMPARTMENT_MGR_OPEN_DISKS_H
#define BULKHEAD_COMPARTMENT_MGR_OPEN_DISKS_H

#include "lib/message.h"

void open_disks_close(struct open_disk *disks, size_t count); /* may be called again */
/* A twin with descriptors of its own for the same file and header. Close it also after an error. */
enum status open_disks_share(const struct open_disk *disk, struct open_disk *twin_out);

/* What svdm is asked to open of a configuration: its boot files, or those, its disks and `more` (if
 * it is not NULL), in that order. The list lies in the arena; its strings stay those of c and
 * more. */
struct wanted_device_list open_disks_boot(struct arena *a, const struct vm_config *c);
struct wanted_device_list open_disks_all(struct arena *a, const struct vm_config *c,
                                         const struct wanted_device *more);

#endif
