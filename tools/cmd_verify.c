/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulkhead verify: needs no daemon. Reads files and prints a verdict. It parses none of the files
 * itself: verifier/appraise.h does, in children without rights.
 */
#include "tools/commands.h"
#include "tools/file.h"
#include "tools/output.h"

#include "lib/config.h"
#include "proof/commitment.h"
#include "verifier/appraise.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_TRUST = 0x100, OPTION_CHALLENGE, OPTION_DESCRIPTOR, OPTION_POLICY, OPTION_REMEMBER };
struct arguments {
        const char *evidence, *trust, *descriptor, *policies[APPRAISE_POLICIES_MOST];
        size_t policies_count;
        uint8_t challenge[CHALLENGE_MOST];
        size_t challenge_len;
        bool json, remember;
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
                if (arguments->policies_count == APPRAISE_POLICIES_MOST)
                        argp_error(state, "at most %d policies", APPRAISE_POLICIES_MOST);
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

/* --- files --------------------------------------------------------------------------------- */

static enum status read_files(const struct arguments *arguments, struct arena *a,
                              struct appraise_input *in)
{
        struct verify_policy *policies =
                arena_get_many(a, APPRAISE_POLICIES_MOST, sizeof *policies);
        enum status s = file_read(arguments->evidence, EVIDENCE_MOST, a, &in->evidence);

        if (!s && arguments->trust)
                s = file_read(arguments->trust, TRUST_MOST, a, &in->trust);
        if (!s && arguments->trust && !in->trust.len)
                s = FAIL(ST_INVALID, .subject = arguments->trust, .found = "an empty file",
                         .expected = "a trust record");
        if (!s && arguments->descriptor)
                s = file_read(arguments->descriptor, DOCUMENT_MOST, a, &in->descriptor);
        for (size_t i = 0; !s && i < arguments->policies_count; i++) {
                policies[i].name = arena_text(a, basename(arena_text(a, arguments->policies[i])));
                s = file_read(arguments->policies[i], DOCUMENT_MOST, a, &policies[i].stylesheet);
        }
        in->policies = policies;
        in->policies_count = arguments->policies_count;
        in->challenge = (struct bytes){arguments->challenge, arguments->challenge_len};
        return s;
}

static enum status judge(const struct arguments *arguments, struct arena *a,
                         struct appraisal *report)
{
        struct appraise_input in = {.policies = NULL};
        char grammars[CONFIG_PATH];
        enum status s = read_files(arguments, a, &in);

        if (!s)
                s = appraise_init(config_path(grammars, config.share, "descriptors"));
        if (!s)
                s = appraise(&in, a, report);
        if (!s && report->trusted && arguments->remember)
                s = file_update(arguments->trust, in.trust, report->trust, a);
        return s;
}

/* --- printing ------------------------------------------------------------------------------ */

static void print_json(const struct appraisal *report)
{
        struct json_object *o = json_object_new_object(), *checks = json_object_new_array();
        char hex[2 * CHALLENGE_MOST + 1] = "";

        if (report->challenge.len <= CHALLENGE_MOST)
                hex_write(hex, report->challenge.data, report->challenge.len);
        json_object_object_add(o, "trusted", json_object_new_boolean(report->trusted));
        output_json_text(o, "kind", report->kind);
        output_json_text(o, "challenge", hex);
        for (size_t i = 0; i < report->checks.count; i++) {
                const struct check *c = &report->checks.items[i];
                struct json_object *check = json_object_new_object();

                output_json_text(check, "name", c->name);
                output_json_text(check, "result", check_result_word(c->result));
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

static void print_text(const struct appraisal *report)
{
        const struct check *first = NULL;

        for (size_t i = 0; i < report->checks.count; i++) {
                const struct check *c = &report->checks.items[i];

                if (!strcmp(c->detail, CHECK_NOT_EVALUATED)) {
                        printf("%-14s  %s: %s\n", c->detail, output_clean(c->name),
                               output_clean(c->meaning));
                        continue;
                }
                printf("%-14s  %s: %s\n",
                       c->result == CHECK_FAILED ? "FAILED" : check_result_word(c->result),
                       output_clean(c->name), output_clean(c->meaning));
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
        struct appraisal report;
        struct arena *a;
        enum status s;
        int result;

        if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
                return EXIT_USAGE;
        a = arena_new();
        s = judge(&arguments, a, &report);
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
