/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the kind of an evidence document, runs the checks of that kind and then the predicates, and
 * concludes. Opens no file, never exits.
 */
#include "verifier/verify.h"
#include "proof/evidence.h"
#include "proof/quote.h"
#include "verifier/check.h"
#include "verifier/keep.h"
#include "xml/xml_limits.h"

#include <stdlib.h>
#include <string.h>

struct verifier *verifier_new_of(const struct evidence_kind *const *kinds)
{
        struct verifier *v = memory_new(1, sizeof *v);

        xml_limits_init();
        v->kinds = kinds;
        v->public_area.cap = 4096;
        return v;
}

struct verifier *verifier_new(void)
{
        return verifier_new_of(evidence_kinds);
}

void verifier_free(struct verifier *v)
{
        if (!v)
                return;
        ak_free(v->ak);
        buffer_clear(&v->public_area);
        free(v);
}

/* --- which kind ------------------------------------------------------------------------------ */

static const struct evidence_kind *find_kind(const struct verifier *v, const char *name)
{
        for (size_t i = 0; name && v->kinds[i]; i++)
                if (!strcmp(v->kinds[i]->name, name))
                        return v->kinds[i];
        return NULL;
}

static const char *known_kinds(struct work *w)
{
        const struct evidence_kind *const *kinds = w->verifier->kinds;
        const char *text = "";

        for (size_t i = 0; kinds[i]; i++)
                text = arena_print(w->arena, "%s%s%s", text, i ? ", " : "", kinds[i]->name);
        return text;
}

static void check_kind(struct work *w, const char *name, struct check *c)
{
        const char *found = evidence_handled(w->in->evidence);

        if (name)
                check_failed(c, "evidence of a kind that this verifier does not know",
                             known_kinds(w), arena_print(w->arena, "\"%s\"", name));
        else
                check_failed(c, "it does not begin as evidence does", "<evidence kind=\"...\"",
                             found ? found : "");
}

/* --- predicates, of any kind ----------------------------------------------------------------- */

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

/* The stylesheet with that digest among those of that name. NULL, and *found_out says what there is
 * instead. */
static const struct verify_policy *find_named(struct work *w, const struct asked_predicate *p,
                                              const char **found_out)
{
        const struct verify_input *in = w->in;
        struct digest d;
        const char *is;

        *found_out = "no predicate of that name";
        for (size_t i = 0; i < in->library_count; i++) {
                if (strcmp(in->library[i].name, p->name))
                        continue;
                d = digest_of(HASH_SHA256, in->library[i].stylesheet.data,
                              in->library[i].stylesheet.len);
                is = arena_print(w->arena, "sha256:%s", check_hex_of_digest(w, &d));
                if (!strcmp(is, p->digest))
                        return &in->library[i];
                *found_out = is;
        }
        return NULL;
}

static void judge(struct work *w, struct bytes stylesheet, struct bytes projection, struct check *c)
{
        struct judge_rep said = {.answer = false};
        enum status s;

        if (!w->shape_held || !projection.len || !w->in->judge) {
                check_failed(c,
                             w->in->judge ? "not asked: its input has not the shape it may rely on"
                                          : "there is nobody to judge",
                             "", "");
                return;
        }
        s = w->in->judge(w->in->judge_context, stylesheet, projection, w->arena, &said);
        if (s)
                check_failed_as_told(w, c, s);
        else if (!said.answer)
                check_failed(c, "the predicate says no", "<true/>", reasons(w, &said));
        else
                check_passed(c, "");
}

/* Predicate i of the evidence's descriptor. */
static void judge_asked(struct work *w, size_t i, struct bytes projection, struct check *c)
{
        const struct asked_predicate *p = &w->asked.items[i];
        const struct verify_policy *named = NULL;
        const char *found;

        c->meaning = "the predicate that the descriptor asks for answers <true/>";
        if (!*p->name) {
                c->name = arena_print(w->arena, "predicate number %zu of the descriptor", i + 1);
                judge(w, p->stylesheet, projection, c);
                return;
        }
        c->name = arena_print(w->arena, "predicate %s of the descriptor", p->name);
        named = find_named(w, p, &found);
        if (named) {
                judge(w, named->stylesheet, projection, c);
                return;
        }
        check_failed(c, "this verifier has not the predicate that the descriptor names", p->digest,
                     found);
        c->remedy = arena_print(w->arena,
                                "get that file, compare its sha256sum, and give it: "
                                "--policy %s.xsl",
                                p->name);
}

static void judge_policy(struct work *w, const struct verify_policy *policy,
                         struct bytes projection, struct check *c)
{
        c->name = arena_print(w->arena, "predicate %s", policy->name);
        judge(w, policy->stylesheet, projection, c);
}

/* --- running, and concluding ----------------------------------------------------------------- */

static struct check begin_check(const char *name, const char *meaning)
{
        return (struct check){CHECK_FAILED, name, meaning, CHECK_NOT_EVALUATED, "", "", ""};
}

static void end_check(struct work *w, struct check *c)
{
        c->name = check_printable(w, c->name);
        c->detail = check_printable(w, c->detail);
        c->expected = check_printable(w, c->expected);
        c->found = check_printable(w, c->found);
        c->remedy = check_printable(w, c->remedy);
}

static void run(struct work *w, const struct evidence_check *k, bool first, struct check *c)
{
        *c = begin_check(k->name, k->meaning);
        if (w->readable || first)
                k->check(w, c);
        end_check(w, c);
}

/* The descriptor's predicates come first, then the policies; one check if there is none. */
static void run_predicate(struct work *w, size_t i, struct bytes projection, struct check *c)
{
        size_t asked = w->asked.count;

        *c = begin_check("predicate", "the predicate answers <true/>");
        if (w->readable && i < asked)
                judge_asked(w, i, projection, c);
        else if (w->readable && i - asked < w->in->policies_count)
                judge_policy(w, &w->in->policies[i - asked], projection, c);
        else if (w->readable)
                check_not_made(w, c, "no policy was given: what was measured is judged by nobody",
                               "--policy P.xsl, or a predicate in the descriptor");
        end_check(w, c);
}

/* There are checks, and none failed. */
static bool all_held(const struct check *checks, size_t count)
{
        bool held = count > 0;

        for (size_t i = 0; i < count; i++)
                held = held && (checks[i].result == CHECK_PASSED ||
                                checks[i].result == CHECK_NOT_APPLICABLE ||
                                checks[i].result == CHECK_NOT_MADE);
        return held;
}

static void verify_kind(struct work *w, const struct evidence_kind *kind, struct verdict *out)
{
        const struct verify_input *in = w->in;
        size_t most = kind->count + PREDICATES_MOST + in->policies_count + 1, judged, n = 0;
        struct check *checks = arena_get_many(w->arena, most, sizeof *checks);

        w->own = arena_get(w->arena, kind->own_size);
        for (; n < kind->count; n++)
                run(w, &kind->checks[n], n == 0, &checks[n]);
        if (w->readable)
                out->projection = kind->projection(w);
        judged = w->asked.count + in->policies_count;
        for (size_t i = 0; i == 0 || i < judged; i++)
                run_predicate(w, i, out->projection, &checks[n++]);
        out->asked = w->asked;
        out->checks = checks;
        out->checks_count = n;
        out->challenge = w->challenge;
        out->trusted = w->readable && all_held(checks, n);
        if (!out->trusted || !in->trust)
                return;
        out->seen = *in->trust;
        kind->learn(w, &out->seen);
}

void verify(struct verifier *v, const struct verify_input *in, struct arena *a, struct verdict *out)
{
        struct work w = {.in = in, .arena = a, .verifier = v};
        const char *name = evidence_kind(in->evidence, a);
        const struct evidence_kind *kind = find_kind(v, name);
        struct check *c;

        *out = (struct verdict){.kind = name ? check_printable(&w, name) : NULL};
        if (kind) {
                verify_kind(&w, kind, out);
                return;
        }
        c = arena_get(a, sizeof *c);
        *c = begin_check("kind", "it is evidence of a kind that this verifier knows");
        check_kind(&w, name, c);
        end_check(&w, c);
        out->checks = c;
        out->checks_count = 1;
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
