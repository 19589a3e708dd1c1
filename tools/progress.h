/* SPDX-License-Identifier: Apache-2.0 */
/* A progress bar on standard error, if that is a terminal. */
#ifndef BULKHEAD_TOOLS_PROGRESS_H
#define BULKHEAD_TOOLS_PROGRESS_H

#include <stdint.h>

/* Looks once whether there is a terminal and how wide it is; the rest only writes, so that it works
 * in a sandbox too. what: shown before the bar, kept by the caller. */
void progress_begin(const char *what);
/* From any thread, as often as one likes: drawn when a permille has changed. */
void progress_show(uint64_t done, uint64_t total);
void progress_end(void); /* wipes the bar */

#endif
