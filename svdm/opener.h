/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens what is only to be measured: no VM is claimed, nothing is unlocked or mapped. One job of
 * the device worker lives on for that, since opening leaves nothing behind in it. A request that
 * finds this job busy gets one of its own.
 */
#ifndef BULKHEAD_SVDM_OPENER_H
#define BULKHEAD_SVDM_OPENER_H

#include "lib/message.h"

struct worker;

/* From any thread. The descriptors in *disk_out are the caller's. */
enum status opener_open(struct worker *w, const char *path, struct arena *a,
                        struct open_disk *disk_out);

#endif
