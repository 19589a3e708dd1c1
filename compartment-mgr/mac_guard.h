/* SPDX-License-Identifier: Apache-2.0 */
/* No two VMs of a host have one MAC address: a bridge would send frames to whichever spoke last. */
#ifndef BULKHEAD_COMPARTMENT_MGR_MAC_GUARD_H
#define BULKHEAD_COMPARTMENT_MGR_MAC_GUARD_H

#include "lib/message.h"

/* The addresses of a definition that is to be stored: other requests find them taken. */
struct mac_claim {
        struct mac_claim *next;
        const struct vm_definition *definition;
        struct nic_list nics;
};

/* Before a definition is stored. ST_EXISTS if an interface of it has the address of another VM's,
 * one that is stored or one that claimed it before; it names both. A stored definition that cannot
 * be read counts as one without interfaces. d and the arena stay until mac_guard_drop(), which is
 * called after the definition was stored, or is not to be; after an error there is nothing to
 * drop. */
enum status mac_guard_claim(struct mac_claim *c, const struct vm_definition *d, struct arena *a);
void mac_guard_drop(struct mac_claim *c);

#endif
