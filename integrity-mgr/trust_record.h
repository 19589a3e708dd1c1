/* SPDX-License-Identifier: Apache-2.0 */
/* This host's own trust record (docs/evidence.md), marked "no": nobody enrolled it. */
#ifndef BULKHEAD_INTEGRITY_MGR_TRUST_RECORD_H
#define BULKHEAD_INTEGRITY_MGR_TRUST_RECORD_H

#include "lib/message.h"

/* deadline: for its turn at the TPM. */
enum status trust_record(int64_t deadline, struct arena *a, struct bytes *text_out);

#endif
