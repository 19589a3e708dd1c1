/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which seal of each VM is the present one (docs/constructions.md, "Generations"). A table in the
 * file "generations" of the state folder, under an HMAC whose key the
 * TPM keeps, with the value of a TPM counter that every change increments.
 *
 * A change is committed when the table is written; then the counter is incremented. A table that
 * is one ahead of the counter is a change that was cut short there, and is completed; one that is
 * behind is an old one, and refused. May be called from many threads.
 */
#ifndef BULKHEAD_INTEGRITY_MGR_GENERATIONS_H
#define BULKHEAD_INTEGRITY_MGR_GENERATIONS_H

#include "lib/message.h"

void generations_open(int dir);
/* An empty table, at set-up. */
enum status generations_begin(void);
/* The VM's present seal; generation 0 if there is none. ST_ROLLED_BACK or ST_DAMAGED if the table
 * cannot be trusted; the TPM's errors while it was not yet compared with the counter. */
enum status generations_get(const struct uuid *vm, struct seal_entry *entry_out);
/* Commits a new seal: its generation must follow the present one's (ST_WRONG_STATE). An error of
 * the TPM here comes after the commit: ask generations_get() what holds. */
enum status generations_commit(const struct seal_entry *entry);
/* The header of the image of the VM's memory, of HASH_NONE for no image. A new seal has none.
 * *changed_out: whether the table is another one now. */
enum status generations_set_memory(const struct uuid *vm, const struct digest *memory,
                                   bool *changed_out);
/* The VM has no seal any more. */
enum status generations_forget(const struct uuid *vm);
/* The table's counter and the number of entries, for status. */
enum status generations_facts(uint64_t *counter_out, size_t *count_out);

#endif
