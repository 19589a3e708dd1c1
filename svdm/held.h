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
/* What was mapped for a VM. bare: as in struct attachment. */
struct mapped {
        const struct block_device *devices;
        size_t count;
        uint64_t bare;
};

/* Reads what VMs keep, and drops what they kept before the last boot of the host. dir: svdm's state
 * folder; it stays the caller's. A VM whose file is damaged keeps a claim on disks that are not
 * known, until held_release(). */
enum status held_load(int dir);
/* Claims a VM for one operation. ST_BUSY if another operation on it is under way. */
enum status held_claim(const struct uuid *vm, struct claim **claim_out);
/* Adds disks to a claim that has none. ST_BUSY, and none is added, if another VM holds one of these
 * disks and either VM may write to it; ST_REFUSED if one of them is there twice. disks is copied.
 */
enum status held_claim_disks(struct claim *c, const struct held_disk *disks, size_t count);
/* Gives up a claim that was not kept. NULL is fine. */
void held_drop(struct claim *c);
/* Makes the claim the VM's, durably: it lasts until held_release(). ST_WRONG_STATE if the VM keeps
 * one already. mapped is copied. */
enum status held_keep(struct claim *c, const struct mapped *mapped);
/* Does that VM keep a claim? */
bool held_by(const struct uuid *vm);
/* The devices of a VM that runs, in the arena. ST_WRONG_STATE if it keeps no claim. */
enum status held_devices(const struct uuid *vm, struct arena *a, struct block_device **devices_out,
                         size_t *count_out);
/* Adds the claim's disks, and what was mapped, to what the VM keeps, durably: those of one device,
 * in the place of what the VM keeps of it. Either may be nothing. The claim stays the caller's to
 * drop. ST_WRONG_STATE if the VM keeps no claim, or for no device. */
enum status held_add(struct claim *c, const char *device, const struct mapped *mapped);
/* Takes that device and what it lies in out of what the VM keeps, durably: other VMs may claim the
 * disk. ST_DONE if the VM does not keep it. */
enum status held_remove(const struct uuid *vm, const char *device);
/* The VMs that keep disks, in the arena. */
void held_vms(struct arena *a, struct held_vm **vms_out, size_t *count_out);
/* Fills in the paths, in the arena, of kept disks that are written without integrity; how many. */
size_t held_bare(struct arena *a, const char **paths, size_t most);
/* The VM keeps nothing any more, durably. ST_DONE if it kept nothing. */
enum status held_release(const struct uuid *vm);
/* How many VMs keep disks that are not known. */
size_t held_unknown(void);
/* How many VMs keep disks. */
size_t held_count(void);

#endif
