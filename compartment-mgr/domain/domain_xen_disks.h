/* SPDX-License-Identifier: Apache-2.0 */
/* The disks that Dom0 serves to domains, whoever started them. */
#ifndef BULKHEAD_COMPARTMENT_MGR_DOMAIN_DOMAIN_XEN_DISKS_H
#define BULKHEAD_COMPARTMENT_MGR_DOMAIN_DOMAIN_XEN_DISKS_H

#include "lib/message.h"

/* As xenstore has them below Dom0's back-ends. A disk that a driver domain serves is none of this
 * host's, and is not told. */
enum status xen_disks(struct arena *a, struct other_disk **disks_out, size_t *count_out);

#endif
