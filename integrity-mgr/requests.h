/* SPDX-License-Identifier: Apache-2.0 */
/* The requests that integrity-mgr answers: IM_MSG of include/bulkhead/messages.def. */
#ifndef BULKHEAD_INTEGRITY_MGR_REQUESTS_H
#define BULKHEAD_INTEGRITY_MGR_REQUESTS_H

#include "lib/server.h"

extern const struct handler requests_handlers[];
extern const size_t requests_handlers_count;
/* The highest rank that a request may come from (lib/server.h): compartment-mgr asks for all. */
unsigned requests_roles_of(uint16_t number);

#endif
