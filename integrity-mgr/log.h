/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: what was measured and what was done, append-only and hash-chained on disk, and the
 * RFC 6962 tree over its blinded entries (docs/evidence.md, "Evidence").
 *
 * An append is written at once and put on disk by a thread of the log's own, so that a caller can
 * have the TPM at work meanwhile; log_sync() waits for it. What was not synced was told to
 * nobody, and may be gone after a power cut. May be used from many threads. Memory is constant.
 */
#ifndef BULKHEAD_INTEGRITY_MGR_LOG_H
#define BULKHEAD_INTEGRITY_MGR_LOG_H

#include "integrity-mgr/log_file.h"
#include "proof/merkle.h"

struct log;

/* Where an append went. */
struct log_place {
        uint64_t first, length; /* the first entry's index; the log's length after the last */
        struct digest root;     /* at that length */
        uint64_t era;           /* for log_sync() */
};

/* Reads "log" in that folder, or makes it. A tail that a power cut tore is cut off; ST_DAMAGED
 * when something that had been on disk is not what was written, or the log is of another
 * algorithm. */
enum status log_open(int dir, enum hash_alg alg, struct log **log_out);
void log_close(struct log *l); /* NULL is fine */

/* All of them or none. ST_NO_SPACE, ST_IO: nothing was appended, and the next try may succeed. */
enum status log_append(struct log *l, struct log_entry *entries, size_t count,
                       struct log_place *place_out);
/* The same for what can wait, such as an attestation: ST_NO_SPACE if behind it there would be no
 * room on the disk for LOG_RESERVE bytes, which are set aside for starts, stops and refusals. */
enum status log_append_spare(struct log *l, struct log_entry *entries, size_t count,
                             struct log_place *place_out);
/* Returns when what stands before place->length is on disk. ST_IO if it never will be: then what
 * was appended is gone, and place means nothing. */
enum status log_sync(struct log *l, const struct log_place *place);

uint64_t log_length(struct log *l);
/* The present length and root. */
enum status log_head(struct log *l, struct log_place *place_out);
/* Proofs in the tree of a past length. ST_INVALID for a length that the log never had. */
enum status log_inclusion(struct log *l, uint64_t index, uint64_t length,
                          struct merkle_path *path_out);
enum status log_consistency(struct log *l, uint64_t from, uint64_t length,
                            struct merkle_path *path_out);

#endif
