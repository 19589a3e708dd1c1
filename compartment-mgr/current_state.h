/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor and all VMs of the current state (descriptors/current-state.rng), as the plug-ins
 * hypervisor and vms tell them: the same facts, and the same writer of nodes (plugins/facts/).
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_CURRENT_STATE_H
#define BULKHEAD_COMPARTMENT_MGR_CURRENT_STATE_H

#include "lib/message.h"

/* Both lie in the arena. */
enum status current_state(struct arena *a, struct measurement *hypervisor_out,
                          struct measurement *vms_out);

#endif
