/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processor time by rank: a daemon shares the processors with all that it does for others. What it
 * does for whoever has no administrator's rights gives way, threads and jobs alike, so that a flood
 * of such requests leaves the processors to starts.
 */
#ifndef BULKHEAD_LIB_PRIORITY_H
#define BULKHEAD_LIB_PRIORITY_H

#include <stdbool.h>

/* A nice value: while all processors are wanted such a thread has a tenth of another's time. Enough
 * that what it holds (a lock, its turn at the TPM) is not held for long. */
enum { PRIORITY_GIVES_WAY = 10 };

/* From now on this thread gives way, and so do jobs whose time it begins (lib/worker.h), and what
 * these start. There is no way back: for a thread that ends with its request. */
void priority_give_way(void);
/* A thread that it starts has to be told. */
bool priority_gives_way(void);

#endif
