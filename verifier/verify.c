/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the checks of the table in verify.h over one evidence document, and concludes. Opens no
 * file, never exits.
 */
#include "verifier/verify.h"
#include "lib/document.h"
#include "verifier/check.h"
#include "xml/xml_limits.h"

#include <stdlib.h>

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

        *c = (struct check){id, CHECK_FAILED, k->name, k->meaning, CHECK_NOT_EVALUATED, "", ""};
        if (w->readable || id == CHECK_ID_document)
                k->check(w, c);
        c->name = check_printable(w, c->name);
        c->detail = check_printable(w, c->detail);
        c->expected = check_printable(w, c->expected);
        c->found = check_printable(w, c->found);
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
        out->kind = w.evidence.kind ? check_printable(&w, w.evidence.kind) : NULL;
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
        if (!check_same_bytes(trust->ak_public.data, trust->ak_public.len,
                              verdict->seen.ak_public.data, verdict->seen.ak_public.len))
                return FAIL(ST_UNTRUSTED, .subject = "trust record", .found = "another host's");
        *out = verdict->seen;
        return ST_DONE;
}
