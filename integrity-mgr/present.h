/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is there now of a VM: its configuration and disks as the request tells, its targets as they
 * are measured, and the binding over all of it (docs/constructions.md). The stories of sealing fill
 * it in anew for each request.
 */
#ifndef BULKHEAD_INTEGRITY_MGR_PRESENT_H
#define BULKHEAD_INTEGRITY_MGR_PRESENT_H

#include "integrity-mgr/measure.h"
#include "lib/message.h"

struct present {
        struct uuid vm;
        struct principal asker;            /* for whom it is measured */
        struct principal owner, recipient; /* recipient: this host */
        struct digest config;
        struct descriptor descriptor; /* predicates resolved */
        struct disk_seen_list disks;
        bool *writable; /* of each disk */
        struct found found;
        uint32_t pcr;          /* where the binding is extended */
        struct digest binding; /* as a seal that is made now has it */
};

/* Needs vm, asker, owner, config and descriptor. Fills in the rest: measures the targets and logs
 * what was found: the log is on disk before anything is judged by it. */
enum status present_look(struct arena *a, struct present *p, const struct open_disk_list *disks,
                         const struct open_target_list *targets);
/* After present_look: the predicates judge what was found; then the binding is computed. */
enum status present_bind(struct arena *a, struct present *p);
/* After that: the binding under which a record opens, in the record's construction. The files of
 * plug-ins, where it binds them, are the record's, after seal_compare_setting(): another file that
 * measures the same version is no change (docs/decisions.md, "Seals"). */
struct digest present_binding(const struct present *p, const struct seal_record *r);

#endif
