/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of VMs: definitions (durable, one state file each) and life cycle (in memory; at the
 * daemon's start the hypervisor tells it). One operation at a time works on a VM: it claims the
 * compartment, and only the operation that has claimed a compartment changes it. Another claim gets
 * ST_BUSY, with the name of the operation under way. May be used from many threads.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_COMPARTMENT_H
#define BULKHEAD_COMPARTMENT_MGR_COMPARTMENT_H

#include "lib/principal.h"

struct compartment;

/* Reads all definitions in dir. A damaged definition is reported and listed
 * (compartments_damaged()), and is no ST_DAMAGED here; whoever asks for its VM by UUID is told.
 * simulated: what summaries say. changed: called with each new state, outside of any lock. */
enum status compartments_open(int dir, bool simulated,
                              void (*changed)(const struct vm_definition *vm, enum vm_state state,
                                              const char *why));
/* The same in parts: where to read; and reading it. Again: reads what was damaged or in doubt. */
void compartments_set_up(int dir, bool simulated,
                         void (*changed)(const struct vm_definition *vm, enum vm_state state,
                                         const char *why));
enum status compartments_read(void);
/* No definition can be believed for now: all VMs are VM_UNKNOWN and without an owner, and each
 * claim and definition fails with this error, until compartments_read(). */
void compartments_doubt(const struct error *why);
/* Writes all state anew under the present key (lib/state_file.h). What fails with one VM does not
 * keep the others from it; the first failure is returned, ST_BUSY if a VM is claimed. Called again,
 * it signs what is left. */
enum status compartments_sign(void);
/* How many VMs are defined, and how many of them run. */
size_t compartments_count(size_t *running_out);
/* A counter: it grows whenever the state of a VM changes. */
uint64_t compartments_changes(void);
/* `released` is called, outside of any lock, whenever a VM is released. NULL: no call. */
void compartments_on_release(void (*released)(void));

/* Writes the definition to disk, then adds it to the table. ST_EXISTS for a name or UUID that is
 * taken. d is copied. */
enum status compartment_define(const struct vm_definition *d, struct arena *a,
                               struct vm_summary *summary_out);
/* The definition of a VM by name or UUID, in the arena. */
enum status compartment_find(const char *vm, struct arena *a, struct vm_definition *d_out,
                             struct vm_summary *summary_out);
/* All VMs, both lists in one order, in the arena. Always ST_DONE. */
enum status compartments_list(struct arena *a, struct vm_definition **definitions_out,
                              struct vm_summary **summaries_out, size_t *count_out);
/* What is to be told of definitions that cannot be read: each is VM_DAMAGED, and nobody's. Its name
 * is its UUID; last_refusal says which file it is, and why. */
void compartments_damaged(struct arena *a, struct vm_summary **summaries_out, size_t *count_out);
/* Whether a VM of that owner has a disk at that path. */
bool compartment_owns_path(const char *path, const struct principal *owner);
/* The identifier (lib/component.h) of the disk at that path; of one that several VMs have, that of
 * all VMs. NULL: no VM has it. */
const char *compartment_disk_at(const char *path, struct arena *a);
/* Whether there is a VM of that name or UUID, of that owner. */
bool compartment_owned_by(const char *vm, const struct principal *owner);

/* Claims a VM, by name or UUID, for one operation, which is work that is listed (work.h).
 * operation: its name, a literal; the rest is copied. asker: the principal that asked for it,
 * principal_self if nobody did; others wait for what principal_self does, up to 20 s. ST_NOT_FOUND,
 * ST_BUSY if another operation has claimed it, or ST_DAMAGED. */
enum status compartment_claim(const char *vm, const char *operation, const struct principal *asker,
                              struct compartment **c_out);
void compartment_release(struct compartment *c); /* NULL is fine */

/* --- for the operation that has claimed it --- */

const struct principal *compartment_asker(const struct compartment *c);
/* Of the operation, as of work in general: work_allow(), work_commit(), work_committed(). */
enum status compartment_allow_cancel(struct compartment *c);
enum status compartment_commit(struct compartment *c);
void compartment_committed(struct compartment *c);
const struct vm_definition *compartment_definition(const struct compartment *c);
enum vm_state compartment_state(const struct compartment *c);
/* ST_WRONG_STATE with the remedy unless the VM is in that state. */
enum status compartment_must_be(const struct compartment *c, enum vm_state state,
                                const char *remedy);
void compartment_set_state(struct compartment *c, enum vm_state state, const char *why);
enum status compartment_set_autostart(struct compartment *c, bool on); /* durable */
/* The generation of the present seal, as integrity-mgr told it; durable. */
enum status compartment_set_generation(struct compartment *c, uint64_t generation);

/* Keeps the domid of the domain that runs this VM, or 0 for none. It is durable, so that a daemon
 * that was restarted, and finds the domain paused, knows that the domain ran before. */
enum status compartment_set_domain(struct compartment *c, uint32_t domid);
/* 0 if none was kept in this boot of the host. */
uint32_t compartment_domain(const struct compartment *c);

/* The path of its memory image, durable; "" for none: then the VM starts afresh. A VM at rest that
 * has an image is VM_HIBERNATING, and otherwise VM_STOPPED. */
enum status compartment_set_memory(struct compartment *c, const char *path);
const char *compartment_memory(const struct compartment *c);
/* The state in which the VM is at rest: VM_STOPPED or VM_HIBERNATING. */
enum vm_state compartment_at_rest(const struct compartment *c);

/* Against guests that reboot over and over: remembers when this run began, and whether a restart
 * began it; and tells whether such a run is shorter than 20 s. */
void compartment_began(struct compartment *c, bool restarted, int64_t now_ms);
bool compartment_restarts_too_fast(const struct compartment *c, int64_t now_ms);
/* Keeps the thread's error as the VM's last refusal (without what was expected); ST_DONE clears it,
 * and ST_CANCELLED leaves it. Returns s. */
enum status compartment_set_refusal(struct compartment *c, enum status s);
void compartment_summary(const struct compartment *c, struct arena *a,
                         struct vm_summary *summary_out);
/* What became of the last seal, as long as this daemon runs: the disks that its --format has
 * written to though nothing is sealed ("" for none; cut after 255 bytes), and whether nobody can
 * say yet if it was committed to. */
void compartment_set_overwritten(struct compartment *c, const char *disks);
const char *compartment_overwritten(const struct compartment *c);
void compartment_set_undecided(struct compartment *c, bool undecided);
/* Files and devices (disk_guard_identity()) that a --format has filled for no seal: what is on them
 * is Bulkhead's own, until the VM is sealed (compartment_forget_filled()) or this daemon ends. What
 * does not fit is not remembered. */
void compartment_add_filled(struct compartment *c, const char *identity);
bool compartment_has_filled(const struct compartment *c, const char *identity);
void compartment_forget_filled(struct compartment *c);
/* What was overwritten and whether a seal is undecided, of any VM. A VM that is sealed has nothing
 * overwritten, nor has one that is not known. *overwritten_out lies in the arena. */
void compartment_find_fate(const char *vm, struct arena *a, const char **overwritten_out,
                           bool *undecided_out);
/* Writes the definition to disk in the place of the present one, which has the same UUID. ST_EXISTS
 * if another VM has the name. What compartment_definition() pointed to is gone afterwards. */
enum status compartment_replace(struct compartment *c, const struct vm_definition *d);
/* Keeps the definition that the VM is to have once d->generation is that of its present seal;
 * durable. Its name is taken from then on. */
enum status compartment_stage(struct compartment *c, const struct vm_definition *d);
/* The present seal, as integrity-mgr told it; its generation is kept. The definition that was
 * staged takes the place of the present one if it is that which the seal is for, by generation,
 * digest of the configuration and owner; any other is dropped. While the seal's record cannot be
 * read, one of its generation stays staged. What compartment_definition() pointed to may be gone
 * afterwards. */
enum status compartment_settle(struct compartment *c, const struct im_sealed_rep *present);
/* The disks of the definition that the VM has after compartment_settle(). */
const struct disk_list *compartment_disks(const struct compartment *c,
                                          const struct im_sealed_rep *present);
/* Removes the VM, durably. Releases the claim, also on failure. */
enum status compartment_undefine(struct compartment *c);

#endif
