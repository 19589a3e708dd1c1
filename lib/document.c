/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes XML that is canonical from the start. Every process that makes a document comes here; it
 * needs no file and no XML library.
 */
#include "lib/document.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct document document_begin(struct buffer *out)
{
        return (struct document){.out = out};
}

size_t document_character(const uint8_t *p, size_t left)
{
        size_t len = utf8_sequence(p, left);

        if (len == 1 && *p < 0x20)
                return *p == '\t' || *p == '\n' || *p == '\r';
        if (len == 3 && p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe) /* U+FFFE, U+FFFF */
                return 0;
        return len;
}

/* Canonical XML 1.0, section 2.3: what stands for a character in text and in attributes. */
static const char *escaped(unsigned char c, bool in_attribute)
{
        switch (c) {
        case '&':
                return "&amp;";
        case '<':
                return "&lt;";
        case '\r':
                return "&#xD;";
        case '>':
                return in_attribute ? NULL : "&gt;";
        case '"':
                return in_attribute ? "&quot;" : NULL;
        case '\t':
                return in_attribute ? "&#x9;" : NULL;
        case '\n':
                return in_attribute ? "&#xA;" : NULL;
        default:
                return NULL;
        }
}

/* Stands for itself in text and in attributes; nearly every character does. */
static bool is_plain(unsigned char c)
{
        return c >= ' ' && c < 0x7f && c != '&' && c != '<' && c != '>' && c != '"';
}

static void add_escaped(struct document *d, const char *text, bool in_attribute)
{
        const unsigned char *p = (const unsigned char *)text, *plain = p;

        while (*p) {
                const char *instead;
                size_t len;

                if (is_plain(*p)) {
                        p++;
                        continue;
                }
                instead = escaped(*p, in_attribute);
                len = document_character(p, strnlen((const char *)p, 4));
                if (!len) {
                        d->bad = true;
                        return;
                }
                if (instead) {
                        buffer_add(d->out, plain, (size_t)(p - plain));
                        buffer_text(d->out, instead);
                        plain = p + len;
                }
                p += len;
        }
        buffer_add(d->out, plain, (size_t)(p - plain));
}

static void end_tag(struct document *d)
{
        if (d->in_tag)
                buffer_add(d->out, ">", 1);
        d->in_tag = false;
}

void document_open(struct document *d, const char *element)
{
        assert(d->depth < DOCUMENT_DEPTH);
        end_tag(d);
        buffer_add(d->out, "<", 1);
        buffer_text(d->out, element);
        d->open[d->depth++] = element;
        d->last_attribute = NULL;
        d->in_tag = true;
}

void document_attribute(struct document *d, const char *name, const char *value)
{
        assert(d->in_tag);
        assert(!d->last_attribute || strcmp(d->last_attribute, name) < 0);
        d->last_attribute = name;
        buffer_add(d->out, " ", 1);
        buffer_text(d->out, name);
        buffer_add(d->out, "=\"", 2);
        add_escaped(d, value, true);
        buffer_add(d->out, "\"", 1);
}

void document_attribute_u64(struct document *d, const char *name, uint64_t value)
{
        char text[24];

        snprintf(text, sizeof text, "%" PRIu64, value);
        document_attribute(d, name, text);
}

void document_text(struct document *d, const char *text)
{
        assert(d->depth);
        end_tag(d);
        add_escaped(d, text, false);
}

void document_hex(struct document *d, const uint8_t *bytes, size_t len)
{
        assert(d->depth);
        end_tag(d);
        for (size_t i = 0; i < len; i++) {
                char two[3];

                hex_write(two, bytes + i, 1);
                buffer_add(d->out, two, 2);
        }
}

void document_raw(struct document *d, struct bytes canonical)
{
        end_tag(d);
        buffer_add(d->out, canonical.data, canonical.len);
}

void document_close(struct document *d)
{
        assert(d->depth);
        end_tag(d);
        buffer_add(d->out, "</", 2);
        buffer_text(d->out, d->open[--d->depth]);
        buffer_add(d->out, ">", 1);
}

enum status document_end(struct document *d)
{
        assert(!d->depth);
        if (d->bad)
                return FAIL(ST_INVALID, .subject = "document",
                            .expected = "UTF-8 text that XML can carry, nodes in order");
        if (d->out->full) {
                d->bad = true;
                return FAIL(ST_TOO_LARGE, .subject = "document",
                            .expected = FMT("at most %zu bytes", d->out->cap));
        }
        return ST_DONE;
}
