/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The targets of a descriptor: who may have them measured, and their open files, in the
 * descriptor's order. The table of target_kinds.h says what each kind of target needs. A target
 * whose argument is the path of a disk that is already open gets that very file, so that what is
 * measured is what is used.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_TARGETS_H
#define BULKHEAD_COMPARTMENT_MGR_TARGETS_H

#include "compartment-mgr/open_disks.h"
#include "compartment-mgr/target_kinds.h"

struct targets {
        struct open_target items[TARGETS_MOST]; /* with file descriptors of their own */
        size_t count;
};
#define TARGETS_NONE                                                                               \
        {                                                                                          \
                .count = 0                                                                         \
        }

/* May this caller see this projection? An admin may; a verifier may if the table allows each
 * target. Otherwise ST_DENIED. */
enum status targets_permit(const struct caller *c, const struct target *targets, size_t count);

/* ST_INVALID for an attribute of a target that would have no effect. For descriptors that are new:
 * what was sealed with one is not refused for it. */
enum status targets_check(const struct target *targets, size_t count);

/* Where targets that are not among the disks come from: open(with) opens paths, and facts are
 * gathered for `scope`. */
struct targets_from {
        const struct facts_scope *scope;
        enum status (*open)(void *with, const char *path, struct arena *a,
                            struct open_disk *disk_out);
        void *with;
};
/* Opens all targets. A target's file is -1 if its argument is no path and it has no facts. A name
 * that is not in the table is taken for a plug-in of this host, whose argument has to be a path or
 * empty; otherwise ST_INVALID, with the names that are in the table. */
enum status targets_open(struct targets *t, const struct descriptor *d,
                         const struct open_disk *disks, size_t disks_count,
                         const struct targets_from *from, struct arena *a);
void targets_clear(struct targets *t); /* may be called again */

#endif
