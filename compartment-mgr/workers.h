/* SPDX-License-Identifier: Apache-2.0 */
/* The warm parents of compartment-mgr, started before it drops its rights. */
#ifndef BULKHEAD_COMPARTMENT_MGR_WORKERS_H
#define BULKHEAD_COMPARTMENT_MGR_WORKERS_H

#include "lib/worker.h"

enum {
        XML_DEADLINE = 20 * 1000,     /* ms for one descriptor */
        CONFIG_DEADLINE = 20 * 1000,  /* ms for one xl.cfg */
        DOMAIN_DEADLINE = 300 * 1000, /* ms for one request to the hypervisor */
        LIST_DEADLINE = 30 * 1000     /* ms for a list of domains, for which somebody waits */
};

extern struct workers {
        struct worker *xml, *config, *domain;
} workers;
enum { WORKERS = sizeof workers / sizeof(struct worker *) };

/* Ends the process if a worker does not start. hypervisor: "xen" or "sim"; sim: the simulation's
 * folder. */
void workers_start(const char *hypervisor, const char *sim);
/* Descriptors that hang up when a warm parent dies: for server_run()'s also_watch. */
void workers_hangups(int fds_out[static WORKERS]);
void workers_stop(void);

#endif
