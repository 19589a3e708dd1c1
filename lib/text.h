/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text files that a person wrote: read in one way, with what an editor, a mail program or another
 * system leaves in them and nobody sees. XML is not read here: its own rules say the same.
 */
#ifndef BULKHEAD_LIB_TEXT_H
#define BULKHEAD_LIB_TEXT_H

#include "lib/arena.h"
#include "lib/buffer.h"
#include "lib/status.h"

/* Without a UTF-8 byte order mark, with lines that end with a line feed alone, the last one, too. A
 * carriage return elsewhere stays, to be refused. In the arena, with a 0 byte behind it. */
struct bytes text_plain(struct arena *a, struct bytes text);
/* As text_plain(). ST_INVALID, about that subject, if it is no text at all: UTF-16, or with a NUL
 * byte. remedy: beside that of UTF-16; may be NULL. */
enum status text_read(const char *subject, struct bytes text, const char *remedy, struct arena *a,
                      struct bytes *text_out);
/* As text_plain(), without blanks at the ends of lines, and without empty lines at the end. */
struct bytes text_trimmed(struct arena *a, struct bytes text);

#endif
