/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and writes trust records. The record decides which host the verifier believes, so it has
 * exactly one form: each name once, in one order, each value spelled in one way, nothing else. Only
 * what editors and mail do to the lines of a text file is undone first.
 */
#include "proof/trust.h"
#include "lib/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char first_line[] = "bulkhead-trust: 1\n";

struct cursor {
        struct bytes left;
        struct arena *arena;
        const char *wrong; /* the first name that was missing or whose value is not valid */
        const char *at;    /* the line that was read last */
};

/* The value of the next line, which must be `name`; "" once anything was wrong. */
static const char *next_value(struct cursor *c, const char *name)
{
        const uint8_t *end = c->left.len ? memchr(c->left.data, '\n', c->left.len) : NULL;
        size_t line = end ? (size_t)(end - c->left.data) : 0, len = strlen(name), start;
        const char *value;

        if (c->wrong)
                return "";
        c->at = arena_copy(c->arena, c->left.data, line);
        if (line < len + 1 || memcmp(c->left.data, name, len) || c->left.data[len] != ':' ||
            (line > len + 1 && (line == len + 2 || c->left.data[len + 1] != ' '))) {
                c->wrong = name;
                return "";
        }
        start = line > len + 1 ? len + 2 : line; /* no blank follows if the value is empty */
        value = arena_copy(c->arena, c->left.data + start, line - start);
        if (strlen(value) != line - start)
                c->wrong = name;
        c->left.data += line + 1;
        c->left.len -= line + 1;
        return value;
}

static struct bytes next_hex(struct cursor *c, const char *name)
{
        const char *text = next_value(c, name);
        size_t len = strlen(text);
        uint8_t *bytes = arena_get(c->arena, len / 2 + 1);
        char *again = arena_get(c->arena, len + 2);

        if (hex_read(text, len, bytes, len / 2) < 0) {
                c->wrong = c->wrong ? c->wrong : name;
                return (struct bytes){0};
        }
        hex_write(again, bytes, len / 2);
        if (strcmp(text, again))
                c->wrong = name;
        return (struct bytes){bytes, len / 2};
}

/* An empty value is HASH_NONE. */
static struct digest next_digest(struct cursor *c, const char *name, enum hash_alg alg)
{
        struct bytes b = next_hex(c, name);
        struct digest d = {.alg = alg};

        if (!b.len)
                return (struct digest){0};
        if (b.len != hash_size(alg)) {
                c->wrong = c->wrong ? c->wrong : name;
                return (struct digest){0};
        }
        memcpy(d.bytes, b.data, b.len);
        return d;
}

static uint64_t next_number(struct cursor *c, const char *name, uint64_t most)
{
        const char *text = next_value(c, name);
        char again[24];
        uint64_t v = strtoull(text, NULL, 10);

        snprintf(again, sizeof again, "%" PRIu64, v);
        if (strcmp(text, again) || v > most) {
                c->wrong = c->wrong ? c->wrong : name;
                return 0;
        }
        return v;
}

static bool printable(const char *text)
{
        size_t len = strlen(text);

        for (size_t i = 0; i < len; i++)
                if (text[i] < 0x20 || text[i] > 0x7e)
                        return false;
        return len && len <= TRUST_ENROLLED_MOST;
}

/* Checks each value against the others. NULL, or the name of one that does not fit. */
static const char *misfit(const struct trust *t)
{
        struct digest name;

        if (t->host.alg != HASH_SHA256)
                return "host";
        if (!t->ak_public.len)
                return "ak-public";
        name = digest_of(HASH_SHA256, t->ak_public.data, t->ak_public.len);
        if (t->ak_name.len != 34 || memcmp(t->ak_name.data, "\x00\x0b", 2) ||
            memcmp(t->ak_name.data + 2, name.bytes, 32))
                return "ak-name";
        if (!t->enrolled || !printable(t->enrolled))
                return "enrolled";
        if (!hash_size(t->alg))
                return "alg";
        if (t->log_root.alg != (t->log_length ? t->alg : HASH_NONE))
                return "log-root";
        return NULL;
}

static void read_values(struct cursor *c, struct trust *t)
{
        struct bytes root;

        t->host = next_digest(c, "host", HASH_SHA256);
        t->ak_public = next_hex(c, "ak-public");
        t->ak_name = next_hex(c, "ak-name");
        t->enrolled = next_value(c, "enrolled");
        t->reset_count = (uint32_t)next_number(c, "reset-count", UINT32_MAX);
        t->restart_count = (uint32_t)next_number(c, "restart-count", UINT32_MAX);
        t->clock = next_number(c, "clock", UINT64_MAX);
        t->log_length = next_number(c, "log-length", UINT64_MAX);
        root = next_hex(c, "log-root");
        t->alg = hash_of_name(next_value(c, "alg"));
        if (root.len && root.len == hash_size(t->alg)) {
                t->log_root.alg = t->alg;
                memcpy(t->log_root.bytes, root.data, root.len);
        } else if (root.len && !c->wrong) {
                c->wrong = "log-root";
        }
        if (!c->wrong)
                c->wrong = misfit(t);
}

enum status trust_read(struct bytes text, struct arena *a, struct trust *out)
{
        struct cursor c = {.left = text, .arena = a};
        struct trust t = {0};

        *out = t;
        if (text.len > TRUST_MOST)
                return FAIL(ST_TOO_LARGE, .subject = "trust record", .expected = "at most 16 KiB");
        text = text_trimmed(a, text);
        c.left = text;
        if (text.len < sizeof first_line - 1 ||
            memcmp(text.data, first_line, sizeof first_line - 1))
                return FAIL(ST_INVALID, .subject = "trust record",
                            .expected = "a first line \"bulkhead-trust: 1\"",
                            .remedy = "bulkhead status --trust");
        c.left.data += sizeof first_line - 1;
        c.left.len -= sizeof first_line - 1;
        read_values(&c, &t);
        if (c.wrong)
                return FAIL(ST_INVALID, .subject = "trust record",
                            .expected = FMT("a valid \"%s\", where it belongs", c.wrong),
                            .found = QUOTED(c.at), .remedy = "bulkhead status --trust");
        if (c.left.len)
                return FAIL(ST_INVALID, .subject = "trust record",
                            .found = "more text after \"alg\"");
        *out = t;
        return ST_DONE;
}

static void line_hex(struct buffer *out, const char *name, const uint8_t *bytes, size_t len)
{
        char pair[3];

        buffer_print(out, len ? "%s: " : "%s:", name);
        for (size_t i = 0; i < len; i++) {
                hex_write(pair, bytes + i, 1);
                buffer_text(out, pair);
        }
        buffer_text(out, "\n");
}

enum status trust_write(const struct trust *t, struct buffer *out)
{
        const char *wrong = misfit(t);
        size_t start = out->len;

        if (wrong)
                return FAIL(ST_INVALID, .subject = "trust record",
                            .found = FMT("'%s' is not valid", wrong));
        buffer_text(out, first_line);
        line_hex(out, "host", t->host.bytes, hash_size(t->host.alg));
        line_hex(out, "ak-public", t->ak_public.data, t->ak_public.len);
        line_hex(out, "ak-name", t->ak_name.data, t->ak_name.len);
        buffer_print(out, "enrolled: %s\n", t->enrolled);
        buffer_print(out, "reset-count: %" PRIu32 "\n", t->reset_count);
        buffer_print(out, "restart-count: %" PRIu32 "\n", t->restart_count);
        buffer_print(out, "clock: %" PRIu64 "\n", t->clock);
        buffer_print(out, "log-length: %" PRIu64 "\n", t->log_length);
        line_hex(out, "log-root", t->log_root.bytes, hash_size(t->log_root.alg));
        buffer_print(out, "alg: %s\n", hash_name(t->alg));
        if (out->full || out->len - start > TRUST_MOST)
                return FAIL(ST_TOO_LARGE, .subject = "trust record");
        return ST_DONE;
}

bool trust_is_enrolled(const struct trust *trust)
{
        return trust->enrolled && strcmp(trust->enrolled, "no") != 0;
}
