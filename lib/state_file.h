/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durable state: a file holds one record, with its kind, version, length and SHA-256, and is
 * replaced as a whole: temporary file, fsync, rename, fsync of the folder. At any instant the old
 * or the new content is there. Also appending, for the log.
 */
#ifndef BULKHEAD_LIB_STATE_FILE_H
#define BULKHEAD_LIB_STATE_FILE_H

#include "lib/message.h"

enum { STATE_MOST = 32 << 20 };

/* Opens a folder of state, made with mode 0700 if missing. */
enum status state_folder(const char *path, int *dir_out);
/* Takes the folder for this process (flock on "lock"): ST_BUSY when another daemon has it. The
 * descriptor lives as long as the process. */
enum status state_lock(int dir);

/* kind: at most 15 characters. name: no slash. */
enum status state_write(int dir, const char *name, const char *kind, uint32_t version,
                        struct bytes content);
/* ST_NOT_FOUND if there is none; ST_DAMAGED with the remedy if it is not whole, of another kind or
 * of a later version. */
enum status state_read(int dir, const char *name, const char *kind, uint32_t version,
                       struct arena *a, struct bytes *content_out);
/* A record of messages.def, by its shape. */
enum status state_write_record(int dir, const char *name, const char *kind, uint32_t version,
                               const struct shape *shape, const void *record);
enum status state_read_record(int dir, const char *name, const char *kind, uint32_t version,
                              const struct shape *shape, struct arena *a, void *record_out);
enum status state_remove(int dir, const char *name); /* ST_DONE if there was none */
/* Names in the folder but for temporary ones, which are removed. */
enum status state_list(int dir, struct arena *a, const char ***names_out, size_t *count_out);

/* The kernel's boot_id, "" if it cannot be read: what is only true until the host starts anew is
 * kept together with it. */
const char *state_boot_id(void);

/* Parses a whole file's bytes; what state_read() uses and the fuzz target calls. */
enum status state_parse(struct bytes file, const char *kind, uint32_t version,
                        struct bytes *content_out);

#endif
