/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a measurement is, told by a worker while it works: one page that both ends have mapped.
 * What stands there is the worker's word, to be shown to a person; nothing depends on it.
 */
#ifndef BULKHEAD_MEASURE_PROGRESS_PAGE_H
#define BULKHEAD_MEASURE_PROGRESS_PAGE_H

#include <stdatomic.h>
#include <stdint.h>

struct progress_page {
        _Atomic uint64_t done, total; /* bytes */
};

/* Makes one; *fd_out, which is the caller's, is for the other end. Its size cannot be changed. NULL
 * and -1 if there is no memory for it: then nothing is told. */
struct progress_page *progress_page_new(int *fd_out);
/* The other end's; NULL if fd is none. */
struct progress_page *progress_page_map(int fd);
void progress_page_free(struct progress_page *p); /* NULL is fine */

#endif
