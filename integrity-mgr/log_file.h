/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that the log is kept in: append-only, each append a frame that names the one before.
 * Only log.c comes here; it serialises the calls. The format stands at the head of log_file.c.
 */
#ifndef BULKHEAD_INTEGRITY_MGR_LOG_FILE_H
#define BULKHEAD_INTEGRITY_MGR_LOG_FILE_H

#include "lib/buffer.h"
#include "lib/digest.h"
#include "lib/status.h"
#include "proof/commitment.h"

/* LOG_RESERVE: bytes behind the file's end that are set aside on the disk. An event has less than a
 * KiB, and a measurement that a start is judged by some KiB. */
enum { LOG_RESERVE = 8 << 20 };
enum { LOG_FRAME_MOST = 20 << 20, LOG_APPEND_MOST = 4096, LOG_SUM = 32 };

struct log_entry {
        struct bytes node;                     /* canonical XML of a measurement or an event */
        uint8_t random[COMMITMENT_RANDOM_LEN]; /* made when it is appended */
};

struct log_file {
        int dir, fd;
        enum hash_alg alg;
        uint64_t written, synced; /* bytes; synced is its owner's to move on */
        uint8_t last[LOG_SUM];    /* sum of the last frame */
        uint64_t reserved;        /* blocks are set aside up to there; 0: not yet */
        bool unreadable;          /* the disk failed while it was read */
};

/* Opens "log" in that folder, or makes it. ST_DAMAGED if it is a log of another algorithm, or none.
 * The caller closes out->fd, also after an error, unless it is -1. */
enum status log_file_open(int dir, enum hash_alg alg, struct log_file *out);

typedef void (*log_file_entry)(void *context, const uint8_t *random, struct bytes node);
/* Tells every entry from the beginning, and cuts off a tail that a power cut tore. ST_DAMAGED
 * when something that had been on disk is not what was written: then nothing is cut off. */
enum status log_file_load(struct log_file *f, log_file_entry entry, void *context);

/* Writes one frame and makes the entries' randomness. spare: ST_NO_SPACE unless the reserve behind
 * the frame is there too. On failure nothing was appended, unless *broken_out: then the file has to
 * be cut back. */
enum status log_file_append(struct log_file *f, struct log_entry *entries, size_t count, bool spare,
                            bool *broken_out);
/* Cuts the file back to what is surely on disk. The caller then loads it again. */
enum status log_file_cut_back(struct log_file *f);

/* What went wrong with the log, as an error for a person. */
enum status log_file_failed(const char *what, int error);

#endif
