/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names what changed since a seal was made: ST_CHANGED with what was sealed, what is there now, and
 * how to go on. The TPM decides by itself; without these comparisons it could only say no.
 */
#ifndef BULKHEAD_INTEGRITY_MGR_SEAL_COMPARE_H
#define BULKHEAD_INTEGRITY_MGR_SEAL_COMPARE_H

#include "integrity-mgr/present.h"

/* Owner, configuration, disks, plug-ins: everything but what was measured. */
enum status seal_compare_setting(const struct seal_record *r, const struct present *p);
/* Whether the new seal keeps the key of each disk of which the present one has it; a disk is known
 * by its LUKS UUID. ST_REFUSED with both UUIDs, unless the request gives such a key up. */
enum status seal_compare_keys(const struct seal_record *present, const struct im_seal_req *req);
/* What may have changed since the seal was made, and is left out of the comparison. RUN: whatever
 * the guest may have written. SLOTS: key slots in the LUKS2 headers of the VM's own disks; whole
 * such disks, too, if the seal follows what guests write anyhow (clean-stop). */
enum seal_after { AFTER_NOTHING, AFTER_RUN, AFTER_SLOTS };
/* What was measured; after seal_compare_setting. */
enum status seal_compare_measured(struct arena *a, const struct seal_record *r,
                                  const struct present *p, enum seal_after after);

#endif
