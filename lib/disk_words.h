/* SPDX-License-Identifier: Apache-2.0 */
/* Words about disks that one daemon says and another looks at. */
#ifndef BULKHEAD_LIB_DISK_WORDS_H
#define BULKHEAD_LIB_DISK_WORDS_H

/* What lies on a disk (messages.def, disk_content): something, and libblkid knows none of it. */
#define DISK_UNKNOWN "data of an unknown kind"

#endif
