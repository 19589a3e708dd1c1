/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libxl as the parts of the back-end for Xen share it: its messages, and one context in each
 * process, which is allocated when it is first used: never in a warm parent, whose children would
 * share its connections.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_DOMAIN_DOMAIN_XEN_LIBXL_H
#define BULKHEAD_COMPARTMENT_MGR_DOMAIN_DOMAIN_XEN_LIBXL_H

#include "compartment-mgr/domain/domain_xen_store.h"

#include <libxl.h>

/* Gives the context. ST_UNREACHABLE if this is no Dom0. Forgets what libxl has said so far. */
enum status xen_open(libxl_ctx **ctx_out);
/* Makes libxl's error our own, with what libxl said about it. */
enum status xen_failed(int error, const char *subject);

/* A domain that is there. */
struct xen_domain {
        libxl_dominfo info;
        struct mark mark;
        bool ours;        /* by its mark */
        const char *name; /* "domain-ID" if the store has no name */
};
/* All but Dom0. */
enum status xen_domains(struct arena *a, struct xen_domain **domains_out, size_t *count_out);
/* The domain of a VM. ST_NOT_FOUND; ST_WRONG_STATE if this back-end did not build it. */
enum status xen_domain_ours(struct arena *a, const struct uuid *uuid, struct xen_domain *out);
/* Asks the hypervisor again about a domain. ST_NOT_FOUND if it is gone. */
enum status xen_domain_again(struct xen_domain *d);

#endif
