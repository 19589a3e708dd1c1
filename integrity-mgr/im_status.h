/* SPDX-License-Identifier: Apache-2.0 */
/* What integrity-mgr tells of itself, the TPM and this host's state. */
#ifndef BULKHEAD_INTEGRITY_MGR_IM_STATUS_H
#define BULKHEAD_INTEGRITY_MGR_IM_STATUS_H

#include "lib/message.h"

/* Never fails: what cannot be learnt until the deadline is a fact, too. own_user: runs as a user of
 * its own. */
void im_status(int64_t deadline, struct arena *a, bool own_user, struct im_status_rep *rep_out);

#endif
