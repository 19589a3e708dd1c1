/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulkhead verify: needs no daemon. Reads files and prints a verdict. It parses none of the files
 * itself: verifier/appraise.h does, in children without rights.
 */
#include "tools/commands.h"
#include "tools/file.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/verdict.h"

#include "lib/config.h"
#include "proof/commitment.h"
#include "verifier/appraise.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>

enum {
        OPTION_TRUST = 0x100,
        OPTION_CHALLENGE,
        OPTION_DESCRIPTOR,
        OPTION_POLICY,
        OPTION_REMEMBER,
        OPTION_STRICT
};
enum { EVIDENCES_MOST = 256 };

struct arguments {
        const char *evidence[EVIDENCES_MOST], *trust, *descriptor,
                *policies[APPRAISE_POLICIES_MOST];
        size_t evidence_count, policies_count;
        uint8_t challenge[CHALLENGE_MOST];
        size_t challenge_len;
        struct options shared;
        bool remember, strict;
};

/* --- options ------------------------------------------------------------------------------- */

static const struct argp_option options[] = {
        {"trust", OPTION_TRUST, "FILE", 0, "The trust record of the host; untrusted without one",
         1},
        {"challenge", OPTION_CHALLENGE, "HEX", 0,
         "The challenge that was sent; without it old evidence cannot be told from new", 1},
        {"descriptor", OPTION_DESCRIPTOR, "FILE", 0,
         "The descriptor that was sent; without it the evidence says itself what was asked for", 1},
        {"policy", OPTION_POLICY, "P.xsl", OPTION_REPEATS,
         "A predicate that has to answer <true/> (may be repeated)", 1},
        {"remember", OPTION_REMEMBER, NULL, 0,
         "If trusted, bring the trust record up to date with what was seen", 1},
        {"strict", OPTION_STRICT, NULL, 0,
         "Untrusted if anything is not checked: needs --challenge, --descriptor and a predicate",
         1},
        {0},
};

static error_t parse(int key, char *value, struct argp_state *state)
{
        struct arguments *arguments = state->input;
        long len;

        switch (key) {
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
        case OPTION_STRICT:
                arguments->strict = true;
                return 0;
        case ARGP_KEY_ARG:
                if (arguments->evidence_count == EVIDENCES_MOST)
                        argp_error(state, "at most %d files of evidence", EVIDENCES_MOST);
                arguments->evidence[arguments->evidence_count++] = value;
                return 0;
        case ARGP_KEY_END:
                if (!arguments->evidence_count)
                        argp_usage(state);
                if (arguments->remember && (!arguments->trust || !strcmp(arguments->trust, "-")))
                        argp_error(state, "--remember needs the --trust record to write to");
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

/* --- files --------------------------------------------------------------------------------- */

/* ST_INVALID for a file without any mark of its kind: the wrong file was named, and "untrusted"
 * would say something of a host. Nothing is parsed, so that a file that was damaged in one place is
 * judged all the same. */
static enum status must_have(const char *const marks[], const char *file, struct bytes text,
                             const char *expected)
{
        for (size_t i = 0; marks[i]; i++)
                if (memmem(text.data, text.len, marks[i], strlen(marks[i])))
                        return ST_DONE;
        return FAIL(ST_INVALID, .subject = file, .expected = expected,
                    .found = text.len ? "a file of another kind" : "an empty file",
                    .remedy = "name the file that is meant: bulkhead verify --help");
}

static const char *const of_evidence[] = {"<evidence", "</evidence>", "<quote", "</signature>",
                                          NULL},
                         *const of_descriptors[] = {"attestation-desc", NULL},
                         *const of_predicates[] = {"http://www.w3.org/1999/XSL/Transform", NULL};

static enum status read_policies(const struct arguments *arguments, struct arena *a,
                                 struct verify_policy *policies)
{
        enum status s = ST_DONE;

        for (size_t i = 0; !s && i < arguments->policies_count; i++) {
                const char *file = arguments->policies[i];

                policies[i].name = arena_text(a, basename(arena_text(a, file)));
                s = file_read(file, DOCUMENT_MOST, a, &policies[i].stylesheet);
                if (!s)
                        s = must_have(of_predicates, file, policies[i].stylesheet, "a predicate");
        }
        return s;
}

/* What is read once for all evidence; the trust record, which may change in between, is read with
 * each. */
static enum status read_files(const struct arguments *arguments, struct arena *a,
                              struct appraise_input *in)
{
        struct verify_policy *policies =
                arena_get_many(a, APPRAISE_POLICIES_MOST, sizeof *policies);
        enum status s = ST_DONE;

        if (arguments->descriptor)
                s = file_read(arguments->descriptor, DOCUMENT_MOST, a, &in->descriptor);
        if (!s && arguments->descriptor)
                s = must_have(of_descriptors, arguments->descriptor, in->descriptor,
                              "an attestation descriptor");
        if (!s)
                s = read_policies(arguments, a, policies);
        in->policies = policies;
        in->policies_count = arguments->policies_count;
        in->challenge = (struct bytes){arguments->challenge, arguments->challenge_len};
        in->strict = arguments->strict;
        return s;
}

/* Gets a predicate that a descriptor names. name: no '/' in it. */
static enum status find_predicate(const char *name, struct arena *a, struct bytes *stylesheet_out)
{
        const char *file = arena_print(a, "xslt-policies/%s.xsl", name);
        char path[CONFIG_PATH];

        return file_read(config_path(path, config.share, file), DOCUMENT_MOST, a, stylesheet_out);
}

static enum status read_trust(const struct arguments *arguments, struct arena *a,
                              struct bytes *trust_out)
{
        enum status s =
                arguments->trust ? file_read(arguments->trust, TRUST_MOST, a, trust_out) : ST_DONE;

        if (!s && arguments->trust && !trust_out->len)
                s = FAIL(ST_INVALID, .subject = arguments->trust, .found = "an empty file",
                         .expected = "a trust record");
        return s;
}

/* --- verdicts ------------------------------------------------------------------------------ */

/* Without a verdict the exit status is never that of "untrusted". */
static int undecided(const char *evidence, enum status s)
{
        return output_error_as(s == ST_USAGE ? EXIT_USAGE : EXIT_UNDECIDED, s, "verify %s",
                               output_clean(evidence));
}

/* Whoever reads a list has to find each piece of evidence in it. */
static struct json_object *no_verdict_json(const char *evidence)
{
        struct json_object *o = json_object_new_object();

        output_json_text(o, "evidence", evidence);
        json_object_object_add(o, "trusted", json_object_new_boolean(0));
        json_object_object_add(o, "undecided", json_object_new_boolean(true));
        return o;
}

static int judge(const struct arguments *arguments, const char *evidence,
                 const struct appraise_input *common, struct json_object *list)
{
        struct appraise_input in = *common;
        struct arena *a = arena_new();
        struct appraisal report = {0};
        enum status s = file_read(evidence, EVIDENCE_MOST, a, &in.evidence);
        int result;

        if (!s)
                s = must_have(of_evidence, evidence, in.evidence, "evidence");
        if (!s)
                s = read_trust(arguments, a, &in.trust);
        if (!s)
                s = appraise(&in, a, &report);
        if (!s && report.trusted && arguments->remember)
                s = file_update(arguments->trust, in.trust, report.trust, a);
        if (s) {
                result = undecided(evidence, s);
                if (list)
                        json_object_array_add(list, no_verdict_json(evidence));
                goto out;
        }
        if (list)
                json_object_array_add(list, verdict_json(evidence, &report));
        else
                verdict_print(&report);
        result = report.trusted ? EXIT_DONE : EXIT_REFUSED;
out:
        arena_free(a);
        return result;
}

/* One piece of evidence is printed as an object, several as a list. */
static void print_list(struct json_object *list, size_t count)
{
        if (count == 1 && json_object_array_length(list) == 1)
                output_json(json_object_get(json_object_array_get_idx(list, 0)));
        else if (count > 1)
                output_json(json_object_get(list));
        json_object_put(list);
}

/* The exit status is that of the worst. */
static int judge_all(const struct arguments *arguments, const struct appraise_input *in)
{
        struct json_object *list = arguments->shared.json ? json_object_new_array() : NULL;
        int worst = EXIT_DONE, result;

        for (size_t i = 0; i < arguments->evidence_count; i++) {
                if (arguments->evidence_count > 1 && !list)
                        printf("%s%s\n", i ? "\n" : "", output_clean(arguments->evidence[i]));
                result = judge(arguments, arguments->evidence[i], in, list);
                worst = result > worst ? result : worst;
        }
        if (list)
                print_list(list, arguments->evidence_count);
        result = output_end();
        return result ? result : worst;
}

int cmd_verify(int argc, char **argv)
{
        static const struct argp_child children[] = {{&options_output, 0, NULL, 0}, {0}};
        static const struct argp argp = {
                options,
                parse,
                "EVIDENCE.xml...",
                "Judges evidence: prints each check, then the verdict and what was not checked. "
                "Needs no daemon, no TPM and no root.\v"
                "Exit status: 0 trusted, 1 untrusted, 2 wrong usage, 3 no verdict, such as for a "
                "file that is missing or is no evidence. Of several files the highest counts.",
                children,
                NULL,
                NULL};
        struct arguments arguments = {0};
        struct appraise_input in = {.find = find_predicate};
        char grammars[CONFIG_PATH];
        struct arena *a;
        enum status s;
        int result;

        if (!options_parse(&argp, argc, argv, &arguments, &arguments.shared))
                return EXIT_USAGE;
        a = arena_new();
        s = read_files(&arguments, a, &in);
        if (!s)
                s = appraise_init(config_path(grammars, config.share, "descriptors"));
        result = s ? undecided(arguments.evidence[0], s) : judge_all(&arguments, &in);
        arena_free(a);
        return result;
}
