/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulkhead verify: needs no daemon. Evidence, trust record and descriptor grammar are read in a
 * process without rights; predicates in one of their own each, between two such processes: the
 * first tells what they are to judge, the second, given their answers, makes all checks and
 * reaches the verdict. This process reads files, prints, and believes only the second.
 */
#include "tools/apart.h"
#include "tools/commands.h"
#include "tools/file.h"
#include "tools/judge_apart.h"
#include "tools/output.h"

#include "lib/config.h"
#include "proof/commitment.h"
#include "verifier/verify.h"
#include "xml/descriptor.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_TRUST = 0x100, OPTION_CHALLENGE, OPTION_DESCRIPTOR, OPTION_POLICY, OPTION_REMEMBER };
enum { POLICIES_MOST = 16, CHECKS_MOST = 64 };

struct answer {
        enum status status;
        struct error error;
        struct judge_rep said;
};

struct arguments {
        const char *evidence, *trust, *descriptor, *policies[POLICIES_MOST];
        size_t policies_count;
        uint8_t challenge[CHALLENGE_MOST];
        size_t challenge_len;
        bool json, remember;
};

/* All that the process without rights sees. */
struct case_file {
        struct bytes evidence, trust, challenge, descriptor, projection;
        struct verify_policy policies[POLICIES_MOST];
        struct answer answers[POLICIES_MOST];
        size_t policies_count;
};

/* What it tells. */
struct report {
        bool trusted;
        const char *kind;
        struct check checks[CHECKS_MOST];
        size_t checks_count;
        struct bytes challenge, trust;
};

/* --- options ------------------------------------------------------------------------------- */

static const struct argp_option options[] = {
        {"trust", OPTION_TRUST, "FILE", 0, "The trust record of the host; untrusted without one",
         1},
        {"challenge", OPTION_CHALLENGE, "HEX", 0,
         "The challenge that was sent; without it old evidence cannot be told from new", 1},
        {"descriptor", OPTION_DESCRIPTOR, "FILE", 0,
         "The descriptor that was sent; without it the evidence says itself what was asked for", 1},
        {"policy", OPTION_POLICY, "P.xsl", 0,
         "A predicate that has to answer <true/> (may be repeated)", 1},
        {"remember", OPTION_REMEMBER, NULL, 0,
         "If trusted, bring the trust record up to date with what was seen", 1},
        {0},
};

static error_t parse(int key, char *value, struct argp_state *state)
{
        struct arguments *arguments = state->input;
        long len;

        switch (key) {
        case ARGP_KEY_INIT:
                state->child_inputs[0] = &arguments->json;
                return 0;
        case OPTION_TRUST:
                arguments->trust = value;
                return 0;
        case OPTION_CHALLENGE:
                len = hex_read(value, strlen(value), arguments->challenge, CHALLENGE_MOST);
                if (len < CHALLENGE_LEAST)
                        argp_error(state, "a challenge is hex of %d to %d bytes", CHALLENGE_LEAST,
                                   CHALLENGE_MOST);
                arguments->challenge_len = (size_t)len;
                return 0;
        case OPTION_DESCRIPTOR:
                arguments->descriptor = value;
                return 0;
        case OPTION_POLICY:
                if (arguments->policies_count == POLICIES_MOST)
                        argp_error(state, "at most %d policies", POLICIES_MOST);
                arguments->policies[arguments->policies_count++] = value;
                return 0;
        case OPTION_REMEMBER:
                arguments->remember = true;
                return 0;
        case ARGP_KEY_ARG:
                if (arguments->evidence)
                        argp_usage(state);
                arguments->evidence = value;
                return 0;
        case ARGP_KEY_END:
                if (!arguments->evidence)
                        argp_usage(state);
                if (arguments->remember && !arguments->trust)
                        argp_error(state, "--remember needs the --trust record to write to");
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

/* --- in the process without rights --------------------------------------------------------- */

static enum status load_grammars(void *input)
{
        char path[CONFIG_PATH];

        (void)input;
        return descriptor_init(config_path(path, config.share, "descriptors"));
}

/* The answer that was given to that very question. */
static enum status recall(void *context, struct bytes stylesheet, struct bytes projection,
                          struct arena *a, struct judge_rep *out)
{
        const struct case_file *f = context;

        (void)a;
        for (size_t i = 0; i < f->policies_count; i++) {
                if (stylesheet.data != f->policies[i].stylesheet.data)
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

static enum status judge_evidence(const struct case_file *f, verify_judge *judge, struct arena *a,
                                  struct trust *trust, struct verdict *verdict)
{
        struct verifier *v = verifier_new();
        struct verify_input in = {.evidence = f->evidence,
                                  .trust = f->trust.len ? trust : NULL,
                                  .challenge = f->challenge.len ? &f->challenge : NULL,
                                  .request = f->descriptor.data ? &f->descriptor : NULL,
                                  .policies = f->policies,
                                  .policies_count = judge ? f->policies_count : 0,
                                  .judge = judge,
                                  .judge_context = (void *)(uintptr_t)f};
        enum status s = f->trust.len ? trust_read(f->trust, a, trust) : ST_DONE;

        if (!s)
                verify(v, &in, a, verdict);
        verifier_free(v);
        return s;
}

static enum status find_projection(void *input, struct buffer *out)
{
        struct arena *a = arena_new();
        struct verdict verdict = {0};
        struct trust trust;
        enum status s = judge_evidence(input, NULL, a, &trust, &verdict);

        if (!s)
                buffer_add(out, verdict.projection.data, verdict.projection.len);
        arena_free(a);
        return s;
}

static void put(struct buffer *out, struct bytes b)
{
        buffer_u32(out, (uint32_t)b.len);
        buffer_add(out, b.data, b.len);
}

static void put_text(struct buffer *out, const char *text)
{
        put(out, (struct bytes){(const uint8_t *)text, text ? strlen(text) : 0});
}

static void put_report(struct buffer *out, const struct verdict *verdict, struct bytes trust)
{
        buffer_u8(out, verdict->trusted);
        put_text(out, verdict->kind);
        buffer_u32(out, (uint32_t)verdict->checks_count);
        for (size_t i = 0; i < verdict->checks_count; i++) {
                const struct check *c = &verdict->checks[i];

                buffer_u8(out, (uint8_t)c->result);
                put_text(out, c->name);
                put_text(out, c->meaning);
                put_text(out, c->detail);
                put_text(out, c->expected);
                put_text(out, c->found);
        }
        put(out, verdict->challenge);
        put(out, trust);
}

static enum status reach_verdict(void *input, struct buffer *out)
{
        struct buffer record = BUFFER_INIT(TRUST_MOST);
        struct arena *a = arena_new();
        struct verdict verdict = {0};
        struct trust trust, updated;
        enum status s = judge_evidence(input, recall, a, &trust, &verdict);

        if (!s && verdict.trusted) {
                s = trust_updated(&trust, &verdict, &updated);
                if (!s)
                        s = trust_write(&updated, &record);
        }
        if (!s)
                put_report(out, &verdict, buffer_bytes(&record));
        buffer_clear(&record);
        arena_free(a);
        return s;
}

/* --- back here ----------------------------------------------------------------------------- */

static struct bytes take(struct reader *r)
{
        uint32_t len = read_u32(r);

        return (struct bytes){read_bytes(r, len), len};
}

static const char *take_text(struct reader *r, struct arena *a)
{
        struct bytes b = take(r);

        return b.data ? arena_copy(a, b.data, b.len) : "";
}

static enum status read_report(struct bytes told, struct arena *a, struct report *out)
{
        struct reader r = reader_of(told);
        size_t count;

        *out = (struct report){0};
        out->trusted = read_u8(&r) == 1;
        out->kind = take_text(&r, a);
        count = read_u32(&r);
        for (size_t i = 0; i < count && i < CHECKS_MOST && !r.bad; i++) {
                struct check *c = &out->checks[i];

                c->result = (enum check_result)read_u8(&r);
                c->name = take_text(&r, a);
                c->meaning = take_text(&r, a);
                c->detail = take_text(&r, a);
                c->expected = take_text(&r, a);
                c->found = take_text(&r, a);
                /* Belt and braces: a verdict is never better than its checks. */
                if (c->result != CHECK_PASSED && c->result != CHECK_NOT_APPLICABLE)
                        out->trusted = false;
        }
        out->checks_count = count;
        out->challenge = take(&r);
        out->trust = take(&r);
        if (reader_done(&r) && count && count <= CHECKS_MOST)
                return ST_DONE;
        *out = (struct report){0};
        return FAIL(ST_WORKER, .subject = "verifier", .found = "half an answer");
}

static enum status run_apart(enum status (*work)(void *, struct buffer *), struct case_file *f,
                             struct arena *a, struct bytes *told_out)
{
        static const struct sandbox sandbox = {SANDBOX_COMPUTE, 1024 << 20, 30, 0};
        struct apart how = {&sandbox, 60000, load_grammars, work};
        struct buffer told = BUFFER_INIT(EVIDENCE_MOST + DOCUMENT_MOST);
        enum status s = apart_run(&how, f, &told);

        if (!s)
                *told_out = (struct bytes){arena_copy(a, told.data, told.len), told.len};
        buffer_clear(&told);
        return s;
}

static void ask_judges(struct case_file *f, struct arena *a)
{
        for (size_t i = 0; i < f->policies_count; i++) {
                struct answer *answer = &f->answers[i];

                answer->status =
                        judge_apart(f->policies[i].stylesheet, f->projection, a, &answer->said);
                answer->error = *error_last();
        }
}

static enum status read_files(const struct arguments *arguments, struct arena *a,
                              struct case_file *f)
{
        enum status s = file_read(arguments->evidence, EVIDENCE_MOST, a, &f->evidence);

        if (!s && arguments->trust)
                s = file_read(arguments->trust, TRUST_MOST, a, &f->trust);
        if (!s && arguments->trust && !f->trust.len)
                s = FAIL(ST_INVALID, .subject = arguments->trust, .found = "an empty file",
                         .expected = "a trust record");
        if (!s && arguments->descriptor)
                s = file_read(arguments->descriptor, DOCUMENT_MOST, a, &f->descriptor);
        for (size_t i = 0; !s && i < arguments->policies_count; i++) {
                f->policies[i].name =
                        arena_text(a, basename(arena_text(a, arguments->policies[i])));
                s = file_read(arguments->policies[i], DOCUMENT_MOST, a, &f->policies[i].stylesheet);
        }
        f->policies_count = arguments->policies_count;
        f->challenge = (struct bytes){arguments->challenge, arguments->challenge_len};
        return s;
}

static enum status verify_apart(const struct arguments *arguments, struct arena *a,
                                struct report *report)
{
        struct case_file *f = arena_get(a, sizeof *f);
        struct bytes told;
        enum status s = read_files(arguments, a, f);

        if (!s && f->policies_count) {
                s = run_apart(find_projection, f, a, &f->projection);
                if (!s && f->projection.len)
                        ask_judges(f, a);
        }
        if (!s)
                s = run_apart(reach_verdict, f, a, &told);
        if (!s)
                s = read_report(told, a, report);
        if (!s && report->trusted && arguments->remember)
                s = file_update(arguments->trust, f->trust, report->trust, a);
        return s;
}

/* --- printing ------------------------------------------------------------------------------ */

static const char *const results[] = {"FAILED", "passed", "not applicable"};

static const char *result_of(const struct check *c)
{
        return results[(unsigned)c->result <= CHECK_NOT_APPLICABLE ? c->result : CHECK_FAILED];
}

static void print_json(const struct report *report)
{
        struct json_object *o = json_object_new_object(), *checks = json_object_new_array();
        char hex[2 * CHALLENGE_MOST + 1] = "";

        if (report->challenge.len <= CHALLENGE_MOST)
                hex_write(hex, report->challenge.data, report->challenge.len);
        json_object_object_add(o, "trusted", json_object_new_boolean(report->trusted));
        output_json_text(o, "kind", report->kind);
        output_json_text(o, "challenge", hex);
        for (size_t i = 0; i < report->checks_count; i++) {
                const struct check *c = &report->checks[i];
                struct json_object *check = json_object_new_object();

                output_json_text(check, "name", c->name);
                output_json_text(check, "result",
                                 c->result == CHECK_FAILED ? "failed" : result_of(c));
                output_json_text(check, "meaning", c->meaning);
                output_json_text(check, "detail", c->detail);
                output_json_text(check, "expected", c->expected);
                output_json_text(check, "found", c->found);
                json_object_array_add(checks, check);
        }
        json_object_object_add(o, "checks", checks);
        output_json(o);
}

static void print_line(const char *label, const char *text)
{
        if (*text)
                printf("%16s%s%s\n", "", label, output_clean(text));
}

static void print_text(const struct report *report)
{
        const struct check *first = NULL;

        for (size_t i = 0; i < report->checks_count; i++) {
                const struct check *c = &report->checks[i];

                if (!strcmp(c->detail, CHECK_NOT_EVALUATED)) {
                        printf("%-14s  %s: %s\n", c->detail, output_clean(c->name),
                               output_clean(c->meaning));
                        continue;
                }
                printf("%-14s  %s: %s\n", result_of(c), output_clean(c->name),
                       output_clean(c->meaning));
                print_line("", c->detail);
                print_line("expected  ", c->expected);
                print_line("found     ", c->found);
                if (!first && c->result != CHECK_PASSED && c->result != CHECK_NOT_APPLICABLE)
                        first = c;
        }
        if (report->trusted)
                puts("trusted");
        else if (first)
                printf("untrusted: %s: %s%s%s\n", output_clean(first->name),
                       output_clean(first->detail), *first->found ? ": " : "",
                       output_clean(first->found));
        else
                puts("untrusted");
}

int cmd_verify(int argc, char **argv)
{
        static const struct argp_child children[] = {{&output_json_argp, 0, NULL, 0}, {0}};
        static const struct argp argp = {
                options,
                parse,
                "EVIDENCE.xml",
                "Judges evidence: prints each check, then the verdict. Needs no daemon, no TPM and "
                "no root.\vExit status: 0 trusted, 1 untrusted, 3 could not be decided.",
                children,
                NULL,
                NULL};
        struct arguments arguments = {0};
        struct report report;
        struct arena *a;
        enum status s;
        int result;

        if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
                return EXIT_USAGE;
        a = arena_new();
        judge_warm_up();
        s = verify_apart(&arguments, a, &report);
        if (s) {
                result = output_error(s, "verify %s", output_clean(arguments.evidence));
                goto out;
        }
        arguments.json ? print_json(&report) : print_text(&report);
        result = output_end();
        if (!result && !report.trusted)
                result = EXIT_REFUSED;
out:
        arena_free(a);
        return result;
}
