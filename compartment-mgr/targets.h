/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The targets of a descriptor: who may have them measured, and their open files in its order. What
 * each kind of target needs stands in the table of target_kinds.h. A target whose argument is the
 * path of a disk that is already open is that very disk, so that what is measured is what is used.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_TARGETS_H
#define BULKHEAD_COMPARTMENT_MGR_TARGETS_H

#include "compartment-mgr/open_disks.h"
#include "compartment-mgr/target_kinds.h"

struct targets {
        struct open_disk items[TARGETS_MOST]; /* descriptors are its own */
        size_t count;
};
#define TARGETS_NONE                                                                               \
        {                                                                                          \
                .count = 0                                                                         \
        }

/* May this caller see this projection? An admin may; a verifier what the table allows of each
 * target. Otherwise ST_DENIED for the whole. */
enum status targets_permit(const struct caller *c, const struct target *targets, size_t count);

/* Where what is not among the disks comes from: paths from open(with), facts of that scope. */
struct targets_from {
        const struct facts_scope *scope;
        enum status (*open)(void *with, const char *path, struct arena *a,
                            struct open_disk *disk_out);
        void *with;
};
/* file is -1 where an argument is neither a path nor what there are facts of. A name that is not in
 * the table is taken for a plug-in of this host that measures a file, or nothing that is named;
 * else it is refused with those that are (ST_INVALID). */
enum status targets_open(struct targets *t, const struct descriptor *d,
                         const struct open_disk *disks, size_t disks_count,
                         const struct targets_from *from, struct arena *a);
void targets_clear(struct targets *t); /* may be called again */

#endif
