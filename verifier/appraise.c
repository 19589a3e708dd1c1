/* SPDX-License-Identifier: Apache-2.0 */
/* The story of one appraisal. `bulkhead verify` comes here, with bytes that others made. */
#include "verifier/appraise.h"

#include "lib/apart.h"
#include "policy/policy_apart.h"
#include "xml/descriptor.h"

#include <string.h>

enum { MEMORY = 1024 << 20, CPU_SECONDS = 30, WALL_MS = 60000 };

struct answer {
        enum status status;
        struct error error;
        struct judge_rep said;
};

/* The input of the children that make checks. */
struct case_file {
        const struct appraise_input *in;
        struct bytes projection;
        struct answer *answers; /* one a policy */
};

enum status appraise_init(const char *grammar_dir)
{
        policy_apart_warm_up();
        return descriptor_init(grammar_dir);
}

/* --- in the process without rights ----------------------------------------------------------- */

/* A verify_judge: gives the answer that ask_judges() has got to that very question. */
static enum status recall(void *context, struct bytes stylesheet, struct bytes projection,
                          struct arena *a, struct judge_rep *out)
{
        const struct case_file *f = context;

        (void)a;
        for (size_t i = 0; i < f->in->policies_count; i++) {
                if (stylesheet.data != f->in->policies[i].stylesheet.data)
                        continue;
                if (projection.len != f->projection.len ||
                    memcmp(projection.data, f->projection.data, projection.len))
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
static enum status ask_judges(struct case_file *f, struct arena *a)
{
        struct appraisal_question question = {};
        enum status s = run_apart(&shape_appraisal_question, find_projection, f, a, &question);

        f->projection = question.projection;
        if (s || !f->projection.len)
                return s;
        for (size_t i = 0; i < f->in->policies_count; i++) {
                struct answer *answer = &f->answers[i];

                answer->status = policy_judge_apart(f->in->policies[i].stylesheet, f->projection, a,
                                                    &answer->said);
                answer->error = *error_last();
        }
        return ST_DONE;
}

/* Belt and braces: whatever the child said, the verdict is never better than its checks. */
static void doubt(struct appraisal *out)
{
        if (!out->checks.count)
                out->trusted = false;
        for (size_t i = 0; i < out->checks.count; i++) {
                struct check *c = &out->checks.items[i];

                if (c->result == CHECK_PASSED || c->result == CHECK_NOT_APPLICABLE)
                        continue;
                c->result = CHECK_FAILED;
                out->trusted = false;
        }
        if (!out->trusted)
                out->trust = (struct bytes){0};
}

enum status appraise(const struct appraise_input *in, struct arena *a, struct appraisal *out)
{
        struct case_file f = {.in = in};
        struct appraisal told = {};
        enum status s = ST_DONE;

        *out = (struct appraisal){.kind = ""};
        if (in->policies_count > APPRAISE_POLICIES_MOST)
                return FAIL(ST_USAGE, .subject = "policies",
                            .expected = FMT("at most %d", APPRAISE_POLICIES_MOST),
                            .found = FMT("%zu", in->policies_count));
        f.answers = arena_get_many(a, in->policies_count + 1, sizeof *f.answers);
        if (in->policies_count)
                s = ask_judges(&f, a);
        if (!s)
                s = run_apart(&shape_appraisal, reach_verdict, &f, a, &told);
        if (s)
                return s;
        doubt(&told);
        *out = told;
        return ST_DONE;
}
