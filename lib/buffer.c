/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that grow, a reader that cannot run off the end, and hex. */
#include "lib/buffer.h"
#include "lib/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_clear(struct buffer *b)
{
        size_t cap = b->cap;

        free(b->data);
        *b = (struct buffer)BUFFER_INIT(cap);
}

/* Room for len more bytes and the 0 behind them; false once the cap is hit. */
static bool make_room(struct buffer *b, size_t len)
{
        size_t room = b->room ? b->room : 256;

        if (b->full || len > b->cap - b->len) {
                b->full = true;
                return false;
        }
        if (b->len + len + 1 <= b->room)
                return true;
        while (room < b->len + len + 1)
                room *= 2;
        b->data = memory_grow(b->data, room, 1);
        b->room = room;
        return true;
}

void buffer_reserve(struct buffer *b, size_t len)
{
        if (b->full || len > b->cap || len < b->room)
                return;
        b->data = memory_grow(b->data, len + 1, 1);
        b->room = len + 1;
}

void buffer_add(struct buffer *b, const void *bytes, size_t len)
{
        if (!make_room(b, len))
                return;
        if (len)
                memcpy(b->data + b->len, bytes, len);
        b->len += len;
        b->data[b->len] = 0;
}

void buffer_text(struct buffer *b, const char *text)
{
        buffer_add(b, text, strlen(text));
}

void buffer_print(struct buffer *b, const char *format, ...)
{
        va_list args, again;
        int n;

        va_start(args, format);
        va_copy(again, args);
        n = vsnprintf(NULL, 0, format, args);
        if (n >= 0 && make_room(b, (size_t)n)) {
                vsnprintf((char *)b->data + b->len, (size_t)n + 1, format, again);
                b->len += (size_t)n;
        }
        va_end(again);
        va_end(args);
}

static void add_big_endian(struct buffer *b, uint64_t v, int size)
{
        uint8_t bytes[8];

        for (int i = 0; i < size; i++)
                bytes[i] = (uint8_t)(v >> 8 * (size - 1 - i));
        buffer_add(b, bytes, (size_t)size);
}

void buffer_u8(struct buffer *b, uint8_t v)
{
        add_big_endian(b, v, 1);
}

void buffer_u16(struct buffer *b, uint16_t v)
{
        add_big_endian(b, v, 2);
}

void buffer_u32(struct buffer *b, uint32_t v)
{
        add_big_endian(b, v, 4);
}

void buffer_u64(struct buffer *b, uint64_t v)
{
        add_big_endian(b, v, 8);
}

struct bytes buffer_bytes(const struct buffer *b)
{
        return (struct bytes){b->data, b->len};
}

struct reader reader_of(struct bytes b)
{
        return (struct reader){b.data, b.len, false};
}

const uint8_t *read_bytes(struct reader *r, size_t len)
{
        const uint8_t *p = r->at;

        if (r->bad || len > r->left) {
                r->bad = true;
                return NULL;
        }
        r->at += len;
        r->left -= len;
        return p;
}

static uint64_t read_big_endian(struct reader *r, size_t size)
{
        const uint8_t *p = read_bytes(r, size);
        uint64_t v = 0;

        for (size_t i = 0; p && i < size; i++)
                v = v << 8 | p[i];
        return v;
}

uint8_t read_u8(struct reader *r)
{
        return (uint8_t)read_big_endian(r, 1);
}

uint16_t read_u16(struct reader *r)
{
        return (uint16_t)read_big_endian(r, 2);
}

uint32_t read_u32(struct reader *r)
{
        return (uint32_t)read_big_endian(r, 4);
}

uint64_t read_u64(struct reader *r)
{
        return read_big_endian(r, 8);
}

bool reader_done(const struct reader *r)
{
        return !r->bad && !r->left;
}

void hex_write(char *out, const uint8_t *bytes, size_t len)
{
        for (size_t i = 0; i < len; i++) {
                *out++ = "0123456789abcdef"[bytes[i] >> 4];
                *out++ = "0123456789abcdef"[bytes[i] & 15];
        }
        *out = 0;
}

static int hex_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

long hex_read(const char *text, size_t text_len, uint8_t *out, size_t room)
{
        if (text_len % 2 || text_len / 2 > room)
                return -1;
        for (size_t i = 0; i < text_len; i += 2) {
                int high = hex_value(text[i]), low = hex_value(text[i + 1]);

                if (high < 0 || low < 0)
                        return -1;
                out[i / 2] = (uint8_t)(high << 4 | low);
        }
        return (long)(text_len / 2);
}

size_t utf8_sequence(const uint8_t *p, size_t left)
{
        uint32_t v;
        size_t n;

        if (p[0] < 0x80)
                return 1;
        n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
        if (p[0] < 0xc2 || p[0] > 0xf4 || left < n)
                return 0;
        v = p[0] & (0xff >> (n + 1));
        for (size_t i = 1; i < n; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
                v = v << 6 | (p[i] & 0x3f);
        }
        if ((n == 3 && v < 0x800) || (n == 4 && (v < 0x10000 || v > 0x10ffff)) ||
            (v >= 0xd800 && v <= 0xdfff))
                return 0;
        return n;
}

/* p: a whole sequence. */
static bool is_control(const uint8_t *p)
{
        if (p[0] == 0xc2 || p[0] < 0x80) /* C0, DEL; C1 */
                return p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0);
        if (p[0] == 0xe2 && p[1] == 0x80) /* U+200E, U+200F; U+2028 to U+202E */
                return p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xa8 && p[2] <= 0xae);
        return p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9; /* U+2066 to U+2069 */
}

void utf8_printable(char *to, size_t size, const char *from)
{
        size_t left = from ? strlen(from) : 0, n = 0;

        for (size_t len; left; from += len, left -= len) {
                size_t valid = utf8_sequence((const uint8_t *)from, left);
                bool bad = !valid || is_control((const uint8_t *)from);
                size_t written = bad ? 1 : valid;

                len = valid ? valid : 1;
                if (n + written >= size)
                        break;
                memcpy(to + n, bad ? "?" : from, written);
                n += written;
        }
        to[n] = 0;
}
