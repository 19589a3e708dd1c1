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
/* What was measured; after seal_compare_setting. after_run: whatever the guest may have changed by
 * running is left out. */
enum status seal_compare_measured(const struct seal_record *r, const struct present *p,
                                  bool after_run);

#endif
