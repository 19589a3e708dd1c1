/* SPDX-License-Identifier: Apache-2.0 */
/* How a check ends, and how what it found is spelled. Comes here: every check. */
#include "verifier/check.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

/* Evidence is an attacker's, and what is told of it reaches terminals and logs. */
const char *check_printable(struct work *w, const char *text)
{
        size_t size = strlen(text) + 1;
        char *copy = arena_get(w->arena, size);

        utf8_printable(copy, size, text);
        return copy;
}

void check_passed(struct check *c, const char *detail)
{
        c->result = CHECK_PASSED;
        c->detail = detail;
}

void check_not_applicable(struct check *c, const char *detail)
{
        c->result = CHECK_NOT_APPLICABLE;
        c->detail = detail;
}

void check_failed(struct check *c, const char *detail, const char *expected, const char *found)
{
        c->result = CHECK_FAILED;
        c->detail = detail;
        c->expected = expected;
        c->found = found;
}

void check_failed_as_told(struct work *w, struct check *c, enum status s)
{
        const struct error *e = error_last();

        check_failed(c,
                     e->status == s && *e->subject ? arena_text(w->arena, e->subject)
                                                   : status_sentence(s),
                     e->status == s ? arena_text(w->arena, e->expected) : "",
                     e->status == s ? arena_text(w->arena, e->found) : "");
        error_clear();
}

const char *check_hex_of(struct work *w, const uint8_t *bytes, size_t len)
{
        char *text = arena_get(w->arena, 2 * len + 1);

        hex_write(text, bytes, len);
        return text;
}

const char *check_hex_of_digest(struct work *w, const struct digest *d)
{
        return check_hex_of(w, d->bytes, hash_size(d->alg));
}

bool check_same_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
        return a_len == b_len && !CRYPTO_memcmp(a, b, a_len);
}

const char *check_pcr_list(struct work *w, uint32_t pcrs)
{
        char text[4 * PCR_COUNT] = "none", *at = text;

        for (int i = 0; i < PCR_COUNT; i++)
                if (pcrs >> i & 1)
                        at += sprintf(at, "%s%d", at == text ? "" : ",", i);
        return arena_text(w->arena, text);
}

uint32_t check_pcrs_wanted(const struct descriptor *d)
{
        uint32_t pcrs = d->pcrs;

        for (size_t i = 0; i < d->targets.count; i++)
                if (d->targets.items[i].pcr)
                        pcrs |= 1u << d->targets.items[i].pcr;
        return pcrs;
}
