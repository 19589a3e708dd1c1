/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which VM holds which disks: claimed while an operation is under way, kept (durably) while the VM
 * runs. A disk that one VM may write belongs to that VM alone; boot files, of which VMs get copies,
 * are not held. Safe from many threads.
 */
#ifndef BULKHEAD_SVDM_HELD_H
#define BULKHEAD_SVDM_HELD_H

#include "lib/message.h"

struct claim;

/* Reads what is kept; what was kept before the last boot of the host is dropped. dir: svdm's state
 * folder, stays the caller's. */
enum status held_load(int dir);
/* For one operation. ST_BUSY if this VM has another under way. */
enum status held_claim(const struct uuid *vm, struct claim **claim_out);
/* ST_BUSY if another VM holds one of these disks and one of both may write. */
enum status held_claim_disks(struct claim *c, const struct held_disk *disks, size_t count);
void held_drop(struct claim *c); /* not for a kept one; NULL is fine */
/* The claim becomes the VM's: it lasts until held_release(). ST_WRONG_STATE if the VM has one.
 * bare: as in struct attachment. */
enum status held_keep(struct claim *c, const struct block_device *devices, size_t count,
                      uint64_t bare);
bool held_by(const struct uuid *vm);
/* What a VM that runs holds, in a; ST_WRONG_STATE if that is nothing. */
enum status held_devices(const struct uuid *vm, struct arena *a, struct block_device **devices_out,
                         size_t *count_out);
/* The one disk of the claim, mapped as that device, becomes one more that the VM keeps. The claim
 * stays the caller's to drop. */
enum status held_add(struct claim *c, const struct block_device *device, bool bare);
/* Of what the VM keeps, the disk of that device, from here on anybody's. ST_DONE if it is none. */
enum status held_remove(const struct uuid *vm, const char *device);
/* VMs that keep disks; and the paths of kept disks that are written without integrity. */
void held_vms(struct arena *a, struct held_vm **vms_out, size_t *count_out);
size_t held_bare(struct arena *a, const char **paths, size_t most);
enum status held_release(const struct uuid *vm); /* ST_DONE if nothing is kept */
size_t held_count(void);

#endif
