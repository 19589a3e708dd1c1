/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the daemons: the socket of compartment-mgr, and nothing else. */
#ifndef BULKHEAD_TOOLS_DOOR_H
#define BULKHEAD_TOOLS_DOOR_H

#include "lib/message.h"

/* One request, as client_call() of lib/client.h. Waits without a deadline, since a whole disk may
 * be measured; a person can interrupt. ST_UNREACHABLE has a remedy. */
enum status door_call(struct call call, struct arena *a);

#endif
