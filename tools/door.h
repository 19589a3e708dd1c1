/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the daemons: the socket of compartment-mgr, and nothing else. */
#ifndef BULKHEAD_TOOLS_DOOR_H
#define BULKHEAD_TOOLS_DOOR_H

#include "lib/message.h"

/* One request, as client_call() of lib/client.h. Waits without a deadline, since a whole disk may
 * be measured, with a bar on a terminal. A person can interrupt: the connection ends, what has not
 * committed is undone, and the process ends by the signal. ST_UNREACHABLE has a remedy. */
enum status door_call(struct call call, struct arena *a);
/* The same, but whoever calls says what becomes of what was asked for, and then ends the process by
 * door_end_interrupted(). An answer that came all the same counts: *interrupted_out is false. */
enum status door_call_or_interrupt(struct call call, struct arena *a, bool *interrupted_out);
void door_end_interrupted(void);

/* Whether the administrators' socket is there and may be used. */
bool door_is_admins(void);
/* ST_DENIED if it is there and may not be used: before a question that others may ask too, for what
 * an administrator alone may do. what: that. */
enum status door_must_be_admins(const char *what);

/* A name of a VM, or of a part of one, as a person typed it: ST_USAGE with what is wrong with it if
 * no request can carry it. Empty is fine. */
enum status door_name(const char *what, const char *name);
enum status door_vm(const char *name); /* the same, of a VM */
/* Asks for what there is of that VM. */
enum status door_show(const char *name, struct vm_show_rep *reply, struct arena *a);

#endif
