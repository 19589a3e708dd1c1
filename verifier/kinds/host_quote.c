/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence of kind "host", first half: the checks from "document" to "counters", in the order of
 * HOST_CHECKS. Is this document a quote, by that host's TPM, of what was asked for, now?
 */
#include "verifier/kinds/host.h"
#include "xml/descriptor.h"

#include <string.h>

void host_document(struct work *w, struct check *c)
{
        struct host *h = w->own;
        enum status s;

        s = evidence_read(w->in->evidence, w->arena, &h->evidence);
        if (!s)
                s = descriptor_read(h->evidence.descriptor, h->evidence.alg, w->arena, &h->wanted);
        if (!s)
                s = descriptor_predicates(h->wanted.canonical, w->arena, &w->asked);
        if (s) {
                check_failed_as_told(w, c, s);
                return;
        }
        if (h->wanted.kind != DESCRIPTOR_ATTESTATION ||
            !check_same_bytes(h->wanted.canonical.data, h->wanted.canonical.len,
                              h->evidence.descriptor.data, h->evidence.descriptor.len)) {
                check_failed(c, "the descriptor is none of an attestation", "", "");
                return;
        }
        w->readable = true;
        w->challenge = h->evidence.leaf.challenge;
        check_passed(c, "");
}

void host_key(struct work *w, struct check *c)
{
        struct host *h = w->own;
        enum status s = check_key_of(w, h->evidence.ak, &h->ak);

        if (s)
                check_failed_as_told(w, c, s);
        else
                check_passed(c, "");
}

void host_identity(struct work *w, struct check *c)
{
        struct host *h = w->own;
        const struct trust *t = w->in->trust;
        const char *name;

        if (!h->ak) {
                check_failed(c, "the key could not be read", "", "");
                return;
        }
        name = check_hex_of(w, ak_name(h->ak), AK_NAME_LEN);
        if (h->wanted.aik.len > AK_NAME_LEN ||
            memcmp(h->wanted.aik.data ? h->wanted.aik.data : (const uint8_t *)"", ak_name(h->ak),
                   h->wanted.aik.len))
                check_failed(c, "the descriptor asked for another key",
                             check_hex_of(w, h->wanted.aik.data, h->wanted.aik.len), name);
        else if (!t)
                check_failed(c, "no trust record was given, so anybody may have made this key", "",
                             name);
        else if (!check_same_bytes(t->ak_public.data, t->ak_public.len, h->evidence.ak.data,
                                   h->evidence.ak.len) ||
                 !check_same_bytes(t->ak_name.data, t->ak_name.len, ak_name(h->ak), AK_NAME_LEN))
                check_failed(c, "the key of another host",
                             check_hex_of(w, t->ak_name.data, t->ak_name.len), name);
        else if (t->alg != h->evidence.alg)
                check_failed(c, "another hash algorithm than this host's", hash_name(t->alg),
                             hash_name(h->evidence.alg));
        else
                check_passed(c, arena_print(w->arena, "host %s, %s%s",
                                            check_hex_of_digest(w, &t->host),
                                            trust_is_enrolled(t) ? "enrolled " : "",
                                            trust_is_enrolled(t)
                                                    ? t->enrolled
                                                    : "not enrolled: that the key lies in a TPM is "
                                                      "the host's own word"));
}

void host_signature(struct work *w, struct check *c)
{
        struct host *h = w->own;
        enum status s;

        if (!h->ak) {
                check_failed(c, "the key could not be read", "", "");
                return;
        }
        s = ak_signed(h->ak, h->evidence.attest, h->evidence.signature);
        if (s)
                check_failed_as_told(w, c, s);
        else
                check_passed(c, "");
}

void host_quote(struct work *w, struct check *c)
{
        struct host *h = w->own;
        enum status s = quote_read(h->evidence.attest, &h->quote);

        if (s) {
                check_failed_as_told(w, c, s);
                return;
        }
        h->quote_read = true;
        check_passed(c, "");
}

void host_challenge(struct work *w, struct check *c)
{
        struct host *h = w->own;
        struct bytes asked = h->wanted.challenge, answered = h->evidence.leaf.challenge;
        const struct bytes *given = w->in->challenge;
        const char *found = check_hex_of(w, answered.data, answered.len);

        if (asked.len && !check_same_bytes(asked.data, asked.len, answered.data, answered.len))
                check_failed(c, "not the challenge of its own descriptor",
                             check_hex_of(w, asked.data, asked.len), found);
        else if (!given)
                check_not_made(w, c,
                               "no challenge was given: this evidence MAY BE A REPLAY of an older "
                               "state",
                               "--challenge HEX, as it was sent");
        else if (!check_same_bytes(given->data, given->len, answered.data, answered.len))
                check_failed(c, "another challenge: a replay, or the answer to somebody else",
                             check_hex_of(w, given->data, given->len), found);
        else
                check_passed(c, "");
}

/* A man in the middle can send the host another descriptor, with this very challenge. */
void host_request(struct work *w, struct check *c)
{
        struct host *h = w->own;
        struct descriptor sent;
        enum status s;

        if (!w->in->request) {
                check_not_made(w, c,
                               "no descriptor was given: which targets and PCRs were asked for is "
                               "the evidence's own word",
                               "--descriptor FILE, as it was sent");
                return;
        }
        s = descriptor_read(*w->in->request, h->evidence.alg, w->arena, &sent);
        if (s)
                check_failed_as_told(w, c, s);
        else if (!check_same_bytes(sent.canonical.data, sent.canonical.len,
                                   h->evidence.descriptor.data, h->evidence.descriptor.len))
                check_failed(c, "the answer to another request",
                             check_hex_of_digest(w, &sent.digest),
                             check_hex_of_digest(w, &h->wanted.digest));
        else
                check_passed(c, "");
}

uint32_t host_pcrs_wanted(const struct descriptor *d)
{
        uint32_t pcrs = d->pcrs;

        for (size_t i = 0; i < d->targets.count; i++)
                if (d->targets.items[i].pcr)
                        pcrs |= 1u << d->targets.items[i].pcr;
        return pcrs;
}

static struct digest pcr_digest(const struct evidence *e)
{
        struct hash *h = hash_begin(HASH_SHA256);

        for (int i = 0; i < PCR_COUNT; i++)
                if (e->pcrs >> i & 1)
                        hash_add(h, e->pcr[i].bytes, hash_size(e->pcr[i].alg));
        return hash_end(h);
}

void host_pcrs(struct work *w, struct check *c)
{
        struct host *h = w->own;
        uint32_t wanted = host_pcrs_wanted(&h->wanted);
        struct digest found = pcr_digest(&h->evidence);

        if (!h->quote_read)
                check_failed(c, "there is no quote to compare with", "", "");
        else if (h->quote.bank != h->evidence.alg)
                check_failed(c, "another bank was quoted", hash_name(h->evidence.alg),
                             hash_name(h->quote.bank));
        else if (h->quote.pcrs != wanted)
                check_failed(c, "not the PCRs that were asked for", check_pcr_list(w, wanted),
                             check_pcr_list(w, h->quote.pcrs));
        else if (h->evidence.pcrs != wanted)
                check_failed(c, "not the values of the PCRs that were quoted",
                             check_pcr_list(w, wanted), check_pcr_list(w, h->evidence.pcrs));
        else if (!digest_equal(&h->quote.pcr_digest, &found))
                check_failed(c, "other values than those quoted",
                             check_hex_of_digest(w, &h->quote.pcr_digest),
                             check_hex_of_digest(w, &found));
        else
                check_passed(c, check_pcr_list(w, wanted));
}

/* After a power loss the clock may fall back to its last stored value; then `safe` is clear. */
static bool clock_went_back(const struct trust *t, const struct quote *q)
{
        bool same_start = q->reset_count == t->reset_count && q->restart_count == t->restart_count;

        return q->clock < t->clock && (same_start || q->safe);
}

void host_counters(struct work *w, struct check *c)
{
        struct host *h = w->own;
        const struct trust *t = w->in->trust;
        const struct quote *q = &h->quote;
        const char *expected, *found;

        if (!h->quote_read || !t) {
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
