/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults at the Nth call that changes something on disk: write, pwrite, fsync, fdatasync, renameat,
 * unlinkat, ftruncate, openat for writing, and what a test itself counts by fault_point(). A test
 * is linked with $(FAULTS) of the Makefile. Counting begins with fault_arm().
 */
#ifndef BULKHEAD_TESTS_FAULT_FAULT_H
#define BULKHEAD_TESTS_FAULT_FAULT_H

#include <stdbool.h>

enum fault {
        FAULT_NONE, /* only counts */
        FAULT_KILL, /* the process ends before the call; a write is done by half */
        FAULT_EIO,  /* the call fails once */
        FAULT_ENOSPC,
        FAULT_FOR_EVER, /* from the Nth call on, each fails with ENOSPC */
        FAULT_KINDS
};
enum { FAULT_EXIT = 99 };

void fault_arm(unsigned nth, enum fault kind); /* nth: from 1 */
void fault_disarm(void);
bool fault_hit(void);
/* A call of the test's own: true if it is to fail. */
bool fault_point(void);

#endif
