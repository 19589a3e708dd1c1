/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a domain is what was asked for. */
#ifndef BULKHEAD_COMPARTMENT_MGR_DOMAIN_DOMAIN_XEN_CHECK_H
#define BULKHEAD_COMPARTMENT_MGR_DOMAIN_DOMAIN_XEN_CHECK_H

#include "compartment-mgr/domain/domain_xen_libxl.h"

/* Compares a paused domain with what it was built from: it never ran; name, memory, CPUs, command
 * line; its devices, by number, and no others. ST_CHANGED with the first difference. Believes
 * nothing that a guest can write. */
enum status xen_check(struct arena *a, const struct xen_domain *d,
                      const struct domain_unpause_req *q);
/* The same of one device of a domain that runs. */
enum status xen_check_disk(struct arena *a, const struct xen_domain *d,
                           const struct block_device *device);
enum status xen_check_nic(struct arena *a, const struct xen_domain *d, const struct nic *nic);
/* The disks and interfaces that a domain has. */
enum status xen_check_devices(struct arena *a, const struct xen_domain *d,
                              struct device_state **devices_out, size_t *count_out);
/* Names the devices whose end in Dom0 is still there, in the store or in the kernel; NULL: none. */
enum status xen_devices_left(struct arena *a, uint32_t domid, const char **left_out);
/* Removes from the store what the hot-plug scripts of a domain that is gone wrote too late. */
enum status xen_devices_sweep(uint32_t domid);

#endif
