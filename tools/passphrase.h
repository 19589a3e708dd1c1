/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passphrases, from a file or from a terminal without echo, handed on as the read end of a pipe:
 * never an argument, never in the environment, and wiped from memory once in the pipe.
 */
#ifndef BULKHEAD_TOOLS_PASSPHRASE_H
#define BULKHEAD_TOOLS_PASSPHRASE_H

#include "lib/message.h"

#include <stdbool.h>

enum { PASSPHRASE_MOST = 512 };

/* What is asked for on the terminal, and the option that gives the same without one. */
struct passphrase_prompt {
        const char *text, *option;
};
/* Reads the first line of the file, or, if file is NULL, asks on the terminal: `prompt`, and twice
 * for a new passphrase. ST_USAGE if there is no terminal, if the two differ, or for an empty
 * passphrase or one over PASSPHRASE_MOST bytes. The descriptor is the caller's. */
enum status passphrase_pipe(const char *file, const struct passphrase_prompt *prompt, bool twice,
                            int *fd_out);
/* Where a passphrase of disks comes from: the first line of a file; or all bytes of a file, as
 * cryptsetup(8) reads key files, or `size` of them (0: to its end) from `offset` on. */
struct passphrase_source {
        const char *file, *key_file;
        uint64_t offset, size;
        bool part; /* offset or size was given */
};
bool passphrase_is_given(const struct passphrase_source *from);
/* As passphrase_pipe(), from a source; a key file comes in a sealed memory file. */
enum status passphrase_take(const struct passphrase_source *from,
                            const struct passphrase_prompt *prompt, bool twice, int *fd_out,
                            enum passphrase_form *form_out);
/* The same for one that is in memory, of at most PASSPHRASE_MOST bytes. */
enum status passphrase_of(struct bytes passphrase, int *fd_out);

/* Asks on the terminal; false without one, too. */
bool passphrase_confirm(const char *question);
/* Is there a terminal to ask on? */
bool passphrase_can_ask(void);

#endif
