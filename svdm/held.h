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
/* The disks of one operation. disks: as asked for; open: as opened, in the same order. ST_BUSY if
 * this VM has an operation under way or another VM holds one of them and one of both may write. */
enum status held_claim(const struct uuid *vm, const struct disk *disks,
                       const struct open_disk *open, size_t count, struct claim **claim_out);
void held_drop(struct claim *c); /* not for a kept one; NULL is fine */
/* The claim becomes the VM's: it lasts until held_release(). ST_WRONG_STATE if the VM has one. */
enum status held_keep(struct claim *c, const struct block_device *devices, size_t count);
bool held_by(const struct uuid *vm);
/* What the VM was given, in the arena; none (count 0) if nothing is kept. */
void held_devices(const struct uuid *vm, struct arena *a, struct block_device **devices_out,
                  size_t *count_out);
enum status held_release(const struct uuid *vm); /* ST_DONE if nothing is kept */
size_t held_count(void);

#endif
