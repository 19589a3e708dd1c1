/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What status and trust last told, for a few seconds: whoever asks without any right must not keep
 * the TPM from those who start VMs. One caller asks the TPM; the others wait for that answer.
 */
#ifndef BULKHEAD_INTEGRITY_MGR_TOLD_H
#define BULKHEAD_INTEGRITY_MGR_TOLD_H

#include "lib/message.h"

enum { TOLD_FOR = 2 * 1000 /* ms */ };

struct told; /* what is remembered of one question */
extern struct told told_status, told_trust;

/* Fills in the reply, in the arena, from what is remembered; or else by `make`, whose answer is
 * remembered if it is ST_DONE. */
enum status told(struct told *what, const struct shape *shape,
                 enum status (*make)(struct arena *a, void *reply), struct arena *a, void *reply);
/* Something changed: nothing that was told before is told again. */
void told_forget(void);

#endif
