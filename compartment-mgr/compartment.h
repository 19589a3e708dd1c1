/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of VMs: definitions (durable, one state file each) and life cycle (in memory, made
 * again from the hypervisor at a start). One operation at a time on one VM: whoever has claimed a
 * compartment alone may change it, others are told ST_BUSY with the operation under way.
 * May be used from many threads.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_COMPARTMENT_H
#define BULKHEAD_COMPARTMENT_MGR_COMPARTMENT_H

#include "lib/principal.h"

struct compartment;

/* Reads all definitions in dir. A damaged definition is logged and left out, without ST_DAMAGED.
 * simulated: what summaries say. changed: called with each new state, outside of any lock. */
enum status compartments_open(int dir, bool simulated,
                              void (*changed)(const struct vm_definition *vm, enum vm_state state,
                                              const char *why));
size_t compartments_count(size_t *running_out);
/* A counter: it grows whenever the state of a VM changes. */
uint64_t compartments_changes(void);
/* `released` is called, outside of any lock, whenever a VM is released. NULL: no call. */
void compartments_on_release(void (*released)(void));

/* Makes it durable, then known. ST_EXISTS for a name or UUID that is taken. d is copied. */
enum status compartment_define(const struct vm_definition *d, struct arena *a,
                               struct vm_summary *summary_out);
/* The definition of a VM by name or UUID, in the arena. */
enum status compartment_find(const char *vm, struct arena *a, struct vm_definition *d_out,
                             struct vm_summary *summary_out);
enum status compartments_list(struct arena *a, struct vm_definition **definitions_out,
                              struct vm_summary **summaries_out, size_t *count_out);
/* Whether a VM of that owner has a disk at that path. */
bool compartment_owns_path(const char *path, const struct principal *owner);
/* Whether there is a VM of that name or UUID, of that owner. */
bool compartment_owned_by(const char *vm, const struct principal *owner);

/* For an operation, named so that others can be told, and for whom: asker, principal_self where
 * nobody asked, stays as it is until compartment_release() ends it. */
enum status compartment_claim(const char *vm, const char *operation, const struct principal *asker,
                              struct compartment **c_out);
void compartment_release(struct compartment *c); /* NULL is fine */

/* --- for the one who has claimed it --- */

const struct principal *compartment_asker(const struct compartment *c);
const struct vm_definition *compartment_definition(const struct compartment *c);
enum vm_state compartment_state(const struct compartment *c);
/* ST_WRONG_STATE with the remedy unless it is in that state. */
enum status compartment_must_be(const struct compartment *c, enum vm_state state,
                                const char *remedy);
void compartment_set_state(struct compartment *c, enum vm_state state, const char *why);
enum status compartment_set_autostart(struct compartment *c, bool on); /* durable */
/* Keeps what integrity-mgr told, durably. */
enum status compartment_set_generation(struct compartment *c, uint64_t generation);

/* Which domain runs this VM, durably: whoever finds it paused after a restart of the daemon knows
 * that it ran before. 0: none. */
enum status compartment_set_domain(struct compartment *c, uint32_t domid);
/* 0 if none was kept in this boot of the host. */
uint32_t compartment_domain(const struct compartment *c);

/* Where the image of its memory is, durably; "": nowhere, it starts afresh. Of one that has an
 * image the state is VM_HIBERNATING where else it would be VM_STOPPED. */
enum status compartment_set_memory(struct compartment *c, const char *path);
const char *compartment_memory(const struct compartment *c);
/* VM_STOPPED, or VM_HIBERNATING. */
enum vm_state compartment_at_rest(const struct compartment *c);

/* A guest that reboots over and over: whether this run began by a restart, and how long it is. */
void compartment_began(struct compartment *c, bool restarted, int64_t now_ms);
bool compartment_restarts_too_fast(const struct compartment *c, int64_t now_ms);
/* Keeps the thread's error as the VM's last refusal (without what was expected); ST_DONE clears it.
 * Returns s. */
enum status compartment_set_refusal(struct compartment *c, enum status s);
void compartment_summary(const struct compartment *c, struct arena *a,
                         struct vm_summary *summary_out);
/* Forgets it, durably, and releases the claim whatever comes. */
enum status compartment_undefine(struct compartment *c);

#endif
