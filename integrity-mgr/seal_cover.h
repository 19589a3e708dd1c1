/* SPDX-License-Identifier: Apache-2.0 */
/* What the descriptor of a seal has to measure. */
#ifndef BULKHEAD_INTEGRITY_MGR_SEAL_COVER_H
#define BULKHEAD_INTEGRITY_MGR_SEAL_COVER_H

#include "lib/message.h"

/* ST_INVALID, with the target to add, unless some target covers each disk and boot file. A disk
 * that nothing measures can be exchanged, and the guest is given that one with its key; a kernel
 * that nothing measures is given the keys of all. */
enum status seal_cover_check(const struct im_seal_req *req);

#endif
