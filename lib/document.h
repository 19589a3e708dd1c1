/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes XML that is its own exclusive canonical form (W3C xml-exc-c14n, no comments), so that a
 * digest over it is the one that `xmllint --exc-c14n FILE | sha256sum` prints: no declaration, no
 * namespace, attributes in code point order, every element with an end tag, no white space that
 * is not text. Elements and attributes have names of ours; text and values come from anywhere.
 */
#ifndef BULKHEAD_LIB_DOCUMENT_H
#define BULKHEAD_LIB_DOCUMENT_H

#include "lib/buffer.h"
#include "lib/message.h"

enum { DOCUMENT_DEPTH = 64 };

struct document {
        struct buffer *out;
        const char *open[DOCUMENT_DEPTH];
        unsigned depth;
        const char *last_attribute; /* in the start tag that is open, or NULL */
        bool in_tag;
        bool bad; /* text that XML cannot carry was given, or out is full: do not use it */
};

/* The length of the character at text (not at its end) if it is well-formed UTF-8 (RFC 3629) and
 * XML 1.0 can carry it (section 2.2, Char), else 0. */
size_t document_character(const char *text);

struct document document_begin(struct buffer *out);
void document_open(struct document *d, const char *element);
/* Attributes follow document_open() at once, sorted by name (asserted). */
void document_attribute(struct document *d, const char *name, const char *value);
void document_attribute_u64(struct document *d, const char *name, uint64_t value);
void document_text(struct document *d, const char *text);
void document_hex(struct document *d, const uint8_t *bytes, size_t len);
/* Canonical XML made elsewhere, put in as it is. */
void document_raw(struct document *d, struct bytes canonical);
void document_close(struct document *d);
/* ST_DONE, or ST_INVALID if bad; ST_TOO_LARGE if out is full. Everything must be closed. */
enum status document_end(struct document *d);

#endif
