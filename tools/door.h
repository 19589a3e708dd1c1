/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the daemons: the socket of compartment-mgr, and nothing else. */
#ifndef BULKHEAD_TOOLS_DOOR_H
#define BULKHEAD_TOOLS_DOOR_H

#include "lib/message.h"

/* Asks once, as client_call() in lib/client.h; waits as long as it takes (a whole disk may be
 * measured), until whoever typed has enough. Unreachable comes with its remedy. */
enum status door_call(struct call call, struct arena *a);

#endif
