/* SPDX-License-Identifier: Apache-2.0 */
/* Devices of a domain that runs: attach, detach and devices of the back-end's table (domain.h). */
#ifndef BULKHEAD_COMPARTMENT_MGR_DOMAIN_DOMAIN_XEN_ATTACH_H
#define BULKHEAD_COMPARTMENT_MGR_DOMAIN_DOMAIN_XEN_ATTACH_H

#include "lib/message.h"

enum status xen_attach(const struct domain_attach_req *q, struct arena *a);
enum status xen_detach(const struct uuid *uuid, const char *device, struct arena *a);
enum status xen_devices(const struct uuid *uuid, struct arena *a, struct device_state **devices_out,
                        size_t *count_out);

#endif
