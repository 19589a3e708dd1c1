/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hypervisor tells without being asked: domains that ended or went away. One thread waits
 * for the hypervisor. One looks at all VMs, and has each that needs it followed (stories.h) in a
 * thread of its own. One has VMs that could not be followed looked at again.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_EVENTS_H
#define BULKHEAD_COMPARTMENT_MGR_EVENTS_H

#include <stdbool.h>

void events_start(void);
/* Before the workers are stopped: waits for what is being followed, and begins nothing more. */
void events_stop(void);
/* Whether the hypervisor is out of reach at present. */
bool events_lost(void);

#endif
