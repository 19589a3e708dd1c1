/* SPDX-License-Identifier: Apache-2.0 */
/* No two VMs of a host have one MAC address: a bridge would send frames to whichever spoke last. */
#ifndef BULKHEAD_COMPARTMENT_MGR_MAC_GUARD_H
#define BULKHEAD_COMPARTMENT_MGR_MAC_GUARD_H

#include "lib/message.h"

/* Of a definition that is to be stored. ST_EXISTS if an interface of it has the address of another
 * VM's; it names both. A definition that cannot be read counts as one without interfaces. */
enum status mac_guard_check(const struct vm_definition *d, struct arena *a);

#endif
