/* SPDX-License-Identifier: Apache-2.0 */
/* The warm parents that compartment-mgr starts before it drops its rights (main.c). */
#ifndef BULKHEAD_COMPARTMENT_MGR_WORKERS_H
#define BULKHEAD_COMPARTMENT_MGR_WORKERS_H

#include "lib/worker.h"

enum {
        XML_DEADLINE = 20 * 1000,     /* ms for one descriptor */
        CONFIG_DEADLINE = 20 * 1000,  /* ms for one xl.cfg */
        DOMAIN_DEADLINE = 300 * 1000, /* ms for one request to the hypervisor */
        LIST_DEADLINE = 30 * 1000     /* for what it has, which somebody waits for */
};

extern struct workers {
        struct worker *xml, *config, *domain;
} workers;

#endif
