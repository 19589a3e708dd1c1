/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of VMs as the hypervisor has it at this moment: states that it says otherwise, domids,
 * memory, and the VMs that others started.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_LIVE_H
#define BULKHEAD_COMPARTMENT_MGR_LIVE_H

#include "lib/message.h"
#include "lib/server.h"

/* All domains but Dom0. */
enum status live_domains(struct arena *a, struct domain_list_rep *domains_out);
/* The domain of that UUID that is ours, or (ours false) that others started. NULL if there is none.
 */
const struct domain_state *live_find(const struct domain_list_rep *domains, const struct uuid *uuid,
                                     bool ours);
/* Whether the guest was saved for hibernation. If no operation is working on its VM, the
 * hibernation was cut short. d: NULL if the domain is gone. */
bool live_is_saved(const struct domain_state *d);
struct compartment;
/* The domain on record for this VM is there, but without our mark: xenstore has lost the mark. */
bool live_is_estranged(const struct domain_list_rep *domains, const struct compartment *c);

/* What a caller may see, foreign VMs for admins only; without roles: the VMs that it owns; NULL:
 * all. If the hypervisor does not answer, what should run is "unknown". */
enum status live_list(struct arena *a, const struct caller *c, struct vm_summary **vms_out,
                      size_t *count_out);
/* The same of one summary from the table. */
void live_join(struct arena *a, struct vm_summary *vm);

/* The disks and interfaces of a definition, and which of them its domain has. Without domain, or
 * while the hypervisor does not answer: none of them. */
void live_devices(struct arena *a, const struct vm_definition *vm,
                  struct device_state **devices_out, size_t *count_out);

/* For a VM that the table does not know, or that could not be built: ST_REFUSED if a foreign domain
 * has that name or UUID, else ST_DONE. */
enum status live_refuse_foreign(struct arena *a, const char *name, const struct uuid *uuid);

/* The owner as facts and predicates have it: a principal, or "foreign" of a VM of others. Returns
 * text. */
const char *live_owner(const struct vm_summary *vm, char text[static PRINCIPAL_TEXT_SIZE]);

/* A fact of the hypervisor by name, "" if it says no such. */
const char *live_fact(const struct domain_hypervisor_rep *h, const char *name);

#endif
