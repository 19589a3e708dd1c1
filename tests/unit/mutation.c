/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes, fields and elements of evidence changed, dropped, doubled, swapped, and taken from other
 * evidence; and quotes that a key has signed over something wrong. */
#include "tests/unit/mutation.h"
#include "tests/unit/evidence_make.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 2, SPANS_MOST = 512 };

#define ASKS(attributes, dest, after)                                                              \
        "<attestation-desc><attestation " attributes                                               \
        "type=\"tpm-based\"><measurement-desc type=\"tpm\"><measureTarget dest=\"PCR16\" "         \
        "name=\"disk:/a\"></measureTarget><measureTarget dest=\"" dest "\" name=\"disk:/b\">"      \
        "</measureTarget></measurement-desc><attestTarget "                                        \
        "name=\"PCR0,PCR4\"></attestTarget>" after "</attestation></attestation-desc>"

static const char *const descriptors[] = {
        ASKS("", "LOG", ""),
        ASKS("", "PCR16", ""),
        "<!-- a -->\n" ASKS("", "LOG", "<!-- b -->") "\n<!-- c -->",
        ASKS("challenge=\"6368616c6c656e67652d6f662d32302d62797465\" ", "LOG", ""),
        ASKS("aik=\"000b000000000000\" ", "LOG", ""),
        ASKS("", "LOG",
             "<predicate><xsl:stylesheet xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\" "
             "version=\"1.0\"><xsl:template match=\"/\"> <true></true> </xsl:template>"
             "</xsl:stylesheet></predicate>"),
};
enum { DESCRIPTORS = sizeof descriptors / sizeof *descriptors, HOSTS = 2 * DESCRIPTORS };

struct hosts {
        struct arena *arena;
        EVP_PKEY *keys[KEYS];
        struct plan plans[HOSTS];
        struct question questions[HOSTS];
};

/* xorshift64* */
static size_t below(struct mutation *m, size_t n)
{
        m->state ^= m->state >> 12;
        m->state ^= m->state << 25;
        m->state ^= m->state >> 27;
        return n ? (size_t)(m->state * 0x2545f4914f6cdd1dULL >> 33) % n : 0;
}

static bool one_in(struct mutation *m, size_t n)
{
        return below(m, n) == 0;
}

/* --- good evidence --------------------------------------------------------------------------- */

static struct bytes bytes_of(const char *text)
{
        return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static struct question ask(const struct plan *p, struct arena *a)
{
        struct made made = plan_make(p, a);
        struct buffer trust = BUFFER_INIT(TRUST_MOST);
        struct question q = {.evidence = made.text,
                             .challenge = p->challenge,
                             .descriptor = bytes_of(p->descriptor)};

        trust_write(&made.trust, &trust);
        q.trust = (struct bytes){arena_copy(a, trust.data, trust.len), trust.len};
        buffer_clear(&trust);
        return q;
}

static struct plan plan_of(struct hosts *h, size_t i)
{
        struct plan p = plan_good(h->keys[i % KEYS]);

        p.descriptor = descriptors[i % DESCRIPTORS];
        if (i % DESCRIPTORS == 1)
                p.extended = 2;
        if (i >= DESCRIPTORS) {
                p.alg = HASH_SHA384;
                p.bank = 0x000c;
                p.batch = 3 + i;
                p.place = i;
                p.log_before = 3 + 7 * i;
        }
        return p;
}

struct mutation *mutation_begin(unsigned long seed)
{
        struct mutation *m = memory_new(1, sizeof *m);
        struct hosts *h = m->hosts = memory_new(1, sizeof *h);

        m->seed = seed;
        m->state = seed * 2 + 1;
        h->arena = arena_new();
        for (int i = 0; i < KEYS; i++)
                h->keys[i] = plan_key();
        for (size_t i = 0; i < HOSTS; i++) {
                h->plans[i] = plan_of(h, i);
                h->questions[i] = ask(&h->plans[i], h->arena);
        }
        return m;
}

void mutation_end(struct mutation *m)
{
        for (int i = 0; i < KEYS; i++)
                EVP_PKEY_free(m->hosts->keys[i]);
        arena_free(m->hosts->arena);
        free(m->hosts);
        free(m);
}

/* --- text ------------------------------------------------------------------------------------ */

struct span {
        size_t at, len;
};

static struct bytes piece(struct bytes text, struct span s)
{
        return (struct bytes){text.data + s.at, s.len};
}

/* The text with `put` in the place of that span. */
static struct bytes with(struct bytes text, struct span s, struct bytes put, struct arena *a)
{
        uint8_t *out = arena_get(a, text.len - s.len + put.len + 1);

        memcpy(out, text.data, s.at);
        if (put.len)
                memcpy(out + s.at, put.data, put.len);
        memcpy(out + s.at + put.len, text.data + s.at + s.len, text.len - s.at - s.len);
        return (struct bytes){out, text.len - s.len + put.len};
}

static struct span some(struct mutation *m, struct bytes text, size_t most)
{
        size_t at = below(m, text.len), len = 1 + below(m, most);

        return (struct span){at, len < text.len - at ? len : text.len - at};
}

/* The elements of canonical text, start tag to end tag. */
static size_t elements(struct bytes text, struct span spans[static SPANS_MOST])
{
        size_t open[64], depth = 0, count = 0;

        for (size_t i = 0; i + 1 < text.len; i++) {
                const uint8_t *end;

                if (text.data[i] != '<' || text.data[i + 1] == '!')
                        continue;
                end = memchr(text.data + i, '>', text.len - i);
                if (!end)
                        break;
                if (text.data[i + 1] == '/' && depth) {
                        struct span *s = &spans[open[--depth]];

                        s->len = (size_t)(end + 1 - text.data) - s->at;
                } else if (text.data[i + 1] != '/' && depth < 64 && count < SPANS_MOST) {
                        spans[count] = (struct span){i, 0};
                        open[depth++] = count++;
                }
        }
        return depth ? 0 : count;
}

/* The values between quotation marks, and the texts between tags. */
static size_t values(struct bytes text, struct span spans[static SPANS_MOST])
{
        size_t count = 0;

        for (size_t i = 0; i + 1 < text.len && count < SPANS_MOST; i++) {
                char stop = text.data[i] == '"' ? '"' : '<';
                const uint8_t *end;

                if (text.data[i] != '"' && text.data[i] != '>')
                        continue;
                end = memchr(text.data + i + 1, stop, text.len - i - 1);
                if (!end)
                        break;
                if (end > text.data + i + 1)
                        spans[count++] = (struct span){i + 1, (size_t)(end - text.data) - i - 1};
                i = (size_t)(end - text.data) - (stop == '<');
        }
        return count;
}

/* --- ways to go wrong: each changes one text ------------------------------------------------- */

static struct bytes flip_bit(struct mutation *m, struct bytes text, struct bytes other,
                             struct arena *a)
{
        struct span s = some(m, text, 1);
        uint8_t byte = text.data[s.at] ^ (uint8_t)(1u << below(m, 8));

        (void)other;
        return with(text, s, (struct bytes){&byte, 1}, a);
}

static struct bytes change_character(struct mutation *m, struct bytes text, struct bytes other,
                                     struct arena *a)
{
        static const char characters[] = "<>&\"='/!-?; \t\r\n0123456789abcdefABCDEFxz:#";
        struct span s = some(m, text, 1);
        uint8_t byte = (uint8_t)characters[below(m, sizeof characters - 1)];

        (void)other;
        return with(text, s, (struct bytes){&byte, 1}, a);
}

static struct bytes drop_bytes(struct mutation *m, struct bytes text, struct bytes other,
                               struct arena *a)
{
        (void)other;
        return with(text, some(m, text, one_in(m, 4) ? 200 : 3), (struct bytes){0}, a);
}

static struct bytes insert_bytes(struct mutation *m, struct bytes text, struct bytes other,
                                 struct arena *a)
{
        static const char *const pieces[] = {
                " ",       "\n", "\r\n", "<!---->",      "<!-- <result -->", "&#xD;",
                "<?a b?>", "0",  "00",   "\xef\xbb\xbf", "\xc3\xbc",         "\xff"};
        struct span s = {below(m, text.len + 1), 0};
        struct bytes put = one_in(m, 2)
                                   ? piece(other, some(m, other, 20))
                                   : bytes_of(pieces[below(m, sizeof pieces / sizeof *pieces)]);

        return with(text, s, put, a);
}

/* One digit of a value: a hex digit becomes another one, so that the shape holds. */
static struct bytes change_digit(struct mutation *m, struct bytes text, struct bytes other,
                                 struct arena *a)
{
        struct span spans[SPANS_MOST], s;
        size_t count = values(text, spans);
        uint8_t digit = (uint8_t) "0123456789abcdef"[below(m, 16)];

        (void)other;
        if (!count)
                return text;
        s = spans[below(m, count)];
        return with(text, (struct span){s.at + below(m, s.len), 1}, (struct bytes){&digit, 1}, a);
}

static struct bytes change_value(struct mutation *m, struct bytes text, struct bytes other,
                                 struct arena *a)
{
        static const char *const words[] = {"",
                                            "0",
                                            "1",
                                            "00",
                                            "-1",
                                            "18446744073709551615",
                                            "18446744073709551616",
                                            "LOG",
                                            "PCR23",
                                            "ALLPCRS"};
        struct span to[SPANS_MOST], from[SPANS_MOST];
        size_t to_count = values(text, to), from_count = values(other, from), i;
        struct bytes put = bytes_of(words[below(m, sizeof words / sizeof *words)]);

        if (!to_count || !from_count)
                return text;
        i = below(m, to_count);
        if (!one_in(m, 3)) /* the value in that place, or in any other */
                put = piece(other, from[one_in(m, 2) && i < from_count ? i : below(m, from_count)]);
        return with(text, to[i], put, a);
}

static bool same_name(struct bytes a, struct bytes b)
{
        size_t n = strcspn((const char *)a.data, " >"), k = strcspn((const char *)b.data, " >");

        return n == k && !memcmp(a.data, b.data, n);
}

static struct bytes drop_element(struct mutation *m, struct bytes text, struct bytes other,
                                 struct arena *a)
{
        struct span spans[SPANS_MOST];
        size_t count = elements(text, spans);

        (void)other;
        return count ? with(text, spans[below(m, count)], (struct bytes){0}, a) : text;
}

static struct bytes double_element(struct mutation *m, struct bytes text, struct bytes other,
                                   struct arena *a)
{
        struct span spans[SPANS_MOST], s;
        size_t count = elements(text, spans);

        (void)other;
        if (!count)
                return text;
        s = spans[below(m, count)];
        return with(text, (struct span){s.at, 0}, piece(text, s), a);
}

static struct bytes swap_elements(struct mutation *m, struct bytes text, struct bytes other,
                                  struct arena *a)
{
        struct span spans[SPANS_MOST], x, y;
        size_t count = elements(text, spans);

        (void)other;
        if (!count)
                return text;
        x = spans[below(m, count)];
        y = spans[below(m, count)];
        if (x.at > y.at) {
                struct span z = x;

                x = y;
                y = z;
        }
        if (x.at + x.len > y.at) /* one is in the other */
                return drop_element(m, text, other, a);
        return with(with(text, y, piece(text, x), a), x, piece(text, y), a);
}

/* An element of other evidence in the place of one that is called the same, or of any. */
static struct bytes take_element(struct mutation *m, struct bytes text, struct bytes other,
                                 struct arena *a)
{
        struct span to[SPANS_MOST], from[SPANS_MOST];
        size_t to_count = elements(text, to), from_count = elements(other, from), i, k;

        if (!to_count || !from_count)
                return text;
        i = below(m, to_count);
        k = below(m, from_count);
        for (size_t n = 0; n < from_count && !one_in(m, 20); n++, k = (k + 1) % from_count)
                if (same_name(piece(text, to[i]), piece(other, from[k])))
                        break;
        return with(text, to[i], piece(other, from[k]), a);
}

static const struct {
        const char *name;
        struct bytes (*change)(struct mutation *m, struct bytes text, struct bytes other,
                               struct arena *a);
} ways[] = {
        {"a bit flipped", flip_bit},
        {"a character changed", change_character},
        {"bytes dropped", drop_bytes},
        {"bytes inserted", insert_bytes},
        {"a digit changed", change_digit},
        {"a digit changed", change_digit},
        {"a value changed", change_value},
        {"a value changed", change_value},
        {"an element dropped", drop_element},
        {"an element doubled", double_element},
        {"elements swapped", swap_elements},
        {"an element of other evidence", take_element},
        {"an element of other evidence", take_element},
};
enum { WAYS = sizeof ways / sizeof *ways };

/* --- quotes over something wrong -------------------------------------------------------------- */

static uint32_t near(struct mutation *m, uint32_t n)
{
        static const uint32_t off[] = {1, -1u, 0, 0x80000000, 0x7fffffff, 2};

        return n + off[below(m, sizeof off / sizeof *off)];
}

/* A plan of another shape, honestly carried out. */
static void change_plan(struct mutation *m, struct plan *p)
{
        switch (below(m, 17)) {
        case 0:
                p->attributes ^= 1u << below(m, 32);
                break;
        case 1:
                p->resets = near(m, p->resets);
                break;
        case 2:
                p->restarts = near(m, p->restarts);
                break;
        case 3:
                p->clock = 3999 + below(m, 3);
                p->safe = (uint8_t)below(m, 3);
                break;
        case 4:
                p->quoted ^= 1u << below(m, 24);
                break;
        case 5:
                p->shown ^= 1u << below(m, 24);
                break;
        case 6:
                p->shown = p->quoted ^= 1u << below(m, 24);
                break;
        case 7:
                p->batch = 1 + below(m, 40);
                p->place = below(m, p->batch);
                break;
        case 8:
                p->log_before = PLAN_LOG_SEEN + below(m, 60);
                break;
        case 9:
                p->log_reversed = true;
                break;
        case 10:
                p->from = below(m, 6);
                break;
        case 11:
                p->extended = below(m, 4);
                break;
        case 12:
                p->descriptor = descriptors[below(m, DESCRIPTORS)];
                break;
        case 13:
                p->trailing = (long)below(m, 3);
                p->cut = (long)below(m, 3);
                break;
        case 14:
                p->bank = (uint16_t)(0x000a + below(m, 4));
                break;
        case 15:
                p->signer = m->hosts->keys[below(m, KEYS)];
                break;
        case 16:
                p->measurements[p->measurements_count - 1 - below(m, 2)] = p->measurements[0];
                break;
        }
}

static struct question from_plan(struct mutation *m, struct arena *a)
{
        struct plan p = m->hosts->plans[below(m, HOSTS)];

        m->what = "a plan changed";
        for (size_t n = 1 + below(m, 2); n; n--)
                change_plan(m, &p);
        return ask(&p, a);
}

/* --- questions -------------------------------------------------------------------------------- */

static struct bytes go_wrong(struct mutation *m, struct bytes text, struct bytes other,
                             struct arena *a)
{
        size_t way = below(m, WAYS);

        m->what = ways[way].name;
        return ways[way].change(m, text, other, a);
}

/* What whoever verifies gives. */
static void change_beside(struct mutation *m, struct question *q, const struct question *other,
                          struct arena *a)
{
        m->what = "what is given beside";
        switch (below(m, 9)) {
        case 0:
                q->trust = other->trust;
                break;
        case 1:
                q->trust = go_wrong(m, q->trust, other->trust, a);
                break;
        case 2:
                q->trust.data = NULL;
                break;
        case 3:
                q->challenge = bytes_of("another challenge, of the same use");
                break;
        case 4:
                q->challenge.data = NULL;
                break;
        case 5:
                q->descriptor = other->descriptor;
                break;
        case 6:
                q->descriptor = go_wrong(m, q->descriptor, other->descriptor, a);
                break;
        case 7:
                q->descriptor.data = NULL;
                break;
        case 8:
                q->evidence = other->evidence;
                break;
        }
}

struct question mutation_next(struct mutation *m, struct arena *a)
{
        const struct question *other = &m->hosts->questions[below(m, HOSTS)];
        struct question q = m->hosts->questions[below(m, HOSTS)];

        m->number++;
        m->what = "as it was";
        if (one_in(m, 40))
                return q;
        if (one_in(m, 8))
                return from_plan(m, a);
        if (one_in(m, 6)) {
                change_beside(m, &q, other, a);
                return q;
        }
        q.evidence = go_wrong(m, q.evidence, other->evidence, a);
        if (one_in(m, 10))
                q.evidence = go_wrong(m, q.evidence, other->evidence, a);
        return q;
}
