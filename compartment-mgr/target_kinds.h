/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of targets that compartment-mgr knows, one line each: which component they measure,
 * what a seal may rest on, whose they are, and what they are measured from. A new kind is one more
 * line of target_kinds.c, and its facts() if it has facts.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_TARGET_KINDS_H
#define BULKHEAD_COMPARTMENT_MGR_TARGET_KINDS_H

#include "compartment-mgr/facts.h"

struct target_kind {
        const char *plugin; /* NULL in the last line: of any other name */
        /* The component that it measures, or what has that one for a part. Of the disk of a VM, by
         * its path, and of a VM the part itself is named. */
        const char *component;
        enum covers covers; /* what of the component a seal may take for measured */
        bool digests;       /* digest= and salt= have an effect on what is measured */
        /* Of what one principal may see: whether this verifier may have it measured. NULL: admins
         * alone may. */
        bool (*may)(const struct principal *p, const struct target *target);
        /* As facts.h has it; the argument is never a path then. NULL: it is measured from the file
         * at the path that is its argument, or from nothing if that is no path. */
        facts_gatherer *facts;
};
extern const struct target_kind target_kinds[];

#endif
