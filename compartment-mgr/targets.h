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

/* Whether compartment-mgr has facts for that plug-in: then the argument is never a path. */
bool targets_is_facts(const char *plugin);

/* Opens what is not among disks: a path, or the facts of such a target; file is -1 where an
 * argument is neither. */
typedef enum status targets_opener(void *with, const struct target *target, struct arena *a,
                                   struct open_disk *disk_out);
enum status targets_open(struct targets *t, const struct descriptor *d,
                         const struct open_disk *disks, size_t disks_count, targets_opener *open,
                         void *with, struct arena *a);
void targets_clear(struct targets *t); /* may be called again */

void open_disks_close(struct open_disk *disks, size_t count); /* may be called again */

#endif
