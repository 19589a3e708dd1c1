/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hypervisor is to the domain worker: a table of calls. Each back-end has one, in a file of
 * its own (domain_sim.c, domain_xen.c). The calls are made in children of the worker: one at a time
 * in each child, but several children may run at once.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_DOMAIN_DOMAIN_H
#define BULKHEAD_COMPARTMENT_MGR_DOMAIN_DOMAIN_H

#include "lib/message.h"
#include "lib/sandbox.h"

struct domain_backend {
        const char *name;              /* of the option --hypervisor */
        const struct sandbox *sandbox; /* of each child; NULL where root is needed */
        /* Called once, in the warm parent. folder: for what the back-end keeps. */
        enum status (*open)(const char *folder);
        /* Builds the domain, paused, anew or from its saved memory. ST_EXISTS if there is a domain
         * with that UUID or name. The boot files stay the caller's. An error leaves nothing behind.
         */
        enum status (*create)(const struct domain_create_req *, struct arena *,
                              uint32_t *domid_out);
        /* Lets the domain run if it is still paused and is what was asked for: domid, UUID, name,
         * memory, CPUs, devices by number. ST_CHANGED with the difference if it is not,
         * ST_NOT_FOUND if it is gone. With `compare` it only compares. */
        enum status (*unpause)(const struct domain_unpause_req *, struct arena *);
        /* Asks the guest to shut down, and ends it after so many seconds. Returns when the domain
         * is gone and its devices are detached. ST_NOT_FOUND if there is none. */
        enum status (*stop)(const struct uuid *, unsigned seconds, struct arena *, bool *clean_out);
        /* The same at once, without asking. */
        enum status (*destroy)(const struct uuid *, struct arena *);
        /* See domain_save in messages.def. */
        enum status (*save)(const struct domain_save_req *, struct arena *);
        /* In memory. ST_WRONG_STATE if suspend() finds a domain that does not run, or resume() one
         * that is neither suspended nor saved. */
        enum status (*suspend)(const struct uuid *, struct arena *);
        enum status (*resume)(const struct uuid *, struct arena *);
        /* See domain_attach, domain_detach, domain_devices in messages.def. If attach() fails, the
         * domain does not have the device. */
        enum status (*attach)(const struct domain_attach_req *, struct arena *);
        enum status (*detach)(const struct uuid *, const char *device, struct arena *);
        enum status (*devices)(const struct uuid *, struct arena *,
                               struct device_state **devices_out, size_t *count_out);
        /* See domain_disks in messages.def. */
        enum status (*disks)(struct arena *, struct other_disk **disks_out, size_t *count_out);
        /* All domains but Dom0. */
        enum status (*list)(struct arena *, struct domain_state **domains_out, size_t *count_out);
        /* See domain_hypervisor in messages.def. */
        enum status (*facts)(struct arena *, struct value **facts_out, size_t *count_out);
        /* See domain_wait in messages.def; keeps what it needs in the child from call to call. */
        enum status (*wait)(struct arena *);
};

extern const struct domain_backend domain_sim, domain_xen;

#endif
