/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of evidence of kind "host", each one a function, run from the table in verify.h.
 * A check starts failed; what a check needs from an earlier one that could not give it stays NULL
 * or false, and the later one stays failed for that reason. Opens no file, never exits.
 */
#include "verifier/verify.h"
#include "lib/document.h"
#include "verifier/evidence_read.h"
#include "verifier/tree.h"
#include "xml/descriptor.h"
#include "xml/xml_limits.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct verifier {
        struct ak *ak; /* of the last evidence, or NULL */
        struct buffer public_area;
};

/* One verification under way. */
struct work {
        const struct verify_input *in;
        struct arena *arena;
        struct verifier *verifier;
        struct ak *ak; /* NULL: not usable */
        struct evidence evidence;
        struct descriptor wanted;
        struct quote quote;
        bool readable, quote_read, shape_held; /* document, quote, measurements passed */
        struct bytes projection;
        const struct verify_policy *policy; /* the one that check_predicate is to judge */
};

struct verifier *verifier_new(void)
{
        struct verifier *v = memory_new(1, sizeof *v);

        xml_limits_init();
        v->public_area.cap = 4096;
        return v;
}

void verifier_free(struct verifier *v)
{
        if (!v)
                return;
        ak_free(v->ak);
        buffer_clear(&v->public_area);
        free(v);
}

/* --- how a check ends ------------------------------------------------------------------------ */

/* Evidence is an attacker's, and what is told of it reaches terminals and logs. */
static const char *printable(struct work *w, const char *text)
{
        char *copy = arena_text(w->arena, text);

        for (char *at = copy; *at; at++)
                if ((unsigned char)*at < ' ' || *at == 0x7f)
                        *at = '?';
        return copy;
}

static void passed(struct check *c, const char *detail)
{
        c->result = CHECK_PASSED;
        c->detail = detail;
}

static void not_applicable(struct check *c, const char *detail)
{
        c->result = CHECK_NOT_APPLICABLE;
        c->detail = detail;
}

static void failed(struct check *c, const char *detail, const char *expected, const char *found)
{
        c->result = CHECK_FAILED;
        c->detail = detail;
        c->expected = expected;
        c->found = found;
}

/* For the reason that was kept by FAIL(). */
static void failed_as_told(struct work *w, struct check *c, enum status s)
{
        const struct error *e = error_last();

        failed(c,
               e->status == s && *e->subject ? arena_text(w->arena, e->subject)
                                             : status_sentence(s),
               e->status == s ? arena_text(w->arena, e->expected) : "",
               e->status == s ? arena_text(w->arena, e->found) : "");
        error_clear();
}

static const char *hex_of(struct work *w, const uint8_t *bytes, size_t len)
{
        char *text = arena_get(w->arena, 2 * len + 1);

        hex_write(text, bytes, len);
        return text;
}

static const char *hex_of_digest(struct work *w, const struct digest *d)
{
        return hex_of(w, d->bytes, hash_size(d->alg));
}

static bool same_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
        return a_len == b_len && !CRYPTO_memcmp(a, b, a_len);
}

/* --- the checks, in the table's order -------------------------------------------------------- */

static void check_document(struct work *w, struct check *c)
{
        enum status s;

        s = evidence_read(w->in->evidence, w->arena, &w->evidence);
        if (!s)
                s = descriptor_read(w->evidence.descriptor, w->evidence.alg, w->arena, &w->wanted);
        if (s) {
                failed_as_told(w, c, s);
                return;
        }
        if (w->wanted.kind != 1 ||
            !same_bytes(w->wanted.canonical.data, w->wanted.canonical.len,
                        w->evidence.descriptor.data, w->evidence.descriptor.len)) {
                failed(c, "the descriptor is none of an attestation", "", "");
                return;
        }
        w->readable = true;
        passed(c, "");
}

/* The key of the evidence; parsing one costs as much as checking a signature, so it is kept. */
static enum status ready_key(struct work *w)
{
        struct verifier *v = w->verifier;
        struct bytes area = w->evidence.ak;
        enum status s;

        if (!v->ak || !same_bytes(v->public_area.data, v->public_area.len, area.data, area.len)) {
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

static void check_key(struct work *w, struct check *c)
{
        enum status s = ready_key(w);

        if (s)
                failed_as_told(w, c, s);
        else
                passed(c, "");
}

static void check_identity(struct work *w, struct check *c)
{
        const struct trust *t = w->in->trust;
        const char *name;

        if (!w->ak) {
                failed(c, "the key could not be read", "", "");
                return;
        }
        name = hex_of(w, ak_name(w->ak), AK_NAME_LEN);
        if (w->wanted.aik.len > AK_NAME_LEN ||
            memcmp(w->wanted.aik.data ? w->wanted.aik.data : (const uint8_t *)"", ak_name(w->ak),
                   w->wanted.aik.len))
                failed(c, "the descriptor asked for another key",
                       hex_of(w, w->wanted.aik.data, w->wanted.aik.len), name);
        else if (!t)
                failed(c, "no trust record was given, so anybody may have made this key", "", name);
        else if (!same_bytes(t->ak_public.data, t->ak_public.len, w->evidence.ak.data,
                             w->evidence.ak.len) ||
                 !same_bytes(t->ak_name.data, t->ak_name.len, ak_name(w->ak), AK_NAME_LEN))
                failed(c, "the key of another host", hex_of(w, t->ak_name.data, t->ak_name.len),
                       name);
        else if (t->alg != w->evidence.alg)
                failed(c, "another hash algorithm than this host's", hash_name(t->alg),
                       hash_name(w->evidence.alg));
        else
                passed(c, trust_is_enrolled(t)
                                  ? arena_print(w->arena, "enrolled %s", t->enrolled)
                                  : "not enrolled: the record says so itself; that the key lies in "
                                    "a TPM is this host's word");
}

static void check_signature(struct work *w, struct check *c)
{
        enum status s;

        if (!w->ak) {
                failed(c, "the key could not be read", "", "");
                return;
        }
        s = ak_signed(w->ak, w->evidence.attest, w->evidence.signature);
        if (s)
                failed_as_told(w, c, s);
        else
                passed(c, "");
}

static void check_quote(struct work *w, struct check *c)
{
        enum status s = quote_read(w->evidence.attest, &w->quote);

        if (s) {
                failed_as_told(w, c, s);
                return;
        }
        w->quote_read = true;
        passed(c, "");
}

static void check_challenge(struct work *w, struct check *c)
{
        struct bytes asked = w->wanted.challenge, answered = w->evidence.leaf.challenge;
        const struct bytes *given = w->in->challenge;
        const char *found = hex_of(w, answered.data, answered.len);

        if (asked.len && !same_bytes(asked.data, asked.len, answered.data, answered.len))
                failed(c, "not the challenge of its own descriptor",
                       hex_of(w, asked.data, asked.len), found);
        else if (!given)
                not_applicable(c, "no challenge was given: this evidence MAY BE A REPLAY of an "
                                  "older state");
        else if (!same_bytes(given->data, given->len, answered.data, answered.len))
                failed(c, "another challenge: a replay, or the answer to somebody else",
                       hex_of(w, given->data, given->len), found);
        else
                passed(c, "");
}

static uint32_t pcrs_wanted(const struct descriptor *d)
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

static const char *pcr_list(struct work *w, uint32_t pcrs)
{
        char text[4 * PCR_COUNT] = "none", *at = text;

        for (int i = 0; i < PCR_COUNT; i++)
                if (pcrs >> i & 1)
                        at += sprintf(at, "%s%d", at == text ? "" : ",", i);
        return arena_text(w->arena, text);
}

static void check_pcrs(struct work *w, struct check *c)
{
        uint32_t wanted = pcrs_wanted(&w->wanted);
        struct digest found = pcr_digest(&w->evidence);

        if (!w->quote_read)
                failed(c, "there is no quote to compare with", "", "");
        else if (w->quote.bank != w->evidence.alg)
                failed(c, "another bank was quoted", hash_name(w->evidence.alg),
                       hash_name(w->quote.bank));
        else if (w->quote.pcrs != wanted)
                failed(c, "not the PCRs that were asked for", pcr_list(w, wanted),
                       pcr_list(w, w->quote.pcrs));
        else if (w->evidence.pcrs != wanted)
                failed(c, "not the values of the PCRs that were quoted", pcr_list(w, wanted),
                       pcr_list(w, w->evidence.pcrs));
        else if (!digest_equal(&w->quote.pcr_digest, &found))
                failed(c, "other values than those quoted", hex_of_digest(w, &w->quote.pcr_digest),
                       hex_of_digest(w, &found));
        else
                passed(c, pcr_list(w, wanted));
}

/* The clock may fall back to its last stored value when power was lost, which shows in `safe`. */
static bool clock_went_back(const struct trust *t, const struct quote *q)
{
        bool same_start = q->reset_count == t->reset_count && q->restart_count == t->restart_count;

        return q->clock < t->clock && (same_start || q->safe);
}

static void check_counters(struct work *w, struct check *c)
{
        const struct trust *t = w->in->trust;
        const struct quote *q = &w->quote;
        const char *expected, *found;

        if (!w->quote_read || !t) {
                failed(c,
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
                failed(c, "older than what was seen of this TPM before", expected, found);
        else
                passed(c, q->reset_count == t->reset_count ? "" : "the host was restarted since");
}

static void check_boot_log(struct work *w, struct check *c)
{
        (void)w;
        not_applicable(c, "the evidence has no boot log");
}

static void check_ima_log(struct work *w, struct check *c)
{
        (void)w;
        not_applicable(c, "the evidence has no IMA log");
}

static void check_leaf(struct work *w, struct check *c)
{
        const struct evidence *e = &w->evidence;
        struct digest request, result, leaf, root;

        if (!w->quote_read) {
                failed(c, "there is no quote to compare with", "", "");
                return;
        }
        request = digest_of(e->alg, e->descriptor.data, e->descriptor.len);
        result = digest_of(e->alg, e->result.data, e->result.len);
        leaf = commitment_request(e->leaf.random, e->leaf.challenge, &request, &result);
        if (!tree_root_of_path(&leaf, e->leaf.index, e->leaf.count, e->leaf.path.nodes,
                               e->leaf.path.count, &root))
                failed(c, "the path does not fit the leaf's place",
                       arena_print(w->arena, "a path for leaf %llu of %llu",
                                   (unsigned long long)e->leaf.index,
                                   (unsigned long long)e->leaf.count),
                       arena_print(w->arena, "%zu nodes", e->leaf.path.count));
        else if (!same_bytes(root.bytes, hash_size(root.alg), w->quote.qualifying,
                             w->quote.qualifying_len))
                failed(c, "request or result is not what was quoted",
                       hex_of(w, w->quote.qualifying, w->quote.qualifying_len),
                       hex_of_digest(w, &root));
        else
                passed(c, "");
}

static struct digest destination(const struct work *w, uint32_t pcr)
{
        const struct evidence *e = &w->evidence;
        struct digest value = {.alg = e->alg}, d;

        for (size_t i = 0; i < w->wanted.targets.count && i < e->found_count; i++) {
                if (w->wanted.targets.items[i].pcr != pcr)
                        continue;
                d = digest_of(e->alg, e->found[i].canonical.data, e->found[i].canonical.len);
                value = digest_extend(&value, &d);
        }
        return value;
}

static void check_destinations(struct work *w, struct check *c)
{
        uint32_t pcrs = pcrs_wanted(&(struct descriptor){.targets = w->wanted.targets});

        if (!pcrs) {
                not_applicable(c, "every target is bound by the log alone");
                return;
        }
        for (uint32_t i = 0; i < PCR_COUNT; i++) {
                struct digest value = destination(w, i);

                if (!(pcrs >> i & 1) || digest_equal(&value, &w->evidence.pcr[i]))
                        continue;
                failed(c, arena_print(w->arena, "PCR %u does not hold these measurements", i),
                       hex_of_digest(w, &value), hex_of_digest(w, &w->evidence.pcr[i]));
                return;
        }
        passed(c, pcr_list(w, pcrs));
}

/* The target whose log entry does not open, or NULL. */
static const char *closed_entry(const struct evidence *e)
{
        for (size_t i = 0; i < e->found_count; i++) {
                const struct found *f = &e->found[i];
                struct digest d = commitment_of(e->alg, f->opening.random, f->canonical);

                d = commitment_leaf(&d);
                if ((i && f->opening.index <= f[-1].opening.index) ||
                    !tree_is_included(&d, f->opening.index, e->log_length, f->opening.path.nodes,
                                      f->opening.path.count, &e->log_root))
                        return f->target;
        }
        return NULL;
}

static void check_log(struct work *w, struct check *c)
{
        const struct evidence *e = &w->evidence;
        const struct trust *t = w->in->trust;
        const char *closed = closed_entry(e);
        uint64_t from = t ? t->log_length : 0;

        if (closed)
                failed(c, "a measurement is not in the log where it is said to be", "", closed);
        else if (!from)
                passed(c, "no earlier log is remembered to compare with");
        else if (e->log_length < from)
                failed(c, "the log is shorter than it was",
                       arena_print(w->arena, "at least %llu", (unsigned long long)from),
                       arena_print(w->arena, "%llu", (unsigned long long)e->log_length));
        else if (e->log_length > from && e->consistency_from != from)
                failed(c, "the evidence has no proof that the log still begins as remembered",
                       arena_print(w->arena, "from %llu", (unsigned long long)from),
                       e->consistency_from ? arena_print(w->arena, "from %llu",
                                                         (unsigned long long)e->consistency_from)
                                           : "none");
        else if (!tree_is_consistent(from, &t->log_root, e->log_length, &e->log_root,
                                     e->log_length > from ? e->consistency.nodes : NULL,
                                     e->log_length > from ? e->consistency.count : 0))
                failed(c, "the log does not begin with what was seen before",
                       hex_of_digest(w, &t->log_root), "another history");
        else
                passed(c, arena_print(w->arena, "the first %llu entries are those seen before",
                                      (unsigned long long)from));
}

static bool named_before(const struct evidence *e, size_t i)
{
        for (size_t k = 0; k < i; k++)
                if (!strcmp(e->found[k].target, e->found[i].target))
                        return true;
        return false;
}

static void check_measurements(struct work *w, struct check *c)
{
        const struct evidence *e = &w->evidence;
        size_t wanted = w->wanted.targets.count;

        if (e->found_count != wanted || !wanted) {
                failed(c, "not one measurement for each target",
                       arena_print(w->arena, "%zu", wanted),
                       arena_print(w->arena, "%zu", e->found_count));
                return;
        }
        for (size_t i = 0; i < wanted; i++) {
                const struct target *t = &w->wanted.targets.items[i];
                const struct found *f = &e->found[i];

                if (strcmp(t->name, f->target) || strcmp(t->plugin, f->plugin)) {
                        failed(c, arena_print(w->arena, "measurement %zu is of another target", i),
                               arena_print(w->arena, "%s by %s", t->name, t->plugin),
                               arena_print(w->arena, "%s by %s", f->target, f->plugin));
                        return;
                }
                if (named_before(e, i)) {
                        failed(c, "one target was measured twice", "", f->target);
                        return;
                }
        }
        w->shape_held = true;
        passed(c, "");
}

static const char *reasons(struct work *w, const struct judge_rep *said)
{
        struct buffer text = BUFFER_INIT(2000);
        const char *out;

        for (size_t i = 0; i < said->reasons.count; i++)
                buffer_print(&text, "%s%s: %s", i ? "; " : "", said->reasons.items[i].path,
                             said->reasons.items[i].text);
        out = arena_text(w->arena, text.len ? (const char *)text.data : "");
        buffer_clear(&text);
        return out;
}

static void check_predicate(struct work *w, struct check *c)
{
        struct judge_rep said = {.answer = false};
        enum status s;

        if (!w->policy) {
                not_applicable(c, "no policy was given: what was measured is shown, not judged");
                return;
        }
        c->name = arena_print(w->arena, "predicate %s", w->policy->name);
        if (!w->shape_held || !w->projection.len || !w->in->judge) {
                failed(c,
                       w->in->judge ? "not asked: its input has not the shape it may rely on"
                                    : "there is nobody to judge",
                       "", "");
                return;
        }
        s = w->in->judge(w->in->judge_context, w->policy->stylesheet, w->projection, w->arena,
                         &said);
        if (s)
                failed_as_told(w, c, s);
        else if (!said.answer)
                failed(c, "the predicate says no", "<true/>", reasons(w, &said));
        else
                passed(c, "");
}

/* --- the whole ------------------------------------------------------------------------------- */

static const struct kind_check {
        const char *name, *meaning;
        void (*check)(struct work *, struct check *);
} host_checks[] = {
#define CHECK(id, meaning) [CHECK_ID_##id] = {#id, meaning, check_##id},
        HOST_CHECKS(CHECK)
#undef CHECK
};

enum { HOST_CHECKS_COUNT = sizeof host_checks / sizeof *host_checks };

static struct bytes make_projection(struct work *w)
{
        const struct evidence *e = &w->evidence;
        struct buffer text = BUFFER_INIT(EVIDENCE_MOST);
        struct document d = document_begin(&text);
        struct bytes out = {0};

        document_open(&d, "projection");
        for (int i = 0; i < PCR_COUNT; i++) {
                if (!(e->pcrs >> i & 1))
                        continue;
                document_open(&d, "pcr");
                document_attribute(&d, "alg", hash_name(e->alg));
                document_attribute_u64(&d, "index", (uint64_t)i);
                document_hex(&d, e->pcr[i].bytes, hash_size(e->pcr[i].alg));
                document_close(&d);
        }
        for (size_t i = 0; i < e->found_count; i++)
                document_raw(&d, e->found[i].canonical);
        document_close(&d);
        if (!document_end(&d))
                out = (struct bytes){arena_copy(w->arena, text.data, text.len), text.len};
        buffer_clear(&text);
        return out;
}

static void run(struct work *w, enum check_id id, struct check *c)
{
        const struct kind_check *k = &host_checks[id];

        *c = (struct check){id, CHECK_FAILED, k->name, k->meaning, "not evaluated", "", ""};
        if (w->readable || id == CHECK_ID_document)
                k->check(w, c);
        c->name = printable(w, c->name);
        c->detail = printable(w, c->detail);
        c->expected = printable(w, c->expected);
        c->found = printable(w, c->found);
}

/* No check failed, and there are checks. */
static bool all_held(const struct check *checks, size_t count)
{
        bool held = count >= HOST_CHECKS_COUNT;

        for (size_t i = 0; i < count; i++)
                held = held && (checks[i].result == CHECK_PASSED ||
                                checks[i].result == CHECK_NOT_APPLICABLE);
        return held;
}

static struct trust what_was_seen(const struct work *w)
{
        struct trust seen = *w->in->trust;

        seen.reset_count = w->quote.reset_count;
        seen.restart_count = w->quote.restart_count;
        seen.clock = w->quote.clock;
        seen.log_length = w->evidence.log_length;
        seen.log_root = w->evidence.log_length ? w->evidence.log_root : (struct digest){0};
        return seen;
}

void verify(struct verifier *v, const struct verify_input *in, struct arena *a, struct verdict *out)
{
        size_t judged = in->policies_count ? in->policies_count : 1, n = 0;
        struct check *checks = arena_get_many(a, HOST_CHECKS_COUNT + judged, sizeof *checks);
        struct work w = {.in = in, .arena = a, .verifier = v};

        *out = (struct verdict){0};
        for (; n < CHECK_ID_predicate; n++)
                run(&w, (enum check_id)n, &checks[n]);
        if (w.readable)
                w.projection = make_projection(&w);
        for (size_t i = 0; i < judged; i++) {
                w.policy = in->policies_count ? &in->policies[i] : NULL;
                run(&w, CHECK_ID_predicate, &checks[n++]);
        }
        out->kind = w.evidence.kind;
        out->checks = checks;
        out->checks_count = n;
        out->challenge = w.evidence.leaf.challenge;
        out->projection = w.projection;
        out->trusted = all_held(checks, n);
        if (out->trusted)
                out->seen = what_was_seen(&w);
}

enum status trust_updated(const struct trust *trust, const struct verdict *verdict,
                          struct trust *out)
{
        *out = *trust;
        if (!verdict->trusted || !verdict->seen.alg)
                return FAIL(ST_UNTRUSTED, .subject = "trust record",
                            .found = "a verdict that is not trusted teaches nothing");
        if (!same_bytes(trust->ak_public.data, trust->ak_public.len, verdict->seen.ak_public.data,
                        verdict->seen.ak_public.len))
                return FAIL(ST_UNTRUSTED, .subject = "trust record", .found = "another host's");
        *out = verdict->seen;
        return ST_DONE;
}
