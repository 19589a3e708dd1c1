/* SPDX-License-Identifier: Apache-2.0 */
/* What lies on a disk, in words, before anything is written over it. content_worker comes here. */
#ifndef BULKHEAD_SVDM_CONTENT_CONTENT_H
#define BULKHEAD_SVDM_CONTENT_CONTENT_H

#include "lib/message.h"

/* Names all that libblkid recognises in that file, which is not empty: "an ext4 file system
 * labelled data and a gpt partition table", or DISK_UNKNOWN. *member_out: it is a part of a volume
 * group or an array. Strings live in the arena. */
enum status content_name(int sample, struct arena *a, const char **what_out, bool *member_out);

#endif
