/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of which disks the present seal of a VM has the key, as integrity-mgr told it (im_sealed). A disk
 * is known by its LUKS UUID; its path is where it was when the seal was made. Where the record of
 * the seal cannot be read, nothing is known of any disk.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_SEALED_DISKS_H
#define BULKHEAD_COMPARTMENT_MGR_SEALED_DISKS_H

#include "lib/message.h"

/* Did a disk lie at that path of which the seal has the key? */
bool sealed_disks_at(const struct im_sealed_rep *sealed, const char *path);
/* Says of each disk, which is one of `open`, whether the seal has no key of it. */
void sealed_disks_mark(const struct im_sealed_rep *sealed, const struct open_disk_list *open,
                       struct disk_slots_list *disks);
/* ST_REFUSED, with both UUIDs, if the seal has the key of a disk that is not among `open`. command:
 * what gives up that key, for the remedy. */
enum status sealed_disks_present(const struct im_sealed_rep *sealed,
                                 const struct open_disk_list *open, const char *command);

#endif
