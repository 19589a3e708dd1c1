/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hypervisor is to the domain worker: one table of calls a back-end, one file each
 * (domain_sim.c; domain_xen.c comes with Xen). Called in a child of the worker, one call at a time
 * there, but several children may run at once.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_DOMAIN_H
#define BULKHEAD_COMPARTMENT_MGR_DOMAIN_H

#include "lib/message.h"
#include "lib/sandbox.h"

struct domain_backend {
        const char *name;              /* of the option --hypervisor */
        const char *shown;             /* what people are told that it is */
        const struct sandbox *sandbox; /* of each child; NULL where root is needed */
        /* folder: where the back-end may keep what it needs. In the warm parent, once. */
        enum status (*open)(const char *folder);
        /* Builds the domain paused. ST_EXISTS if there is one with that UUID. */
        enum status (*create)(const struct domain_create_req *, struct arena *,
                              uint32_t *domid_out);
        /* Lets it run if it is still paused and is what json says; ST_CHANGED if it is not. */
        enum status (*unpause)(const struct uuid *, struct bytes json, struct arena *);
        /* Shuts it down; returns when it is gone. ST_NOT_FOUND if there is none. */
        enum status (*stop)(const struct uuid *, struct arena *);
        enum status (*destroy)(const struct uuid *, struct arena *);
        /* state: "paused" or "running". */
        enum status (*list)(struct arena *, struct vm_summary **domains_out, size_t *count_out);
};

extern const struct domain_backend domain_sim;

#endif
