/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is being worked on, as `bulkhead jobs` lists it and `bulkhead cancel` ends it: an operation
 * on a VM, or an attestation. A piece of work belongs to a principal, and is done by one thread.
 *
 * A story that can be undone says so (work_allow()). From then on, until it commits, it ends if
 * whoever asked for it goes away, or if it is cancelled: its next wait for another process fails
 * with ST_CANCELLED (lib/interrupt.h), and the story undoes what it did, as on any failure.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_WORK_H
#define BULKHEAD_COMPARTMENT_MGR_WORK_H

#include "lib/principal.h"

struct work;

/* operation: a literal; the rest is copied. vm: its name, or "-" for an attestation; owner: who may
 * see the work. */
struct work *work_begin(const char *operation, const char *vm, const struct principal *asker,
                        const struct principal *owner);
void work_end(struct work *w); /* NULL is fine */

const char *work_operation(const struct work *w);
const struct principal *work_asker(const struct work *w);
uint64_t work_number(const struct work *w); /* for `bulkhead cancel` */
int64_t work_since(const struct work *w);   /* as deadline_in(0) was then */

/* This thread's waits end from now on, if the work is cancelled. ST_CANCELLED if whoever asked is
 * gone already. */
enum status work_allow(struct work *w);
/* Before the step that is not undone any more: ST_CANCELLED, or it goes on to its end. */
enum status work_commit(struct work *w);
/* Another daemon has committed to it, be it cancelled or not. */
void work_committed(struct work *w);

/* Ends that work if it is `by`'s, or admin; waits until it has ended. ST_NOT_FOUND also for work
 * that `by` may not see; ST_WRONG_STATE if it has committed, ST_TIMEOUT if it is still undone after
 * a minute. operation_out and vm_out lie in the arena. */
enum status work_cancel(uint64_t number, const struct principal *by, bool admin, struct arena *a,
                        const char **operation_out, const char **vm_out);

struct work_under_way {
        uint64_t number;
        const char *vm, *operation;
        struct principal asker, owner;
        int64_t since;
};
/* All of it, in the arena, the longest first. Returns how many. */
size_t works_list(struct arena *a, struct work_under_way **work_out);

#endif
