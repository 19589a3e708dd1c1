/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files that the command line names: read with a cap, or replaced at once. "-" is standard
 * input, which is read once, or standard output. */
#ifndef BULKHEAD_TOOLS_FILE_H
#define BULKHEAD_TOOLS_FILE_H

#include "lib/arena.h"
#include "lib/buffer.h"
#include "lib/status.h"

/* ST_IO or ST_NO_SPACE with what errno says: a file that is missing, or no file, is no refusal,
 * whatever the reason. */
enum status file_failed(const char *path);
/* Opens it to read; the descriptor is the caller's. ST_USAGE for a second "-". */
enum status file_open(const char *path, int *fd_out);
/* Reads the file into the arena, with a 0 byte behind it. ST_TOO_LARGE over `most` bytes. */
enum status file_read(const char *path, size_t most, struct arena *a, struct bytes *out);
/* ST_USAGE if the output would replace that input: one regular file, by whatever path. NULL: none.
 */
enum status file_must_differ(const char *output, const char *input);
/* Replaces the file as a whole (temporary file beside it, fsync, rename), so that the old or the
 * new content is there, never a part. An old file's mode stays; a new file has 0666 less the umask.
 * What is no regular file is written to. */
enum status file_replace(const char *path, struct bytes content);
/* The same for a regular file that must still hold `was`: if several processes read it and want to
 * replace it, one does, and the others get ST_BUSY. A symbolic link stays, and its target is
 * replaced. */
enum status file_update(const char *path, struct bytes was, struct bytes content, struct arena *a);

#endif
