/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What status and trust last told, for a few seconds: whoever asks without any right must not keep
 * the TPM, or a thread, from those who start VMs. One caller asks the TPM; the others wait for that
 * answer, be it an error, and not for long.
 */
#ifndef BULKHEAD_INTEGRITY_MGR_TOLD_H
#define BULKHEAD_INTEGRITY_MGR_TOLD_H

#include "lib/message.h"

enum {
        TOLD_FOR = 2 * 1000,  /* ms */
        TOLD_WAIT = 8 * 1000, /* ms: less than compartment-mgr waits for an answer */
};

struct told; /* what is remembered of one question */
extern struct told told_status, told_trust;

/* How an answer is made. deadline: of all that it waits for. */
typedef enum status told_make(int64_t deadline, struct arena *a, void *reply);
/* Fills in the reply, in the arena, from what is remembered; or else by `make`, whose answer or
 * error is remembered. ST_BUSY if another caller has asked, and has no answer within TOLD_WAIT. */
enum status told(struct told *what, const struct shape *shape, told_make *make, struct arena *a,
                 void *reply);
/* Something changed: nothing that was told before is told again. */
void told_forget(void);

#endif
