/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durable state: a file holds one record, with its kind, version, length and SHA-256, and is
 * replaced as a whole: temporary file, fsync, rename, fsync of the folder. At any instant the old
 * or the new content is there.
 */
#ifndef BULKHEAD_LIB_STATE_FILE_H
#define BULKHEAD_LIB_STATE_FILE_H

#include "lib/message.h"

enum { STATE_MOST = 32 << 20, STATE_KIND_SIZE = 16 };

/* Opens a folder of state, made with mode 0700 if missing. */
enum status state_folder(const char *path, int *dir_out);
/* Takes the folder for this process (flock on "lock"): ST_BUSY when another daemon has it. The
 * descriptor lives as long as the process. */
enum status state_lock(int dir);

/* A kind of state file: what its head names, and the version that this Bulkhead writes. A file of
 * another version that this one reads is brought up by state_record.h; lib/state_kinds.h has them
 * all. */
struct state_kind {
        const char *name; /* at most 15 of [a-z0-9-] */
        uint32_t version;
        const struct shape *shape; /* the record in it, or NULL: bytes */
        const struct state_older *older;
        size_t older_count;
};
/* A version that was, and how it becomes the next one. */
struct state_older {
        uint32_t version;
        const struct shape *shape; /* of that version */
        /* Fills in *next_out, zeroed, from *old: records of the two shapes (struct bytes where
         * there is none). May keep pointers of old; what is new lies in the arena. NULL: nothing
         * changed in this shape but what lies within. */
        enum status (*lift)(const void *old, struct arena *a, void *next_out);
};

/* What is in a file, as it is on disk. */
struct state_content {
        const char *name; /* of the file */
        uint32_t version;
        struct bytes bytes;
};

/* name: no slash. */
enum status state_write(int dir, const char *name, const struct state_kind *kind,
                        struct bytes content);
/* ST_NOT_FOUND if there is none; ST_DAMAGED with the remedy if it is not whole or of another kind;
 * ST_UNSUPPORTED, and only then, if a newer Bulkhead wrote it. Changes nothing. Content and its
 * name lie in the arena. */
enum status state_load(int dir, const char *name, const struct state_kind *kind, struct arena *a,
                       struct state_content *out);
enum status state_remove(int dir, const char *name); /* ST_DONE if there was none */
/* Names in the folder but for temporary ones, which are removed. */
enum status state_list(int dir, struct arena *a, const char ***names_out, size_t *count_out);

/* The kernel's boot_id, "" if it cannot be read: what is only true until the host starts anew is
 * kept together with it. */
const char *state_boot_id(void);

/* Parses a whole file's bytes; what state_load() uses and the fuzz target calls. */
enum status state_parse(const char *name, struct bytes file, const struct state_kind *kind,
                        struct state_content *out);
/* Kind and version that a file's head names; false if it has no such head. Nothing is checked. */
bool state_peek(int dir, const char *name, char kind[static STATE_KIND_SIZE],
                uint32_t *version_out);
/* The refusal of a file that is not as its owner wrote it. */
enum status state_damaged(const char *name, const char *expected, const char *found);
/* The refusal of one that a newer Bulkhead wrote, also in a format of its own. */
enum status state_newer(const char *name, uint32_t known, uint32_t found);

#endif
