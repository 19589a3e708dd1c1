/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durable state: a file holds one record, with its kind, version, length and SHA-256, and is
 * replaced as a whole: temporary file, fsync, rename, fsync of the folder. At any instant the old
 * or the new content is there.
 */
#ifndef BULKHEAD_LIB_STATE_FILE_H
#define BULKHEAD_LIB_STATE_FILE_H

#include "lib/message.h"

enum { STATE_MOST = 32 << 20, STATE_KIND_SIZE = 16, STATE_KEY_SIZE = 32, STATE_MAC_SIZE = 32 };

/* Opens a folder of state; makes it, with mode 0700, if it is missing. */
enum status state_folder(const char *path, int *dir_out);
/* Takes the folder for this process until it ends, by flock(2) on a file "lock" that stays open.
 * ST_BUSY if another process has it. */
enum status state_lock(int dir);

/* From now on files of this folder are written with a MAC (HMAC-SHA256, over name, kind, version
 * and content), and believed only with one. lift: those without it, or under another key, are
 * believed all the same, until the call is repeated without `lift`. Without a key, files that carry
 * a MAC are not believed. Of one process: nothing is kept. */
void state_use_key(int dir, const uint8_t key[static STATE_KEY_SIZE], bool lift);
void state_forget_keys(void);

/* A kind of state file: the name and version that this Bulkhead writes into its head, and the older
 * versions that it reads. lib/state_kinds.h lists all kinds; state_record.h reads old records. */
struct state_kind {
        const char *name; /* at most 15 of [a-z0-9-] */
        uint32_t version;
        const struct shape *shape;       /* of the record in it; NULL: it holds plain bytes */
        const struct state_older *older; /* oldest first */
        size_t older_count;
};
/* An older version, and how its record becomes one of the next version. */
struct state_older {
        uint32_t version;
        const struct shape *shape; /* of that version; NULL as above */
        /* Converts *old, a record of this version, to *next_out, a zeroed record of the next (each
         * a struct bytes where its shape is NULL). *next_out may point to what *old points to; new
         * memory comes from the arena. An error refuses the file. NULL if both versions have the
         * same struct: then *old is copied. */
        enum status (*lift)(const void *old, struct arena *a, void *next_out);
};

/* A file's content, as it lies on disk. */
struct state_content {
        const char *name; /* of the file */
        uint32_t version;
        struct bytes bytes;
        const uint8_t *mac; /* STATE_MAC_SIZE bytes, not checked by state_parse(); or NULL */
};

/* Replaces the file, or makes it. name: without a slash. */
enum status state_write(int dir, const char *name, const struct state_kind *kind,
                        struct bytes content);
/* ST_NOT_FOUND if there is no such file; ST_DAMAGED, with the remedy, if it is not whole, of
 * another kind, or without the MAC that it should carry; ST_UNSUPPORTED if, and only if, a newer
 * Bulkhead wrote it. Changes nothing. Content and name lie in the arena. */
enum status state_load(int dir, const char *name, const struct state_kind *kind, struct arena *a,
                       struct state_content *out);
enum status state_remove(int dir, const char *name); /* ST_DONE if there was none */
/* The names in the folder, in the arena, without "lock". Removes temporary files that a crash
 * left. */
enum status state_list(int dir, struct arena *a, const char ***names_out, size_t *count_out);

/* The kernel's boot_id, or "" if it cannot be read. State that holds only until the host restarts
 * is kept together with it. */
const char *state_boot_id(void);

/* Parses a whole file's bytes, for state_load() and the fuzz target. *out points into them. */
enum status state_parse(const char *name, struct bytes file, const struct state_kind *kind,
                        struct state_content *out);
/* The kind and version that a file's head names, without checking the rest; false if the file has
 * no such head. */
bool state_peek(int dir, const char *name, char kind[static STATE_KIND_SIZE],
                uint32_t *version_out);
/* The refusal of a file that is not as its owner wrote it. */
enum status state_damaged(const char *name, const char *expected, const char *found);
/* The refusal of a file that a newer Bulkhead wrote, also for files in a format of their own. */
enum status state_newer(const char *name, uint32_t known, uint32_t found);

#endif
