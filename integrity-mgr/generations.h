/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which seal of each VM is the present one (docs/constructions.md, "Generations"): a table in the
 * file "generations" of the state folder, under an HMAC whose key the TPM keeps, with the value of
 * a TPM counter that every change increments and the digest of the table before it. The TPM keeps
 * the digest of the present one, too.
 *
 * A change is committed when the table is written; then the TPM is told the digest, then the
 * counter is incremented. A table that is one ahead and names the one that the TPM knows was cut
 * short there, and is completed. Any other table is an old one, and refused: one that was cut
 * short, and after which another was written, too. May be called from many threads.
 */
#ifndef BULKHEAD_INTEGRITY_MGR_GENERATIONS_H
#define BULKHEAD_INTEGRITY_MGR_GENERATIONS_H

#include "lib/message.h"

/* dir: the state folder; it stays the caller's. */
void generations_open(int dir);
/* Whether the file is there, whatever it has in it. */
bool generations_exist(void);
/* A table hangs from the keys in the host's file. ST_DAMAGED if there is a table and no such file:
 * this is no host that was never set up, so no definition may be believed without its MAC, and no
 * header that belongs to a seal be given up. */
enum status generations_need_host(void);
/* Writes an empty table: at the host's first approval, since the HMAC key opens in approved states
 * only. */
enum status generations_begin(void);
/* The VM's present seal; generation 0 if there is none. ST_ROLLED_BACK or ST_DAMAGED if the table
 * cannot be trusted; the TPM's errors until the table was compared with the counter. */
enum status generations_get(const struct uuid *vm, struct seal_entry *entry_out);
/* Commits a new seal: its generation must follow the present one's (ST_WRONG_STATE). After an error
 * of the TPM or the disk only generations_get() tells which seal is the present one. */
enum status generations_commit(const struct seal_entry *entry);
/* memory: the digest of the header of the VM's memory image, HASH_NONE for no image. A new seal has
 * no image; ST_WRONG_STATE if the VM has no seal. *changed_out: is the table another one now? */
enum status generations_set_memory(const struct uuid *vm, const struct digest *memory,
                                   bool *changed_out);
/* The VM has no seal any more. */
enum status generations_forget(const struct uuid *vm);
/* The table's counter and the number of VMs in it, for status. ST_BUSY if others had it until the
 * deadline. */
enum status generations_facts(int64_t deadline, uint64_t *counter_out, size_t *count_out);

#endif
