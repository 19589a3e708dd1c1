/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attests: measures, logs and quotes what the descriptor asks for. requests.c comes here. The order
 * is the security argument: measurements are made before the TPM is held, logged before the TPM
 * signs, and on disk before anybody is told.
 */
#include "integrity-mgr/attest.h"
#include "integrity-mgr/attest_share.h"
#include "integrity-mgr/host.h"
#include "integrity-mgr/host_log.h"
#include "integrity-mgr/tpm_client.h"
#include "proof/evidence.h"

#include <inttypes.h>
#include <openssl/rand.h>
#include <string.h>
#include <time.h>

/* One attestation under way. */
struct work {
        struct arena *arena;
        const struct im_attest_req *req;
        const struct host_state *host;
        struct found found;
        struct log *log;
        struct log_entry *entries;
        struct log_place place;
        struct evidence evidence; /* filled in on the way */
        uint64_t tpm_time;
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

/* A log that is shorter than what the verifier has seen is not the log that it saw. */
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
        if (!s && d->kind != DESCRIPTOR_ATTESTATION)
                s = FAIL(ST_INVALID, .subject = "the descriptor", .expected = "<attestation-desc>",
                         .found = "a descriptor for sealing");
        if (!s)
                s = attest_challenge(w->req, &w->evidence.leaf.challenge);
        if (!s)
                s = attest_aik(d->aik, w->host->keys.ak_name);
        return s ? s : check_log_seen(w);
}

/* Fills in what is known before the TPM is asked, and writes <result>. */
static enum status write_result(struct work *w)
{
        struct buffer text = BUFFER_INIT(EVIDENCE_MOST);
        struct evidence *e = &w->evidence;
        enum status s;

        e->kind = EVIDENCE_HOST;
        e->alg = w->host->keys.alg;
        e->descriptor = w->req->descriptor.canonical;
        e->log_length = w->place.length;
        e->log_root = w->place.root;
        e->found = arena_get_many(w->arena, w->found.count + 1, sizeof *e->found);
        e->found_count = w->found.count;
        for (size_t i = 0; i < w->found.count; i++)
                e->found[i].canonical = w->found.forms[i].canonical;
        s = evidence_result(e, &text);
        if (!s)
                e->result = (struct bytes){arena_copy(w->arena, text.data, text.len), text.len};
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

static enum status take_quote(struct work *w, const struct tpm_attest_rep *p)
{
        struct evidence *e = &w->evidence;

        w->tpm_time = p->tpm_time;
        e->ak = host_ak_public(&w->host->keys);
        e->attest = p->quote;
        e->signature = p->signature;
        for (size_t i = 0; i < p->pcrs.count; i++) {
                const struct pcr_value *v = &p->pcrs.items[i];

                if (v->pcr >= PCR_COUNT)
                        return FAIL(ST_WORKER, .subject = "the TPM worker",
                                    .expected = "PCRs 0 to 23", .found = FMT("PCR %u", v->pcr));
                e->pcrs |= 1u << v->pcr;
                e->pcr[v->pcr] = v->value;
        }
        return ST_DONE;
}

/* The qualifying data is the root of a tree with one leaf, this request's: so it is that leaf. */
static enum status quote(struct work *w)
{
        struct tpm_attest_req q = {.pcrs = w->req->descriptor.pcrs};
        struct tpm_attest_rep p = {};
        struct evidence *e = &w->evidence;
        struct digest descriptor = digest_of(e->alg, e->descriptor.data, e->descriptor.len);
        struct digest result = digest_of(e->alg, e->result.data, e->result.len);
        enum status s;

        add_extends(w, &q);
        if (RAND_bytes(e->leaf.random, sizeof e->leaf.random) != 1)
                return FAIL(ST_INTERNAL, .subject = "random numbers");
        e->leaf.count = 1;
        q.qualifying = commitment_request(e->leaf.random, e->leaf.challenge, &descriptor, &result);
        s = tpm_client_call(CALL(tpm_attest, &q, &p), w->arena);
        return s ? s : take_quote(w, &p);
}

static struct path keep_path(struct arena *a, const struct merkle_path *path)
{
        return (struct path){arena_copy(a, path->nodes, path->count * sizeof *path->nodes),
                             path->count};
}

static enum status prove(struct work *w)
{
        struct evidence *e = &w->evidence;
        struct merkle_path path;
        enum status s = ST_DONE;

        for (size_t i = 0; i < w->found.count && !s; i++) {
                struct opening *o = &e->found[i].opening;

                o->index = w->place.first + i;
                memcpy(o->random, w->entries[i].random, sizeof o->random);
                s = log_inclusion(w->log, o->index, w->place.length, &path);
                if (!s)
                        o->path = keep_path(w->arena, &path);
        }
        e->consistency_from = w->req->log_seen;
        if (s || !e->consistency_from)
                return s;
        s = log_consistency(w->log, e->consistency_from, w->place.length, &path);
        if (!s)
                e->consistency = keep_path(w->arena, &path);
        return s;
}

static enum status tell(struct work *w, struct bytes *evidence_out)
{
        struct buffer text = BUFFER_INIT(EVIDENCE_MOST);
        enum status s = prove(w);

        if (!s)
                s = evidence_write(&w->evidence, &text);
        if (!s)
                *evidence_out = (struct bytes){arena_copy(w->arena, text.data, text.len), text.len};
        buffer_clear(&text);
        return s;
}

/* What is logged for one principal has a bound: the log is kept for ever. Each target is an entry,
 * and is named in the event of kind "attest"; that event and the frame are an entry more. */
enum { LOG_OF_TARGET = 512 };
static enum status may_log(const struct work *w)
{
        struct timespec now;
        size_t bytes = 0;

        clock_gettime(CLOCK_MONOTONIC, &now);
        for (size_t i = 0; i < w->found.count; i++)
                bytes += w->found.forms[i].canonical.len + LOG_OF_TARGET;
        return attest_share_log(&w->req->asker, bytes,
                                (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

enum status attest_make(struct arena *a, const struct im_attest_req *req,
                        struct im_attest_rep *rep_out)
{
        const struct descriptor *d = &req->descriptor;
        const struct place_taker by = {&req->asker, req->admin};
        struct work w = {.arena = a, .req = req};
        enum status s;

        s = check(&w);
        if (s)
                return s;
        s = attest_share_take(by, d->targets.count, SHARE_WAIT_MS);
        if (s)
                return s;
        s = measure_all(a, &req->asker, d->targets.items, d->targets.count, req->targets.items,
                        req->targets.count, w.host->keys.alg, &w.found);
        attest_share_give(by, d->targets.count);
        if (!s)
                s = may_log(&w);
        if (s)
                return s;
        /* from here on the log's thread puts them on disk */
        s = host_log_found(a, &w.found, &req->asker, &w.entries, &w.place);
        if (!s)
                s = write_result(&w);
        if (!s)
                s = quote(&w);
        if (!s)
                s = log_sync(w.log, &w.place); /* nothing is told that could be unsaid */
        if (!s)
                s = tell(&w, &rep_out->evidence);
        rep_out->tpm_time = w.tpm_time;
        return s;
}
