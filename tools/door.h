/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the daemons: the socket of compartment-mgr, and nothing else. */
#ifndef BULKHEAD_TOOLS_DOOR_H
#define BULKHEAD_TOOLS_DOOR_H

#include "lib/message.h"

/* Connects, asks once, closes. As channel_call(); waits as long as it takes (a whole disk may be
 * measured), until the one who typed has enough. Unreachable comes with its remedy. */
enum status door_call(struct call call, struct arena *a);

#endif
