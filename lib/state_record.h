/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records in state files, whichever version wrote them. An older record is decoded by its own shape
 * and converted from version to version (struct state_older) up to today's, so that no other code
 * sees an older one. Where a kind has no shape the record is a struct bytes.
 */
#ifndef BULKHEAD_LIB_STATE_RECORD_H
#define BULKHEAD_LIB_STATE_RECORD_H

#include "lib/state_file.h"

enum status state_write_record(int dir, const char *name, const struct state_kind *kind,
                               const void *record);
/* As state_load(); ST_DAMAGED also if the content does not have its version's shape, or if this
 * Bulkhead does not read that version any more. The file stays as it is. */
enum status state_read_record(int dir, const char *name, const struct state_kind *kind,
                              struct arena *a, void *record_out);
/* The same, and rewrites a file of an older version, as durably as state_write(). If that fails it
 * warns and returns the record all the same; the next read tries again. Not for files whose bytes
 * something else names by a digest. */
enum status state_renew_record(int dir, const char *name, const struct state_kind *kind,
                               struct arena *a, void *record_out);
/* Today's record of what state_load() gave, for an owner that also needs the bytes on disk. */
enum status state_decode_record(const struct state_kind *kind, const struct state_content *content,
                                struct arena *a, void *record_out);

#endif
