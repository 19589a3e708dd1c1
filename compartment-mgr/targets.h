/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The open files of a descriptor's targets, in its order. A target whose argument is the path of a
 * disk that is already open is that very disk, so that what is measured is what is used.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_TARGETS_H
#define BULKHEAD_COMPARTMENT_MGR_TARGETS_H

#include "lib/message.h"

enum { TARGETS_MOST = 64 };

struct targets {
        struct open_disk items[TARGETS_MOST]; /* descriptors are its own */
        size_t count;
};
#define TARGETS_NONE                                                                               \
        {                                                                                          \
                .count = 0                                                                         \
        }

/* Opens what is not among disks; file is -1 where an argument is no absolute path. */
typedef enum status targets_opener(void *with, const char *path, struct arena *a,
                                   struct open_disk *disk_out);
enum status targets_open(struct targets *t, const struct descriptor *d,
                         const struct open_disk *disks, size_t disks_count, targets_opener *open,
                         void *with, struct arena *a);
void targets_clear(struct targets *t); /* may be called again */

void open_disks_close(struct open_disk *disks, size_t count); /* may be called again */

#endif
