/* SPDX-License-Identifier: Apache-2.0 */
/* MAC addresses: one that two VMs have is found. */
#ifndef BULKHEAD_TOOLS_MAC_CHECK_H
#define BULKHEAD_TOOLS_MAC_CHECK_H

#include "tools/known_vms.h"

/* Adds a finding for each interface of the file whose address another VM has. */
void mac_check_file(const struct known_vms *k, struct config_check_rep *p, struct arena *a);

#endif
