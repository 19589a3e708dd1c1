/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts about this host and its VMs that plug-ins measure (docs/plugins.md): vm:NAME,
 * hypervisor:KIND, vms:all, vms:own. They are gathered from the table of VMs, the hypervisor and
 * svdm; the plug-in says what they mean.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_FACTS_H
#define BULKHEAD_COMPARTMENT_MGR_FACTS_H

#include "lib/message.h"
#include "lib/server.h"

/* The VM of an operation, whose facts are about the files that the operation has open. */
struct facts_vm {
        const struct vm_definition *vm;
        const struct boot_file_list *named; /* its boot files, as its configuration names them */
        const struct open_disk *boot;       /* the same, opened, in the same order */
};

/* What facts are gathered for: an operation on a VM (own), or a caller's attestation (asker). */
struct facts_scope {
        const struct facts_vm *own;
        const struct caller *asker;
};

/* Once. kind: of the hypervisor, "xen" or "sim". */
void facts_setup(const char *kind);
const char *facts_kind(void);
/* What the hypervisor says of itself. */
enum status facts_hypervisor(struct arena *a, struct domain_hypervisor_rep *facts_out);
struct json_object;
/* The facts themselves, for canonical JSON. The caller calls json_object_put(). */
struct json_object *facts_hypervisor_json(const struct domain_hypervisor_rep *h);
enum status facts_all_vms_json(struct arena *a, const struct domain_hypervisor_rep *h,
                               struct json_object **json_out);

/* Writes the facts of that target, as canonical JSON, into a sealed memory file: open_out->file,
 * which becomes the caller's. The caller has set everything else of *open_out. For a VM, the
 * component becomes the VM; an operation gets ST_DENIED for another VM than its own. */
typedef enum status facts_gatherer(const struct facts_scope *scope, const struct target *target,
                                   struct arena *a, struct open_target *open_out);
facts_gatherer facts_of_vm, facts_of_hypervisor, facts_of_vms;

#endif
