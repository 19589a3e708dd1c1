/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's policy of networks: which VMs may be joined to which bridge. A VM is joined to those
 * bridges that its definition names and this file permits; a bridge that is not permitted keeps the
 * VM from starting. The stories of start and attach come here; bulkhead-networks(5) is the format.
 *
 *   # BRIDGE   which VMs: *, owner:PRINCIPAL or vm:NAME ...
 *   xenbr0     *
 *   dmz0       owner:uid:1000 vm:web01
 *
 * A bridge that has no line is permitted to nobody, and so is every bridge without the file.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_NETWORKS_H
#define BULKHEAD_COMPARTMENT_MGR_NETWORKS_H

#include "lib/principal.h"

enum { NETWORKS_MOST = 256 << 10 /* bytes of the file */ };

/* Once. real: the hypervisor joins VMs to bridges, so there has to be one of that name. */
void networks_open(bool real);

/* Reads config.etc/networks anew, so that a change counts from the next start on. The error of
 * ST_DENIED names the interface and the line that would permit it; of ST_NOT_FOUND, a bridge that
 * is missing; of ST_INVALID, a line with a mistake, whichever VM asks. */
enum status networks_permit(const struct vm_config *c, const struct principal *owner,
                            struct arena *a);

/* The same for one interface, over the file's bytes. path: what errors call the file. */
enum status networks_judge(const char *path, struct bytes text, const struct nic *nic,
                           const char *vm, const struct principal *owner);

#endif
