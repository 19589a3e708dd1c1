/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that grow up to a cap. After the cap is hit the buffer is `full`: nothing more is added,
 * and whoever hands its content on must look at `full` first.
 */
#ifndef BULKHEAD_LIB_BUFFER_H
#define BULKHEAD_LIB_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes in memory that somebody else owns. */
struct bytes {
        const uint8_t *data;
        size_t len;
};

struct buffer {
        uint8_t *data; /* followed by a 0 byte once anything was added */
        size_t len, room, cap;
        bool full;
};

#define BUFFER_INIT(most)                                                                          \
        {                                                                                          \
                .cap = (most)                                                                      \
        }

void buffer_clear(struct buffer *b);               /* frees; may be called again */
void buffer_reserve(struct buffer *b, size_t len); /* room for len bytes in all, no more */
void buffer_add(struct buffer *b, const void *bytes, size_t len);
void buffer_text(struct buffer *b, const char *text);
void buffer_print(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_u8(struct buffer *b, uint8_t v); /* integers are big endian */
void buffer_u16(struct buffer *b, uint16_t v);
void buffer_u32(struct buffer *b, uint32_t v);
void buffer_u64(struct buffer *b, uint64_t v);
struct bytes buffer_bytes(const struct buffer *b);

/* A reader over bytes from outside. After the first read past the end `bad` stays set, every
 * result is zero or NULL, and the caller checks once at the end. */
struct reader {
        const uint8_t *at;
        size_t left;
        bool bad;
};

struct reader reader_of(struct bytes b);
uint8_t read_u8(struct reader *r);
uint16_t read_u16(struct reader *r);
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
const uint8_t *read_bytes(struct reader *r, size_t len); /* borrowed, NULL if not there */
bool reader_done(const struct reader *r);                /* nothing bad, nothing left */

/* Hex: lower case out, either case in. */
void hex_write(char *out, const uint8_t *bytes, size_t len); /* 2 * len + 1 characters */
/* The number of bytes written, or -1: odd length, another character, more than `room` bytes. */
long hex_read(const char *text, size_t text_len, uint8_t *out, size_t room);

/* The length of the UTF-8 sequence at p (RFC 3629: no overlong forms, no surrogates), or 0. left:
 * the bytes at p, at least 1. */
size_t utf8_sequence(const uint8_t *p, size_t left);
/* Makes a text of unknown origin (NULL is "") safe for terminals and logs: UTF-8, cut to `size`
 * bytes with the 0. '?' stands for a byte that is no UTF-8, for a control character (C0, DEL, and
 * C1, since U+009B begins an escape sequence), for U+2028 and U+2029, which end a line, and for a
 * character that changes the text's direction. */
void utf8_printable(char *to, size_t size, const char *from);

#endif
