/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a daemon last told, for a few seconds: whoever asks without any right must not keep the TPM,
 * the hypervisor or a thread from those who start VMs. One caller makes the answer; the others wait
 * for it, be it an error, and not for long.
 */
#ifndef BULKHEAD_LIB_TOLD_H
#define BULKHEAD_LIB_TOLD_H

#include "lib/message.h"

#include <pthread.h>

enum { TOLD_WAIT = 8 * 1000 /* ms: less than whoever asks waits for an answer */ };

/* What is remembered of one question. */
struct told {
        int lasts;            /* for so long, in ms */
        pthread_mutex_t lock; /* never held while the answer is made */
        pthread_cond_t answered;
        bool asking;          /* somebody makes the answer */
        bool known;           /* something is remembered: */
        struct error failure; /* ST_DONE: `reply` is the answer */
        struct buffer reply;
        int64_t until;
        unsigned changes; /* how many there had been when it was asked for */
};
#define TOLD_INIT(ms)                                                                              \
        {                                                                                          \
                .lasts = (ms), .lock = PTHREAD_MUTEX_INITIALIZER,                                  \
                .answered = PTHREAD_COND_INITIALIZER, .reply = BUFFER_INIT(MESSAGE_MOST)           \
        }

/* How an answer is made. deadline: of all that it waits for. */
typedef enum status told_make(int64_t deadline, struct arena *a, void *reply);
/* Fills in the reply, in the arena, from what is remembered; or else by `make`, whose answer or
 * error is remembered. ST_BUSY if another caller has asked, and has no answer within TOLD_WAIT. */
enum status told(struct told *what, const struct shape *shape, told_make *make, struct arena *a,
                 void *reply);
/* Something changed: nothing that this process told before is told again. */
void told_forget(void);

#endif
