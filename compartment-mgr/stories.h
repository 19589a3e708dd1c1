/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stories of compartment-mgr, one file each: start.c, stop.c, suspend.c, hibernate.c, attach.c,
 * seal.c, passphrase.c, undefine.c, attest.c, follow.c, recover.c, autostart.c, state.c. In each
 * the order of the steps is the security argument, and a failure undoes what was done before. All
 * take a compartment that the caller has claimed.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_STORIES_H
#define BULKHEAD_COMPARTMENT_MGR_STORIES_H

#include "compartment-mgr/compartment.h"
#include "lib/server.h"

/* Check and open disks, measure, judge, unseal, unlock, check interfaces, build paused, compare,
 * run. Afterwards running, or stopped with nothing left behind. */
enum status start_vm(struct arena *a, struct compartment *c);

enum { STOP_SECONDS = 60 };
/* Shuts the domain down, by force after so many seconds, and gives its devices back. If the guest
 * shut itself down (clean_out), re-seals what it changed if its descriptor says
 * update="clean-stop". */
enum status stop_vm(struct arena *a, struct compartment *c, uint32_t seconds, bool *clean_out);
/* Ends the domain at once and gives up the image of its memory; never re-seals. */
enum status stop_at_once(struct arena *a, struct compartment *c);
/* Clears away a domain that ended by itself, or is gone; as a stop if that was a clean one. */
enum status stop_ended(struct arena *a, struct compartment *c, const char *why, bool *clean_out);
/* Ends the domain of a VM whose memory is on disk. */
enum status stop_saved(struct arena *a, struct compartment *c);
/* For a VM that is undefined: clears up what an operation that was cut short has left with svdm. */
void stop_forget(struct arena *a, const struct compartment *c);
/* Whether a domain's end was the guest's own doing. d: NULL if it is gone. */
bool stop_was_clean(const struct domain_state *d);

/* Does what the VM's configuration says about the end of its domain (on_poweroff, on_reboot,
 * on_crash), if it has ended: d, NULL if it is gone. "restart" is a whole start. */
enum status follow_end(struct arena *a, struct compartment *c, const struct domain_state *d);
/* Whether follow_end() would do something about it. */
bool follow_must(enum vm_state state, const struct domain_state *d);

/* Give a VM that runs a device of its definition, after the checks of a start; and take one away,
 * its key with it. If the first fails, the VM does not have the device; if the guest does not let
 * go of a disk, the VM keeps it. */
enum status attach_device(struct arena *a, struct compartment *c, const char *device);
enum status attach_detach(struct arena *a, struct compartment *c, const char *device);

/* Suspend a VM in memory, and let it run on. */
enum status suspend_vm(struct arena *a, struct compartment *c);
enum status suspend_resume(struct arena *a, struct compartment *c);

/* Writes the VM's memory to an encrypted image and ends its domain. If that fails, the VM runs on.
 * start_vm() wakes it: the image is a disk that has to open with the VM's secret, and it is
 * forgotten before the guest runs on. */
enum status hibernate_vm(struct arena *a, struct compartment *c);
/* Lets a guest that was saved, or nearly, run on in its domain, after its image was revoked.
 * ST_WRONG_STATE if it runs already. */
enum status hibernate_run_on(struct arena *a, struct compartment *c);

/* Seals the VM's disks to what the disks, the host and the configuration are now. *warning_out:
 * what the owner should know, in the arena, or "". */
enum status seal_vm(struct arena *a, struct compartment *c, const struct vm_seal_req *q,
                    const char **warning_out);

/* What the key slots of the VM's encrypted disks are; and a change of them that leaves the VM
 * startable: all disks have it afterwards, or none. */
enum status passphrase_list(struct arena *a, struct compartment *c, struct disk_slots_list *out);
enum status passphrase_change(struct arena *a, struct compartment *c,
                              const struct vm_passphrase_req *q, struct vm_passphrase_rep *p);

/* Removes what the seal made of the disks' headers, then the seal. Refused, unless forget_key, if
 * that could take the only key of a disk. */
enum status undefine_forget(struct arena *a, struct compartment *c, bool forget_key,
                            struct vm_undefine_rep *p);

/* The VM whose definition is to be replaced: the one that is named, or else the one that the new
 * definition names by UUID, or else by name. */
enum status replace_which(struct arena *a, const struct vm_replace_req *q, const char **vm_out);
/* Gives a stopped VM a new definition, and seals it again if it is sealed: both or neither. */
enum status replace_vm(struct arena *a, struct compartment *c, const struct vm_replace_req *q);

/* Attests what the descriptor asks for, if the caller may see it. */
enum status attest_request(struct request *r, const struct attest_req *q, struct attest_rep *p);

/* At the daemon's start: takes over the domains that run, ends those that were left half-built,
 * settles the seals that a crash interrupted. What cannot be reached is logged and tried again
 * before each operation. Then the event threads begin, and autostart if the host has just started.
 * state: the state folder, for autostart_run(). */
void recover_host(int state);

/* getCurrentState() of OpenTC D05.4, 3.3: what runs here, and how far it can be believed. */
struct facts {
        struct fact *items;
        size_t count, room;
};
void state_facts(struct arena *a, struct facts *facts_out);
/* Once. own_users: the daemons have users of their own. hypervisor: "xen" or "sim". */
void state_setup(bool own_users, const char *hypervisor);

#endif
