/* SPDX-License-Identifier: Apache-2.0 */
/* The requests that integrity-mgr answers: IM_MSG of include/bulkhead/messages.def. */
#ifndef BULKHEAD_INTEGRITY_MGR_REQUESTS_H
#define BULKHEAD_INTEGRITY_MGR_REQUESTS_H

#include "lib/server.h"

/* Reads what is in the open state folder. own_user: the daemon has a user of its own. */
enum status requests_open(int state, bool own_user);
extern const struct handler requests_handlers[];
extern const size_t requests_handlers_count;
/* The highest rank that a request may come from (lib/server.h): compartment-mgr asks for all. */
unsigned requests_roles_of(uint16_t number);

/* --- for requests_host.c --- */

extern int requests_state; /* the open state folder */
/* A request that measures, seals, quotes, approves, forgets or judges is refused unless it names a
 * principal for whom that is done; and wherever a part of the state is missing. */
enum status requests_asked_by(const struct principal *asker);

#endif
