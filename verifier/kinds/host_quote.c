/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence of kind "host", first half: is this document a quote, by that host's TPM, of what was
 * asked for, now? In the order of HOST_CHECKS, from document to counters.
 */
#include "verifier/check.h"
#include "xml/descriptor.h"

#include <string.h>

void check_document(struct work *w, struct check *c)
{
        enum status s;

        s = evidence_read(w->in->evidence, w->arena, &w->evidence);
        if (!s && strcmp(w->evidence.kind, EVIDENCE_HOST))
                s = FAIL(ST_INVALID, .subject = "evidence", .expected = EVIDENCE_HOST,
                         .found = w->evidence.kind);
        if (!s)
                s = descriptor_read(w->evidence.descriptor, w->evidence.alg, w->arena, &w->wanted);
        if (s) {
                check_failed_as_told(w, c, s);
                return;
        }
        if (w->wanted.kind != 1 ||
            !check_same_bytes(w->wanted.canonical.data, w->wanted.canonical.len,
                              w->evidence.descriptor.data, w->evidence.descriptor.len)) {
                check_failed(c, "the descriptor is none of an attestation", "", "");
                return;
        }
        w->readable = true;
        check_passed(c, "");
}

/* The key of the evidence; parsing one costs as much as checking a signature, so it is kept. */
static enum status ready_key(struct work *w)
{
        struct verifier *v = w->verifier;
        struct bytes area = w->evidence.ak;
        enum status s;

        if (!v->ak ||
            !check_same_bytes(v->public_area.data, v->public_area.len, area.data, area.len)) {
                ak_free(v->ak);
                buffer_clear(&v->public_area);
                s = ak_read(area, &v->ak);
                if (s)
                        return s;
                buffer_add(&v->public_area, area.data, area.len);
        }
        w->ak = v->ak;
        return ST_DONE;
}

void check_key(struct work *w, struct check *c)
{
        enum status s = ready_key(w);

        if (s)
                check_failed_as_told(w, c, s);
        else
                check_passed(c, "");
}

void check_identity(struct work *w, struct check *c)
{
        const struct trust *t = w->in->trust;
        const char *name;

        if (!w->ak) {
                check_failed(c, "the key could not be read", "", "");
                return;
        }
        name = check_hex_of(w, ak_name(w->ak), AK_NAME_LEN);
        if (w->wanted.aik.len > AK_NAME_LEN ||
            memcmp(w->wanted.aik.data ? w->wanted.aik.data : (const uint8_t *)"", ak_name(w->ak),
                   w->wanted.aik.len))
                check_failed(c, "the descriptor asked for another key",
                             check_hex_of(w, w->wanted.aik.data, w->wanted.aik.len), name);
        else if (!t)
                check_failed(c, "no trust record was given, so anybody may have made this key", "",
                             name);
        else if (!check_same_bytes(t->ak_public.data, t->ak_public.len, w->evidence.ak.data,
                                   w->evidence.ak.len) ||
                 !check_same_bytes(t->ak_name.data, t->ak_name.len, ak_name(w->ak), AK_NAME_LEN))
                check_failed(c, "the key of another host",
                             check_hex_of(w, t->ak_name.data, t->ak_name.len), name);
        else if (t->alg != w->evidence.alg)
                check_failed(c, "another hash algorithm than this host's", hash_name(t->alg),
                             hash_name(w->evidence.alg));
        else
                check_passed(
                        c,
                        trust_is_enrolled(t)
                                ? arena_print(w->arena, "enrolled %s", t->enrolled)
                                : "not enrolled: the record says so itself; that the key lies in "
                                  "a TPM is this host's word");
}

void check_signature(struct work *w, struct check *c)
{
        enum status s;

        if (!w->ak) {
                check_failed(c, "the key could not be read", "", "");
                return;
        }
        s = ak_signed(w->ak, w->evidence.attest, w->evidence.signature);
        if (s)
                check_failed_as_told(w, c, s);
        else
                check_passed(c, "");
}

void check_quote(struct work *w, struct check *c)
{
        enum status s = quote_read(w->evidence.attest, &w->quote);

        if (s) {
                check_failed_as_told(w, c, s);
                return;
        }
        w->quote_read = true;
        check_passed(c, "");
}

void check_challenge(struct work *w, struct check *c)
{
        struct bytes asked = w->wanted.challenge, answered = w->evidence.leaf.challenge;
        const struct bytes *given = w->in->challenge;
        const char *found = check_hex_of(w, answered.data, answered.len);

        if (asked.len && !check_same_bytes(asked.data, asked.len, answered.data, answered.len))
                check_failed(c, "not the challenge of its own descriptor",
                             check_hex_of(w, asked.data, asked.len), found);
        else if (!given)
                check_not_applicable(c,
                                     "no challenge was given: this evidence MAY BE A REPLAY of an "
                                     "older state");
        else if (!check_same_bytes(given->data, given->len, answered.data, answered.len))
                check_failed(c, "another challenge: a replay, or the answer to somebody else",
                             check_hex_of(w, given->data, given->len), found);
        else
                check_passed(c, "");
}

/* Whoever stands between can put a question of his own to the host, with this very challenge. */
void check_request(struct work *w, struct check *c)
{
        struct descriptor sent;
        enum status s;

        if (!w->in->request) {
                check_not_applicable(c, "no descriptor was given: which targets and PCRs were "
                                        "asked for is the evidence's own word");
                return;
        }
        s = descriptor_read(*w->in->request, w->evidence.alg, w->arena, &sent);
        if (s)
                check_failed_as_told(w, c, s);
        else if (!check_same_bytes(sent.canonical.data, sent.canonical.len,
                                   w->evidence.descriptor.data, w->evidence.descriptor.len))
                check_failed(c, "the answer to another request",
                             check_hex_of_digest(w, &sent.digest),
                             check_hex_of_digest(w, &w->wanted.digest));
        else
                check_passed(c, "");
}

static struct digest pcr_digest(const struct evidence *e)
{
        struct hash *h = hash_begin(HASH_SHA256);

        for (int i = 0; i < PCR_COUNT; i++)
                if (e->pcrs >> i & 1)
                        hash_add(h, e->pcr[i].bytes, hash_size(e->pcr[i].alg));
        return hash_end(h);
}

void check_pcrs(struct work *w, struct check *c)
{
        uint32_t wanted = check_pcrs_wanted(&w->wanted);
        struct digest found = pcr_digest(&w->evidence);

        if (!w->quote_read)
                check_failed(c, "there is no quote to compare with", "", "");
        else if (w->quote.bank != w->evidence.alg)
                check_failed(c, "another bank was quoted", hash_name(w->evidence.alg),
                             hash_name(w->quote.bank));
        else if (w->quote.pcrs != wanted)
                check_failed(c, "not the PCRs that were asked for", check_pcr_list(w, wanted),
                             check_pcr_list(w, w->quote.pcrs));
        else if (w->evidence.pcrs != wanted)
                check_failed(c, "not the values of the PCRs that were quoted",
                             check_pcr_list(w, wanted), check_pcr_list(w, w->evidence.pcrs));
        else if (!digest_equal(&w->quote.pcr_digest, &found))
                check_failed(c, "other values than those quoted",
                             check_hex_of_digest(w, &w->quote.pcr_digest),
                             check_hex_of_digest(w, &found));
        else
                check_passed(c, check_pcr_list(w, wanted));
}

/* The clock may fall back to its last stored value when power was lost, which shows in `safe`. */
static bool clock_went_back(const struct trust *t, const struct quote *q)
{
        bool same_start = q->reset_count == t->reset_count && q->restart_count == t->restart_count;

        return q->clock < t->clock && (same_start || q->safe);
}

void check_counters(struct work *w, struct check *c)
{
        const struct trust *t = w->in->trust;
        const struct quote *q = &w->quote;
        const char *expected, *found;

        if (!w->quote_read || !t) {
                check_failed(c,
                             t ? "there is no quote to compare with"
                               : "no trust record was given to compare with",
                             "", "");
                return;
        }
        expected = arena_print(w->arena, "at least reset %u, restart %u, clock %llu",
                               t->reset_count, t->restart_count, (unsigned long long)t->clock);
        found = arena_print(w->arena, "reset %u, restart %u, clock %llu%s", q->reset_count,
                            q->restart_count, (unsigned long long)q->clock,
                            q->safe ? "" : " (not safe)");
        if (counter_is_before(q->reset_count, t->reset_count) ||
            (q->reset_count == t->reset_count &&
             counter_is_before(q->restart_count, t->restart_count)) ||
            clock_went_back(t, q))
                check_failed(c, "older than what was seen of this TPM before", expected, found);
        else
                check_passed(c, q->reset_count == t->reset_count ? ""
                                                                 : "the host was restarted since");
}
