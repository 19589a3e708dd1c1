/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passphrases, from a file or from a terminal without echo, handed on as the read end of a pipe:
 * never an argument, never in the environment, and wiped from memory once in the pipe.
 */
#ifndef BULKHEAD_TOOLS_PASSPHRASE_H
#define BULKHEAD_TOOLS_PASSPHRASE_H

#include "lib/status.h"

#include <stdbool.h>

enum { PASSPHRASE_MOST = 512 };

/* Reads the first line of the file, or, if file is NULL, asks on the terminal: `prompt`, and twice
 * for a new passphrase. ST_USAGE if there is no terminal, if the two differ, or for an empty
 * passphrase or one over PASSPHRASE_MOST bytes. The descriptor is the caller's. */
enum status passphrase_pipe(const char *file, const char *prompt, bool twice, int *fd_out);
/* Is there a terminal to ask on? */
bool passphrase_can_ask(void);

#endif
