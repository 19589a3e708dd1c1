/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hypervisor is to the domain worker: one table of calls a back-end, one file each
 * (domain_sim.c, domain_xen.c). Called in a child of the worker, one call at a time there, but
 * several children may run at once.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_DOMAIN_DOMAIN_H
#define BULKHEAD_COMPARTMENT_MGR_DOMAIN_DOMAIN_H

#include "lib/message.h"
#include "lib/sandbox.h"

struct domain_backend {
        const char *name;              /* of the option --hypervisor */
        const struct sandbox *sandbox; /* of each child; NULL where root is needed */
        /* folder: where the back-end may keep what it needs. In the warm parent, once. */
        enum status (*open)(const char *folder);
        /* Builds the domain paused, or from memory as it was saved. ST_EXISTS if there is one with
         * that UUID or name. The boot files stay the caller's. On error nothing is left behind. */
        enum status (*create)(const struct domain_create_req *, struct arena *,
                              uint32_t *domid_out);
        /* Lets it run if it is still that domain, paused, and is what was asked for: UUID, name,
         * memory, CPUs, devices by number. ST_CHANGED with the difference if it is not,
         * ST_NOT_FOUND if it is gone. compare: says only that. */
        enum status (*unpause)(const struct domain_unpause_req *, struct arena *);
        /* Asks the guest to shut down, and after so many seconds ends it; returns when it is gone,
         * its devices detached. ST_NOT_FOUND if there is none. */
        enum status (*stop)(const struct uuid *, unsigned seconds, struct arena *, bool *clean_out);
        enum status (*destroy)(const struct uuid *, struct arena *);
        /* See domain_save in messages.def. */
        enum status (*save)(const struct domain_save_req *, struct arena *);
        /* In memory. ST_WRONG_STATE if it does not run, or is not suspended; resume: nor saved. */
        enum status (*suspend)(const struct uuid *, struct arena *);
        enum status (*resume)(const struct uuid *, struct arena *);
        /* See domain_attach, domain_detach, domain_devices in messages.def. On an error of attach
         * the domain does not have it. */
        enum status (*attach)(const struct domain_attach_req *, struct arena *);
        enum status (*detach)(const struct uuid *, const char *device, struct arena *);
        enum status (*devices)(const struct uuid *, struct arena *,
                               struct device_state **devices_out, size_t *count_out);
        /* All domains but Dom0. */
        enum status (*list)(struct arena *, struct domain_state **domains_out, size_t *count_out);
        /* See domain_hypervisor in messages.def. */
        enum status (*facts)(struct arena *, struct value **facts_out, size_t *count_out);
        /* See domain_wait in messages.def; keeps what it needs in the child from call to call. */
        enum status (*wait)(struct arena *);
};

extern const struct domain_backend domain_sim, domain_xen;

#endif
