/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The redo journal: headers that must reach the disks once integrity-mgr has committed to the
 * generation that they belong to, and must not before. A VM has one journal at most. The runs
 * (header_diff.h) of each disk are a state file of their own; the journal exists if the file that
 * lists them does. So it is written and dropped as a whole, whenever the power goes.
 */
#ifndef BULKHEAD_SVDM_JOURNAL_H
#define BULKHEAD_SVDM_JOURNAL_H

#include "lib/message.h"

struct staged_disk {
        const char *path;
        uint64_t size;
        int disk; /* open, to read what is written over */
        int old;  /* what stands on the disk now: its header as it was opened, or the disk */
        int new;  /* the header to be */
};

/* dir: svdm's state folder. *digest_out: of the list, which has a digest of the runs of each disk.
 * ST_WRONG_STATE if the VM has a journal: settle it first. */
enum status journal_stage(int dir, const struct uuid *vm, uint64_t generation,
                          const struct staged_disk *disks, size_t count, struct digest *digest_out);
/* *found_out: is there one? If so *out is it, in the arena, and *digest_out as above. ST_DAMAGED if
 * it is not whole. */
enum status journal_load(int dir, const struct uuid *vm, struct arena *a, bool *found_out,
                         struct journal *out, struct digest *digest_out);
/* The runs of that disk, in the arena. ST_DAMAGED if they are not those that the journal lists. */
enum status journal_runs(int dir, const struct journal *j, size_t disk, struct arena *a,
                         struct bytes *out);
enum status journal_drop(int dir, const struct uuid *vm); /* ST_DONE if there is none */

#endif
