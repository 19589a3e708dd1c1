/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records in state files, whichever version wrote them. An older record is read by its own shape
 * and lifted from version to version (struct state_older) until it is today's; nobody else sees
 * an older one. Where a kind has no shape the record is a struct bytes.
 */
#ifndef BULKHEAD_LIB_STATE_RECORD_H
#define BULKHEAD_LIB_STATE_RECORD_H

#include "lib/state_file.h"

enum status state_write_record(int dir, const char *name, const struct state_kind *kind,
                               const void *record);
/* As state_load(); ST_DAMAGED also if the content is not of its version's shape, or of a version
 * that this Bulkhead does not read any more. The file stays as it is. */
enum status state_read_record(int dir, const char *name, const struct state_kind *kind,
                              struct arena *a, void *record_out);
/* The same, and an older file is written anew: whole and durable before the old one is gone. If
 * that fails the record was read all the same, with a warning: the next read tries again. Not for
 * files whose bytes something else names by a digest. */
enum status state_renew_record(int dir, const char *name, const struct state_kind *kind,
                               struct arena *a, void *record_out);
/* What was loaded, to today's record: for an owner that first has to look at the bytes as they
 * are on disk. */
enum status state_decode_record(const struct state_kind *kind, const struct state_content *content,
                                struct arena *a, void *record_out);

#endif
