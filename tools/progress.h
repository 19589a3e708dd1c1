/* SPDX-License-Identifier: Apache-2.0 */
/* A progress bar on standard error, if that is a terminal; none with --quiet. */
#ifndef BULKHEAD_TOOLS_PROGRESS_H
#define BULKHEAD_TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Finds out whether there is a terminal, and its width. The other functions only write and read the
 * clock, so that they also work in a sandbox. what: shown before the bar; copied. */
void progress_begin(const char *what);
bool progress_wanted(void); /* after progress_begin(): will a bar be drawn? */
/* Draws if a permille has changed: bytes, and how many a second. May be called from any thread, and
 * often. */
void progress_show(uint64_t done, uint64_t total);
/* What stands before the bar from now on, a copy; not while another thread draws. */
void progress_name(const char *what);
void progress_end(void); /* wipes the bar */

#endif
