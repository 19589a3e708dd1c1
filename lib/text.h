/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text files that a person wrote: read in one way, with what an editor, a mail program or another
 * system leaves in them and nobody sees. XML is not read here: its own rules say the same.
 */
#ifndef BULKHEAD_LIB_TEXT_H
#define BULKHEAD_LIB_TEXT_H

#include "lib/arena.h"
#include "lib/buffer.h"

/* What is no text at all: "UTF-16" or "a NUL byte"; NULL if nothing is. */
const char *text_wrong(struct bytes text);
/* Without a UTF-8 byte order mark, with lines that end with a line feed alone, the last one, too. A
 * carriage return elsewhere stays, to be refused. In the arena, with a 0 byte behind it. */
struct bytes text_plain(struct arena *a, struct bytes text);
/* The same without blanks at the ends of lines, and without empty lines at the end. */
struct bytes text_trimmed(struct arena *a, struct bytes text);

#endif
