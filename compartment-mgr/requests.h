/* SPDX-License-Identifier: Apache-2.0 */
/* The requests that the door answers: CM_MSG of include/bulkhead/messages.def. */
#ifndef BULKHEAD_COMPARTMENT_MGR_REQUESTS_H
#define BULKHEAD_COMPARTMENT_MGR_REQUESTS_H

#include "lib/server.h"

extern const struct handler requests_handlers[];
extern const size_t requests_handlers_count;

/* Before compartments_open(): the server whose watchers are told of changes. */
void requests_open(struct server *server);
/* Tells those that watch; for compartments_open(). */
void requests_vm_changed(const struct vm_definition *vm, enum vm_state state, const char *why);

#endif
