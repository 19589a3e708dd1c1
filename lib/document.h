/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes XML that is its own exclusive canonical form (W3C xml-exc-c14n, no comments), so that a
 * digest over it is the one that `xmllint --exc-c14n FILE | sha256sum` prints: no declaration, no
 * namespace, attributes in code point order, every element with an end tag, no white space that
 * is not text. Names of elements and attributes are literals; text and values come from anywhere.
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
        bool bad; /* text that XML cannot carry was given; document_end() refuses */
};

/* The length of the character at p if it is well-formed UTF-8 (RFC 3629) and XML 1.0 can carry it
 * (section 2.2, Char), else 0. left: the bytes at p, at least 1. */
size_t document_character(const uint8_t *p, size_t left);

struct document document_begin(struct buffer *out);
void document_open(struct document *d, const char *element);
/* Attributes follow document_open() at once, sorted by name (asserted). */
void document_attribute(struct document *d, const char *name, const char *value);
void document_attribute_u64(struct document *d, const char *name, uint64_t value);
void document_text(struct document *d, const char *text);
void document_hex(struct document *d, const uint8_t *bytes, size_t len);
/* Puts in canonical XML that was made elsewhere, as it is. */
void document_raw(struct document *d, struct bytes canonical);
void document_close(struct document *d);
/* ST_INVALID if the document is bad, ST_TOO_LARGE if out is full. Every element must be closed
 * (asserted). */
enum status document_end(struct document *d);

#endif
