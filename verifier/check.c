/* SPDX-License-Identifier: Apache-2.0 */
/* How a check ends, and how values are spelled in its result. */
#include "verifier/check.h"
#include "proof/quote.h"
#include "verifier/keep.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

/* Evidence may be an attacker's, and what is told of it reaches terminals and logs. */
const char *check_printable(struct work *w, const char *text)
{
        size_t len = strlen(text), size = (len < TEXT_MOST ? len : TEXT_MOST) + 1;
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

void check_not_made(const struct work *w, struct check *c, const char *detail, const char *option)
{
        c->result = w->in->strict ? CHECK_FAILED : CHECK_NOT_MADE;
        c->detail = detail;
        c->expected = w->in->strict ? option : "";
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
        if (e->status == s)
                c->remedy = arena_text(w->arena, e->remedy);
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

enum status check_key_of(struct work *w, struct bytes public_area, struct ak **ak_out)
{
        struct verifier *v = w->verifier;
        enum status s;

        if (!v->ak || !check_same_bytes(v->public_area.data, v->public_area.len, public_area.data,
                                        public_area.len)) {
                ak_free(v->ak);
                buffer_clear(&v->public_area);
                s = ak_read(public_area, &v->ak);
                if (s)
                        return s;
                buffer_add(&v->public_area, public_area.data, public_area.len);
        }
        *ak_out = v->ak;
        return ST_DONE;
}
