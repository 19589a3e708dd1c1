/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices of a VM's definition, whatever their kind: one line a kind in the table of
 * vm_device_kinds.c, and what a kind needs in a file vm_device_NAME.c. The stories go through the
 * kind alone; which device a domain has at this moment the hypervisor knows. Boot files are no
 * devices.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_VM_DEVICE_H
#define BULKHEAD_COMPARTMENT_MGR_VM_DEVICE_H

#include "lib/message.h"

enum { VM_DEVICE_VALUES = 3, VM_DEVICE_NOUNS = 256 };

struct vm_device {
        const struct vm_device_kind *kind;
        const char *name;  /* as the definition has it: "xvda" */
        const char *where; /* what it is connected to: a path, a bridge */
        const void *part;  /* of the configuration: what its kind knows of it */
};

struct vm_device_kind {
        const char *name;   /* in the current state (descriptors/current-state.rng) */
        const char *noun;   /* in messages to people: "disk" */
        const char *naming; /* the same: how one is named */
        /* svdm opens it before anything is unsealed, then unlocks and maps it for the domain. */
        bool mapped;
        /* The nth of the configuration, counting from 0; false if there are not so many. kind is
         * set before. */
        bool (*get)(const struct vm_config *c, size_t n, struct vm_device *d_out);
        /* At most VM_DEVICE_VALUES more values of its node in the current state. */
        void (*tell)(const struct vm_device *d, struct node *node);
        /* Whether the host lets a VM of that owner have its devices of this kind, or only that one
         * if it is not NULL. Without this function it does. */
        enum status (*permit)(const struct vm_config *c, const struct vm_device *only,
                              const struct principal *owner, struct arena *a);
};
extern const struct vm_device_kind *const vm_device_kinds[]; /* up to a NULL */

/* One file each. */
extern const struct vm_device_kind vm_device_disk, vm_device_nic;

/* All devices of a configuration, kind by kind, in the arena. c outlives them. */
struct vm_device *vm_device_list(const struct vm_config *c, struct arena *a, size_t *count_out);
bool vm_device_find(const struct vm_config *c, const char *name, struct vm_device *d_out);
/* Of all kinds; the first refusal. */
enum status vm_device_permit_all(const struct vm_config *c, const struct principal *owner,
                                 struct arena *a);
/* For tell(); there is room. */
void vm_device_value(struct node *node, const char *name, const char *text);
/* "disk or interface", and how each is named: "a disk by its device (xvda), ..." */
const char *vm_device_nouns(char text[static VM_DEVICE_NOUNS]);
const char *vm_device_naming(char text[static VM_DEVICE_NOUNS]);

#endif
