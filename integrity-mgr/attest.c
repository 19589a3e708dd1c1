/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attests: what the descriptor asks for is measured, logged and quoted. requests.c comes here. The
 * order is the argument: measured before the TPM is held, logged before it is signed, and on disk
 * before it is told.
 */
#include "integrity-mgr/attest.h"
#include "proof/evidence_write.h"
#include "integrity-mgr/host.h"
#include "integrity-mgr/host_log.h"
#include "integrity-mgr/tpm_client.h"
#include "lib/document.h"
#include "proof/commitment.h"

#include <inttypes.h>
#include <openssl/rand.h>
#include <string.h>

/* One attestation under way. */
struct work {
        struct arena *arena;
        const struct im_attest_req *req;
        const struct host_state *host;
        struct bytes challenge;
        struct found found;
        struct log *log;
        struct log_entry *entries;
        struct log_place place;
        struct bytes result;
        uint8_t random[COMMITMENT_RANDOM_LEN];
        struct tpm_attest_rep quote;
};

enum status attest_challenge(const struct im_attest_req *req, struct bytes *challenge_out)
{
        struct bytes in_descriptor = req->descriptor.challenge, beside = req->challenge;
        struct bytes c = in_descriptor.len ? in_descriptor : beside;

        *challenge_out = c;
        if (!c.len)
                return FAIL(ST_INVALID, .subject = "the challenge",
                            .expected = "hex, 16 to 64 bytes", .found = "none",
                            .remedy = "put challenge=\"HEX\" into <attestation>, or leave it to "
                                      "bulkhead attest");
        if (c.len < CHALLENGE_LEAST || c.len > CHALLENGE_MOST)
                return FAIL(ST_INVALID, .subject = "the challenge", .expected = "16 to 64 bytes",
                            .found = FMT("%zu bytes", c.len));
        if (in_descriptor.len && beside.len &&
            (in_descriptor.len != beside.len ||
             memcmp(in_descriptor.data, beside.data, beside.len) != 0))
                return FAIL(ST_INVALID, .subject = "the challenge",
                            .expected = "the descriptor's own", .found = "another one beside it",
                            .remedy = "give one of them");
        return ST_DONE;
}

static const char *hex_of(char text[2 * 64 + 1], struct bytes b)
{
        hex_write(text, b.data, b.len < 64 ? b.len : 64);
        return text;
}

enum status attest_aik(struct bytes aik, struct bytes ak_name)
{
        char asked[2 * 64 + 1], ours[2 * 64 + 1];

        if (!aik.len)
                return ST_DONE;
        if (aik.len < AIK_LEAST)
                return FAIL(ST_INVALID, .subject = "aik",
                            .expected = "at least 8 bytes of the AK's Name",
                            .found = FMT("%zu", aik.len));
        if (aik.len > ak_name.len || memcmp(aik.data, ak_name.data, aik.len) != 0)
                return FAIL(ST_NOT_FOUND, .subject = "aik", .expected = hex_of(ours, ak_name),
                            .found = hex_of(asked, aik),
                            .remedy = "leave aik away to be answered with this host's own AK");
        return ST_DONE;
}

/* What a verifier remembers must lie before what it is now to be told. */
static enum status check_log_seen(struct work *w)
{
        uint64_t length = log_length(w->log);

        if (w->req->log_seen > length)
                return FAIL(ST_ROLLED_BACK, .subject = "this host's log",
                            .expected = FMT("at least %" PRIu64 " entries", w->req->log_seen),
                            .found = FMT("%" PRIu64, length),
                            .remedy = "the log was set back or begun anew: ask who runs this host");
        return ST_DONE;
}

static enum status check(struct work *w)
{
        const struct descriptor *d = &w->req->descriptor;
        enum status s = host_needed(&w->host);

        if (!s)
                s = host_log_get(&w->log);
        if (!s && d->kind != 1)
                s = FAIL(ST_INVALID, .subject = "the descriptor", .expected = "<attestation-desc>",
                         .found = "a descriptor for sealing");
        if (!s)
                s = attest_challenge(w->req, &w->challenge);
        if (!s)
                s = attest_aik(d->aik, w->host->keys.ak_name);
        return s ? s : check_log_seen(w);
}

static enum status write_result(struct work *w)
{
        struct buffer text = BUFFER_INIT(EVIDENCE_MOST);
        enum status s = evidence_result(&w->place, &w->found, &text);

        if (!s)
                w->result = (struct bytes){arena_copy(w->arena, text.data, text.len), text.len};
        buffer_clear(&text);
        return s;
}

static void add_extends(struct work *w, struct tpm_attest_req *q)
{
        const struct descriptor *d = &w->req->descriptor;

        q->extends.items = arena_get_many(w->arena, d->targets.count + 1, sizeof *q->extends.items);
        for (size_t i = 0; i < d->targets.count; i++) {
                uint32_t pcr = d->targets.items[i].pcr;

                if (pcr)
                        q->extends.items[q->extends.count++] =
                                (struct extend){pcr, w->found.forms[i].digest};
        }
}

/* The qualifying data is the root of a tree of one leaf, which is that leaf. */
static enum status quote(struct work *w)
{
        struct tpm_attest_req q = {.pcrs = w->req->descriptor.pcrs};
        enum hash_alg alg = w->host->keys.alg;
        struct bytes canonical = w->req->descriptor.canonical;
        struct digest descriptor = digest_of(alg, canonical.data, canonical.len);
        struct digest result = digest_of(alg, w->result.data, w->result.len);

        add_extends(w, &q);
        if (RAND_bytes(w->random, sizeof w->random) != 1)
                return FAIL(ST_INTERNAL, .subject = "random numbers");
        q.qualifying = commitment_request(w->random, w->challenge, &descriptor, &result);
        return tpm_client_call(CALL(tpm_attest, &q, &w->quote), w->arena);
}

static enum status prove(struct work *w, struct merkle_path *openings,
                         struct merkle_path *consistency)
{
        enum status s = ST_DONE;

        for (size_t i = 0; i < w->found.count && !s; i++)
                s = log_inclusion(w->log, w->place.first + i, w->place.length, &openings[i]);
        if (!s && w->req->log_seen)
                s = log_consistency(w->log, w->req->log_seen, w->place.length, consistency);
        return s;
}

static enum status tell(struct work *w, struct bytes *evidence_out)
{
        struct merkle_path consistency = {0}, leaf_path = {0};
        struct merkle_path *openings =
                arena_get_many(w->arena, w->found.count + 1, sizeof *openings);
        struct buffer text = BUFFER_INIT(EVIDENCE_MOST);
        struct evidence e = {.alg = w->host->keys.alg,
                             .descriptor = w->req->descriptor.canonical,
                             .result = w->result,
                             .challenge = w->challenge,
                             .leaf_random = w->random,
                             .leaf_count = 1,
                             .leaf_path = &leaf_path,
                             .quote = &w->quote,
                             .ak_public = host_ak_public(&w->host->keys),
                             .entries = w->entries,
                             .openings = openings,
                             .entries_count = w->found.count,
                             .first = w->place.first,
                             .consistency_from = w->req->log_seen,
                             .consistency = &consistency};
        enum status s = prove(w, openings, &consistency);

        if (!s)
                s = evidence_write(&e, &text);
        if (!s)
                *evidence_out = (struct bytes){arena_copy(w->arena, text.data, text.len), text.len};
        buffer_clear(&text);
        return s;
}

enum status attest_make(struct arena *a, const struct im_attest_req *req,
                        struct im_attest_rep *rep_out)
{
        const struct descriptor *d = &req->descriptor;
        struct work w = {.arena = a, .req = req};
        enum status s;

        s = check(&w);
        if (s)
                return s;
        s = measure_all(a, d->targets.items, d->targets.count, req->targets.items,
                        req->targets.count, w.host->keys.alg, &w.found);
        if (s)
                return s;
        s = host_log_found(a, &w.found, &w.entries, &w.place); /* on its way to the disk from now */
        if (!s)
                s = write_result(&w);
        if (!s)
                s = quote(&w);
        if (!s)
                s = log_sync(w.log, &w.place); /* nothing is told that could be unsaid */
        if (!s)
                s = tell(&w, &rep_out->evidence);
        rep_out->tpm_time = w.quote.tpm_time;
        return s;
}
