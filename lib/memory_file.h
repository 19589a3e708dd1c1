/* SPDX-License-Identifier: Apache-2.0 */
/* Files in memory that become unchangeable (memfd_create(2), file seals of fcntl(2)). */
#ifndef BULKHEAD_LIB_MEMORY_FILE_H
#define BULKHEAD_LIB_MEMORY_FILE_H

#include "lib/status.h"

/* Empty, writable, can be sealed; the name is what /proc shows. The caller closes it. */
enum status memory_file_new(const char *name, int *fd_out);
/* From here on nobody can change it: F_SEAL_WRITE, GROW, SHRINK, SEAL. Waits a few seconds for
 * mappings that can write and for pages that are in use to go; ST_BUSY when they stay. */
enum status memory_file_seal(int fd);

#endif
