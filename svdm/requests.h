/* SPDX-License-Identifier: Apache-2.0 */
/* What svdm answers: SVDM_MSG of include/bulkhead/messages.def. */
#ifndef BULKHEAD_SVDM_REQUESTS_H
#define BULKHEAD_SVDM_REQUESTS_H

#include "lib/worker.h"

extern const struct handler svdm_handlers[];
extern const size_t svdm_handlers_count;

/* Once, before requests come. dir: the state folder; backend: "sim"; own_user: svdm runs as a
 * user of its own. */
void requests_init(struct worker *device_worker, int dir, const char *backend, bool own_user);

#endif
