/* SPDX-License-Identifier: Apache-2.0 */
/* What the stories of a seal and of a replaced definition share. */
#ifndef BULKHEAD_COMPARTMENT_MGR_SEAL_H
#define BULKHEAD_COMPARTMENT_MGR_SEAL_H

#include "compartment-mgr/operation.h"

/* authority: a pipe with what opens the disks, or -1. next: the definition that the VM is to have
 * with this seal, which is o->vm then; or NULL. */
struct sealing {
        const struct descriptor *descriptor;
        bool format;
        bool forget_key; /* also where the present seal has the key of a disk that o->vm has not */
        enum authority_kind authority_kind;
        int authority;
        enum passphrase_form form; /* of a passphrase */
        const struct vm_definition *next;
};

/* With the disks of o->vm open: makes their new headers, seals what is there, and writes them. A
 * crash leaves the old seal, headers and definition, or the new ones. */
enum status seal_disks(struct operation *o, const struct sealing *how);

#endif
