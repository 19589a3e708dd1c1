/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the stories of start, attach, hibernate, seal and stop share: one operation on one VM, with
 * its present seal, its one connection to svdm, and the disks and targets that are open. When the
 * connection closes, svdm undoes what was not kept or settled.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_OPERATION_H
#define BULKHEAD_COMPARTMENT_MGR_OPERATION_H

#include "compartment-mgr/compartment.h"
#include "compartment-mgr/facts.h"
#include "compartment-mgr/targets.h"

struct operation {
        struct arena *arena;
        struct compartment *compartment;
        const struct vm_definition *vm;
        int svdm;
        struct im_sealed_rep sealed; /* what integrity-mgr has committed to */
        struct vm_config config;     /* from operation_read_config() on */
        struct svdm_open_rep open;
        struct targets targets;
        struct wanted_device memory;       /* the image of its memory; path NULL for none */
        int memory_header;                 /* of that image, or -1 */
        struct block_device memory_device; /* as it was mapped */
};
#define OPERATION_NONE                                                                             \
        {                                                                                          \
                .svdm = -1, .memory_header = -1, .memory_device = {.device = "", .path = "" }      \
        }

/* For a VM that does not run: learns its present seal, unmaps devices that a crash may have left
 * mapped, and settles its disks (operation_settle()). */
enum status operation_begin(struct operation *o, struct arena *a, struct compartment *c);
/* For a VM that runs: learns its present seal, touches nothing. ST_WRONG_STATE if it has none. */
enum status operation_join(struct operation *o, struct arena *a, struct compartment *c);
/* ST_WRONG_STATE if the VM has no seal. */
enum status operation_must_be_sealed(const struct operation *o);
/* Reads the VM's stored configuration. A seal binds that, and not the list of disks beside it in
 * the definition. */
enum status operation_read_config(struct operation *o);
/* Has the image of the VM's memory opened with the disks, from here on. kind: "memory" or
 * "memory-new" (struct disk in messages.def). */
void operation_with_memory(struct operation *o, const char *path, const char *kind);
/* Opens the VM's boot files and disks by descriptor: those that its configuration names. */
enum status operation_open_disks(struct operation *o);
/* The same for a VM that runs. device: the one disk that is to be unlocked, "" for none. */
enum status operation_look(struct operation *o, const char *device);
/* The descriptor of a boot file, "kernel" or "ramdisk"; it stays the operation's. -1 for none. */
int operation_boot_file(const struct operation *o, const char *device);
/* Opens the targets of d. A target that is one of disks gets the file that is open there. */
enum status operation_open_targets(struct operation *o, const struct descriptor *d,
                                   const struct open_disk *disks, size_t count);
/* Refuses a VM that is sealed with update="clean-stop": its writable disks were measured whole when
 * it last stopped, and by now it has written. */
enum status operation_must_be_judgeable(const struct operation *o, const char *remedy);
/* Has the targets measured and judged, and the secret of the present seal written into the pipe
 * secret. The present seal may be another one afterwards (im_unseal). */
enum status operation_unseal(struct operation *o, int secret);
/* The same, with the device worker's pipe: compartment-mgr only passes the pipe's end on. */
enum status operation_unseal_disks(struct operation *o);
/* The same into a new pipe, which is the caller's to read and to close: for a change of what only
 * the present seal opens. Opens the seal's targets. */
enum status operation_present_secret(struct operation *o, int *secret_out);
/* After svdm_prepare or svdm_edit: the new headers to the redo journal. *journal_out: its digest,
 * which the seal has to name: else they are not written. A journal of a seal that is lost goes
 * then; ST_DAMAGED instead if there is no table of seals at all. */
enum status operation_stage(struct operation *o, uint64_t generation, struct digest *journal_out);
/* The disks stay as they are, whatever was staged for them. */
enum status operation_drop_journal(struct operation *o);
/* After a commit that gave s: integrity-mgr knows what became of it, even if its answer was lost,
 * and the disks follow that. If the commit failed, its error stays the error. */
enum status operation_settle_after(struct operation *o, enum status s, uint64_t generation);
/* What svdm does then: unlocks and maps the disks (the image is not among devices_out); compares
 * what is mapped with what was opened; keeps it for the VM. */
enum status operation_unlock(struct operation *o, struct svdm_unlock_rep *devices_out);
enum status operation_check(struct operation *o);
enum status operation_keep(struct operation *o);
/* The digest of the stored configuration, which a seal binds. */
struct digest operation_config(const struct operation *o);
/* Asks svdm on the operation's connection. */
enum status operation_svdm(struct operation *o, struct call call, int deadline_ms);
/* Asks integrity-mgr which seal is the present one, and brings the disks' headers and the
 * definition to that generation. */
enum status operation_settle(struct operation *o);
/* The first half of that alone: o->sealed is what integrity-mgr has committed to. */
enum status operation_ask_sealed(struct operation *o);
/* Closes everything; the thread's error stays what it was. May be called again. */
void operation_end(struct operation *o);

/* For struct targets_from: has svdm open that path. svdm: points to an int, a connection to it. */
enum status operation_open_path(void *svdm, const char *path, struct arena *a,
                                struct open_disk *disk_out);

#endif
