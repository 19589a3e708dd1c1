/* SPDX-License-Identifier: Apache-2.0 */
/* Files in memory that become unchangeable (memfd_create(2), file seals of fcntl(2)). */
#ifndef BULKHEAD_LIB_MEMORY_FILE_H
#define BULKHEAD_LIB_MEMORY_FILE_H

#include "lib/status.h"

/* A new file: empty, writable, close-on-exec, not sealed yet. name: what /proc shows. The caller
 * closes it. */
enum status memory_file_new(const char *name, int *fd_out);
/* Makes content and size unchangeable (F_SEAL_WRITE, GROW, SHRINK, SEAL). Waits up to two seconds
 * for writable mappings and pages in use to go; ST_BUSY if they stay. */
enum status memory_file_seal(int fd);

#endif
