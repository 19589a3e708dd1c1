/* SPDX-License-Identifier: Apache-2.0 */
/* Seal records on disk, and which of them count. Only seal.c comes here. */
#ifndef BULKHEAD_INTEGRITY_MGR_SEAL_STORE_H
#define BULKHEAD_INTEGRITY_MGR_SEAL_STORE_H

#include "lib/message.h"

/* The value of seal_record.version in the present version of state_kind_seal. */
enum { SEAL_RECORD_VERSION = 3 };

void seal_store_open(int dir);
/* Makes this record the VM's present seal: record, table, counter, and then older records go.
 * After an error either the old or the new one is in force. */
enum status seal_store_commit(const struct seal_record *record);
/* The VM's present record. ST_NOT_FOUND if it has none; ST_ROLLED_BACK or ST_DAMAGED if what is
 * there is not the record that the table names. */
enum status seal_store_read(struct arena *a, const struct uuid *vm, struct seal_record *record_out);
/* The generation of the VM's present seal, 0 if there is none. */
enum status seal_store_generation(const struct uuid *vm, uint64_t *generation_out);
/* The VM has no seal any more, and its record is removed. ST_DONE if there was none. */
enum status seal_store_forget(const struct uuid *vm);

#endif
