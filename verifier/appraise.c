/* SPDX-License-Identifier: Apache-2.0 */
/* The story of one appraisal. `bulkhead verify` comes here, with bytes that others made. */
#include "verifier/appraise.h"

#include "lib/apart.h"
#include "policy/policy_apart.h"
#include "xml/descriptor.h"

#include <string.h>

enum { MEMORY = 1024 << 20, CPU_SECONDS = 30, WALL_MS = 60000 };
enum {
        ANSWERS_MOST = PREDICATES_MOST + APPRAISE_POLICIES_MOST,
        LIBRARY_MOST = PREDICATES_MOST + APPRAISE_POLICIES_MOST
};

struct answer {
        struct bytes stylesheet;
        enum status status;
        struct error error;
        struct judge_rep said;
};

/* The input of the children that make checks. */
struct case_file {
        const struct appraise_input *in;
        struct bytes projection;
        struct answer answers[ANSWERS_MOST];
        size_t answers_count;
        struct verify_policy library[LIBRARY_MOST]; /* what the descriptor can name */
        size_t library_count;
};

enum status appraise_init(const char *grammar_dir)
{
        policy_apart_warm_up();
        return descriptor_init(grammar_dir);
}

/* --- in the process without rights ----------------------------------------------------------- */

static bool same(struct bytes a, struct bytes b)
{
        return a.len == b.len && (!a.len || !memcmp(a.data, b.data, a.len));
}

/* A verify_judge: gives the answer that ask_judges() has got to that very question. */
static enum status recall(void *context, struct bytes stylesheet, struct bytes projection,
                          struct arena *a, struct judge_rep *out)
{
        const struct case_file *f = context;

        (void)a;
        for (size_t i = 0; i < f->answers_count; i++) {
                if (!same(stylesheet, f->answers[i].stylesheet))
                        continue;
                if (!same(projection, f->projection))
                        break;
                *out = f->answers[i].said;
                if (f->answers[i].status)
                        error_keep(&f->answers[i].error);
                return f->answers[i].status;
        }
        return FAIL(ST_PREDICATE, .subject = "predicate", .found = "asked about something else");
}

static enum status make_checks(const struct case_file *f, verify_judge *judge, struct arena *a,
                               struct trust *trust, struct verdict *verdict)
{
        const struct appraise_input *in = f->in;
        struct verifier *v = verifier_new();
        struct verify_input q = {.evidence = in->evidence,
                                 .trust = in->trust.len ? trust : NULL,
                                 .challenge = in->challenge.len ? &in->challenge : NULL,
                                 .request = in->descriptor.data ? &in->descriptor : NULL,
                                 .policies = in->policies,
                                 .policies_count = judge ? in->policies_count : 0,
                                 .library = f->library,
                                 .library_count = f->library_count,
                                 .strict = in->strict,
                                 .judge = judge,
                                 .judge_context = (void *)(uintptr_t)f};
        enum status s = in->trust.len ? trust_read(in->trust, a, trust) : ST_DONE;

        if (!s)
                verify(v, &q, a, verdict);
        verifier_free(v);
        return s;
}

static enum status find_projection(void *input, struct arena *a, void *answer_out)
{
        struct appraisal_question *out = answer_out;
        struct verdict verdict = {0};
        struct trust trust;
        enum status s = make_checks(input, NULL, a, &trust, &verdict);

        out->projection = verdict.projection;
        out->predicates = verdict.asked;
        return s;
}

static enum status update_trust(const struct trust *trust, const struct verdict *verdict,
                                struct arena *a, struct bytes *text_out)
{
        struct buffer record = BUFFER_INIT(TRUST_MOST);
        struct trust updated;
        enum status s = trust_updated(trust, verdict, &updated);

        if (!s)
                s = trust_write(&updated, &record);
        if (!s)
                *text_out = (struct bytes){arena_copy(a, record.data, record.len), record.len};
        buffer_clear(&record);
        return s;
}

static enum status reach_verdict(void *input, struct arena *a, void *answer_out)
{
        const struct case_file *f = input;
        struct appraisal *out = answer_out;
        struct verdict verdict = {0};
        struct trust trust;
        enum status s = make_checks(f, recall, a, &trust, &verdict);

        if (!s && verdict.trusted && f->in->trust.len)
                s = update_trust(&trust, &verdict, a, &out->trust);
        out->trusted = verdict.trusted;
        out->kind = verdict.kind ? verdict.kind : "";
        out->checks.items = verdict.checks;
        out->checks.count = verdict.checks_count;
        out->challenge = verdict.challenge;
        return s;
}

/* --- in the caller's process ----------------------------------------------------------------- */

static enum status run_apart(const struct shape *answer,
                             enum status (*work)(void *, struct arena *, void *),
                             struct case_file *f, struct arena *a, void *answer_out)
{
        static const struct sandbox sandbox = {SANDBOX_COMPUTE, MEMORY, CPU_SECONDS, 0};
        const struct apart how = {&sandbox, WALL_MS, answer, NULL, work};

        return apart_run(&how, f, a, answer_out);
}

/* A predicate that gives no answer is no error here: its check fails later. */
static void ask_judge(struct case_file *f, struct bytes stylesheet, struct arena *a)
{
        struct answer *answer = &f->answers[f->answers_count++];

        answer->stylesheet = stylesheet;
        answer->status = policy_judge_apart(stylesheet, f->projection, a, &answer->said);
        answer->error = *error_last();
        error_clear();
}

static void know(struct case_file *f, const char *name, struct bytes stylesheet)
{
        if (f->library_count < LIBRARY_MOST)
                f->library[f->library_count++] = (struct verify_policy){name, stylesheet};
}

/* Finds what the descriptor names, among the policies first. Which of those of one name is the
 * right one, the digest decides later; here all that there are are judged. */
static void find_named(struct case_file *f, const struct asked_predicate *p, struct arena *a)
{
        struct bytes stylesheet = {0};

        for (size_t i = 0; i < f->library_count; i++)
                if (!strcmp(f->library[i].name, p->name) && f->in->policies_count <= i)
                        return; /* named before */
        if (f->in->find && !f->in->find(p->name, a, &stylesheet)) {
                know(f, p->name, stylesheet);
                ask_judge(f, stylesheet, a);
        }
        error_clear();
}

static void know_policies(struct case_file *f, struct arena *a)
{
        for (size_t i = 0; i < f->in->policies_count; i++) {
                const char *name = f->in->policies[i].name, *end = strrchr(name, '.');
                bool suffix = end && !strcmp(end, ".xsl");

                know(f, suffix ? arena_copy(a, name, (size_t)(end - name)) : name,
                     f->in->policies[i].stylesheet);
        }
}

/* The predicates of the descriptor, and the policies. */
static enum status ask_judges(struct case_file *f, struct arena *a)
{
        struct appraisal_question question = {};
        enum status s = run_apart(&shape_appraisal_question, find_projection, f, a, &question);

        f->projection = question.projection;
        if (s || !f->projection.len)
                return s;
        know_policies(f, a);
        for (size_t i = 0; i < question.predicates.count; i++) {
                const struct asked_predicate *p = &question.predicates.items[i];

                if (*p->name)
                        find_named(f, p, a);
                else
                        ask_judge(f, p->stylesheet, a);
        }
        for (size_t i = 0; i < f->in->policies_count; i++)
                ask_judge(f, f->in->policies[i].stylesheet, a);
        return ST_DONE;
}

/* Whether the evidence may ask for a predicate itself. Reads nothing: if it did and this said no,
 * the predicate would have no answer, and no answer is not trusted. */
static bool may_ask(struct bytes evidence)
{
        static const char mark[] = "<predicate";

        return memmem(evidence.data, evidence.len, mark, sizeof mark - 1) != NULL;
}

/* Belt and braces: whatever the child said, the verdict is never better than its checks. */
static void doubt(struct appraisal *out)
{
        if (!out->checks.count)
                out->trusted = false;
        for (size_t i = 0; i < out->checks.count; i++) {
                struct check *c = &out->checks.items[i];

                if (c->result == CHECK_PASSED || c->result == CHECK_NOT_APPLICABLE ||
                    c->result == CHECK_NOT_MADE)
                        continue;
                c->result = CHECK_FAILED;
                out->trusted = false;
        }
        if (!out->trusted)
                out->trust = (struct bytes){0};
}

enum status appraise(const struct appraise_input *in, struct arena *a, struct appraisal *out)
{
        struct case_file *f = arena_get(a, sizeof *f);
        struct appraisal told = {};
        enum status s = ST_DONE;

        *out = (struct appraisal){.kind = ""};
        if (in->policies_count > APPRAISE_POLICIES_MOST)
                return FAIL(ST_USAGE, .subject = "policies",
                            .expected = FMT("at most %d", APPRAISE_POLICIES_MOST),
                            .found = FMT("%zu", in->policies_count));
        f->in = in;
        if (in->policies_count || may_ask(in->evidence))
                s = ask_judges(f, a);
        if (!s)
                s = run_apart(&shape_appraisal, reach_verdict, f, a, &told);
        if (s)
                return s;
        doubt(&told);
        *out = told;
        return ST_DONE;
}
