/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files that the one who typed named: read with a cap, or replaced at once. */
#ifndef BULKHEAD_TOOLS_FILE_H
#define BULKHEAD_TOOLS_FILE_H

#include "lib/arena.h"
#include "lib/buffer.h"
#include "lib/status.h"

/* The content, in the arena with a 0 byte behind it. ST_TOO_LARGE over `most`. */
enum status file_read(const char *path, size_t most, struct arena *a, struct bytes *out);
/* The old or the new content, never a part: temporary file beside it, fsync, rename. The mode of
 * a file that was there stays; a new one is 0644 less the umask. */
enum status file_replace(const char *path, struct bytes content);
/* The same for a regular file that must still hold `was`: of several that read it and want to
 * replace it, one does, and the others get ST_BUSY. A symbolic link stays, its file is replaced. */
enum status file_update(const char *path, struct bytes was, struct bytes content, struct arena *a);

#endif
