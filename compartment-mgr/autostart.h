/* SPDX-License-Identifier: Apache-2.0 */
/* VMs that are started when the host has started (bulkhead vm autostart). */
#ifndef BULKHEAD_COMPARTMENT_MGR_AUTOSTART_H
#define BULKHEAD_COMPARTMENT_MGR_AUTOSTART_H

/* Once a boot of the host, however often this daemon is started: waits until the two other daemons
 * answer and the host's state is approved, then starts the marked VMs, one after the other in the
 * order of their names. A start that fails is the last refusal of its VM. state: the folder of the
 * file "autostart". Returns when done; for a thread of its own. */
void autostart_run(int state);
/* What autostart waits for, "" if it does not wait. For status. */
const char *autostart_waits_for(void);

#endif
