/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passphrases, from a file or from a terminal without echo, handed on as the read end of a pipe:
 * never an argument, never in the environment, wiped from memory once they are in the pipe.
 */
#ifndef BULKHEAD_TOOLS_PASSPHRASE_H
#define BULKHEAD_TOOLS_PASSPHRASE_H

#include "lib/status.h"

#include <stdbool.h>

enum { PASSPHRASE_MOST = 512 };

/* file: its first line, without the newline; NULL: ask on the terminal, twice to make a new one.
 * ST_USAGE, described, if there is neither a file nor a terminal, or the two differ, or it is
 * empty or over PASSPHRASE_MOST bytes. The descriptor is the caller's. */
enum status passphrase_pipe(const char *file, const char *prompt, bool twice, int *fd_out);
/* Is there a terminal to ask on? */
bool passphrase_can_ask(void);

#endif
