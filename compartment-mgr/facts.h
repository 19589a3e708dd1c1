/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts about this host and its VMs that plug-ins measure (docs/plugins.md): vm:NAME,
 * hypervisor:KIND, vms:all, vms:own. Gathered from the table of VMs, the hypervisor and svdm; what
 * they look like is for the plug-in to say.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_FACTS_H
#define BULKHEAD_COMPARTMENT_MGR_FACTS_H

#include "lib/message.h"
#include "lib/server.h"

/* The VM of an operation: its facts are of what that operation has open. */
struct facts_vm {
        const struct vm_definition *vm;
        const struct open_disk *boot; /* its boot files, in the order of the configuration */
        const struct disk *named;     /* the same, as the configuration names them */
        size_t boot_count;
};

/* For whom facts are gathered: an operation on a VM (own), or a caller's attestation (asker). */
struct facts_scope {
        const struct facts_vm *own;
        const struct caller *asker;
};

/* kind: of the hypervisor, "xen" or "sim". */
void facts_setup(const char *kind);
const char *facts_kind(void);
/* What the hypervisor says of itself. */
enum status facts_hypervisor(struct arena *a, struct domain_hypervisor_rep *facts_out);
/* The facts themselves, as canonical JSON; the caller's to put. */
struct json_object;
struct json_object *facts_hypervisor_json(const struct domain_hypervisor_rep *h);
enum status facts_all_vms_json(struct arena *a, const struct domain_hypervisor_rep *h,
                               struct json_object **json_out);

/* The facts of that target as canonical JSON in a sealed memory file, which becomes the caller's:
 * in disk_out->file, everything else of *disk_out being set before. Of a VM uuid becomes its own;
 * in an operation ST_DENIED for another VM than its own. */
typedef enum status facts_gatherer(const struct facts_scope *scope, const struct target *target,
                                   struct arena *a, struct open_disk *disk_out);
facts_gatherer facts_of_vm, facts_of_hypervisor, facts_of_vms;

#endif
