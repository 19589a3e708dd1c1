/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appraisal: the verifier in processes without rights, with real predicates. What single checks say
 * is test_verify.c's matter; here, that the verdict comes back whole, and none where there is none.
 */
#include "tests/unit/evidence_make.h"
#include "verifier/appraise.h"

#include <check.h>
#undef fail /* lib/status.h has one of its own */
#include <stdlib.h>
#include <string.h>

static EVP_PKEY *key;
static struct arena *arena;
static struct plan plan;
static struct made made;
static struct appraise_input input;
static struct verify_policy policies[APPRAISE_POLICIES_MOST + 1];

static struct bytes text(const char *t)
{
        return (struct bytes){(const uint8_t *)t, strlen(t)};
}

static struct bytes predicate(const char *test)
{
        return text(arena_print(
                arena,
                "<xsl:stylesheet version=\"1.0\" "
                "xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\"><xsl:template match=\"/\">"
                "<xsl:choose><xsl:when test=\"%s\"><true/></xsl:when><xsl:otherwise><false>"
                "<reason path=\"/here\">not so</reason></false></xsl:otherwise></xsl:choose>"
                "</xsl:template></xsl:stylesheet>",
                test));
}

static struct bytes trust_text(const struct trust *trust)
{
        struct buffer b = BUFFER_INIT(TRUST_MOST);
        struct bytes out;

        ck_assert_int_eq(trust_write(trust, &b), ST_DONE);
        out = (struct bytes){arena_copy(arena, b.data, b.len), b.len};
        buffer_clear(&b);
        return out;
}

static void begin(void)
{
        arena = arena_new();
        key = plan_key();
        plan = plan_good(key);
        made = plan_make(&plan, arena);
        for (size_t i = 0; i <= APPRAISE_POLICIES_MOST; i++)
                policies[i] = (struct verify_policy){"yes.xsl", predicate("//value = 'sha256:aa'")};
        input = (struct appraise_input){.evidence = made.text,
                                        .trust = trust_text(&made.trust),
                                        .challenge = plan.challenge,
                                        .descriptor = text(plan.descriptor),
                                        .policies = policies,
                                        .policies_count = 2};
}

static void end(void)
{
        arena_free(arena);
        EVP_PKEY_free(key);
}

static const struct check *find(const struct appraisal *report, const char *name)
{
        for (size_t i = 0; i < report->checks.count; i++)
                if (!strcmp(report->checks.items[i].name, name))
                        return &report->checks.items[i];
        ck_abort_msg("no check %s", name);
        return NULL;
}

START_TEST(trusted)
{
        struct appraisal report;
        struct trust learnt;

        ck_assert_int_eq(appraise(&input, arena, &report), ST_DONE);
        ck_assert(report.trusted);
        ck_assert_str_eq(report.kind, "host");
        ck_assert_uint_eq(report.challenge.len, plan.challenge.len);
        ck_assert_mem_eq(report.challenge.data, plan.challenge.data, plan.challenge.len);
        for (size_t i = 0; i < report.checks.count; i++)
                ck_assert_int_eq(report.checks.items[i].result, CHECK_PASSED);
        ck_assert_str_eq(report.checks.items[report.checks.count - 1].name, "predicate yes.xsl");
        ck_assert_int_eq(trust_read(report.trust, arena, &learnt), ST_DONE);
        ck_assert_uint_eq(learnt.clock, plan.clock);
}
END_TEST

/* What is wrong, the check that says so, and what it found. */
static void no_predicate(void)
{
        policies[1].stylesheet = predicate("false()");
        policies[1].name = "no.xsl";
}
static void broken_predicate(void)
{
        policies[1].stylesheet = text("<xsl:stylesheet");
        policies[1].name = "no.xsl";
}
static void other_challenge(void)
{
        input.challenge = text("another challenge");
}
static void no_trust(void)
{
        input.trust.len = 0;
}
static void other_descriptor(void)
{
        input.descriptor = text("");
}
static void of_no_kind(void)
{
        input.evidence = text("<evidence kind=\"guest\" version=\"1\"></evidence>");
}
static void not_xml(void)
{
        input.evidence = text("evidence");
}
/* Longer than what is told can carry. */
static void long_kind(void)
{
        char *kind = memset(arena_get(arena, 10001), 'k', 10000);

        input.evidence = text(arena_print(arena, "<evidence kind=\"%s\"></evidence>", kind));
}

static const struct {
        const char *name;
        void (*change)(void);
        const char *check, *found; /* the beginning of what was found */
} wrongs[] = {
        {"a predicate that says no", no_predicate, "predicate no.xsl", "/here: not so"},
        {"a predicate that is none", broken_predicate, "predicate no.xsl", ""},
        {"another challenge", other_challenge, "challenge", "6368616c6c656e67"},
        {"no trust record", no_trust, "identity", "000b"},
        {"an empty descriptor", other_descriptor, "request", ""},
        {"a kind that nobody knows", of_no_kind, "kind", "\"guest\""},
        {"no XML", not_xml, "kind", ""},
        {"a very long kind", long_kind, "kind", "\"kkkkkk"},
};

START_TEST(untrusted)
{
        struct appraisal report;
        const struct check *c;

        wrongs[_i].change();
        ck_assert_int_eq(appraise(&input, arena, &report), ST_DONE);
        ck_assert_msg(!report.trusted, "%s", wrongs[_i].name);
        ck_assert_uint_eq(report.trust.len, 0);
        c = find(&report, wrongs[_i].check);
        ck_assert_int_eq(c->result, CHECK_FAILED);
        ck_assert_msg(!strncmp(c->found, wrongs[_i].found, strlen(wrongs[_i].found)), "%s: %s",
                      wrongs[_i].name, c->found);
}
END_TEST

/* --- predicates that the descriptor asks for ------------------------------------------------- */

static struct bytes installed; /* what find() gives for "known" */

static enum status find_known(const char *name, struct arena *a, struct bytes *stylesheet_out)
{
        (void)a;
        if (strcmp(name, "known"))
                return FAIL(ST_NOT_FOUND, .subject = name);
        *stylesheet_out = installed;
        return ST_DONE;
}

static const char *digest_text(struct bytes b)
{
        struct digest d = digest_of(HASH_SHA256, b.data, b.len);
        char hex[DIGEST_HEX];

        digest_hex(&d, hex);
        return arena_print(arena, "sha256:%s", hex);
}

static const char *named(const char *name, struct bytes stylesheet)
{
        return arena_print(arena, "<predicate digest=\"%s\" ref=\"%s\"></predicate>",
                           digest_text(stylesheet), name);
}

/* The canonical form of predicate() of that test, whose attributes stand in another order. */
static const char *inside(const char *test)
{
        return arena_print(
                arena,
                "<predicate><xsl:stylesheet xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\" "
                "version=\"1.0\"><xsl:template match=\"/\"><xsl:choose><xsl:when test=\"%s\"><true>"
                "</true></xsl:when><xsl:otherwise><false></false></xsl:otherwise></xsl:choose>"
                "</xsl:template></xsl:stylesheet></predicate>",
                test);
}

static void ask_for(const char *predicates)
{
        char *end = strstr(plan.descriptor, "</attestation>");

        plan.descriptor = arena_print(arena, "%.*s%s%s", (int)(end - plan.descriptor),
                                      plan.descriptor, predicates, end);
        made = plan_make(&plan, arena);
        input.evidence = made.text;
        input.trust = trust_text(&made.trust);
        input.descriptor = text(plan.descriptor);
        input.policies_count = 0;
        input.strict = true;
        input.find = find_known;
}

static void judges(const char *predicates, const char *failed, const char *found)
{
        const char *before = plan.descriptor;
        struct appraisal report;

        ask_for(predicates);
        ck_assert_int_eq(appraise(&input, arena, &report), ST_DONE);
        for (size_t i = 0; i < report.checks.count; i++)
                if (report.checks.items[i].result == CHECK_FAILED)
                        ck_assert_str_eq(report.checks.items[i].name, failed);
        ck_assert_int_eq(report.trusted, !failed);
        if (failed)
                ck_assert_str_eq(find(&report, failed)->found, found);
        plan.descriptor = before;
}

START_TEST(asked_for)
{
        static const char first[] = "predicate number 1 of the descriptor",
                          known[] = "predicate known of the descriptor";

        installed = predicate("//value = 'sha256:aa'");
        judges(inside("//value = 'sha256:aa'"), NULL, NULL);
        judges(inside("//value = 'sha256:ab'"), first, "");
        judges(inside("count(/projection)"), first, "<true/> for an empty projection");
        judges(named("known", installed), NULL, NULL);
        judges(named("known", text("other")), known, digest_text(installed));
        judges(named("unknown", installed), "predicate unknown of the descriptor",
               "no predicate of that name");
        installed = predicate("//value = 'sha256:ab'");
        judges(named("known", installed), known, "/here: not so");
        judges(arena_print(arena, "%s%s", inside("//value = 'sha256:aa'"),
                           named("known", installed)),
               known, "/here: not so");
        input.find = NULL;
}
END_TEST

/* A policy of the verifier's serves where the descriptor names it, too. */
START_TEST(asked_for_and_given)
{
        struct appraisal report;

        policies[0].name = "mine.xsl";
        ask_for(named("mine", policies[0].stylesheet));
        input.policies_count = 1;
        ck_assert_int_eq(appraise(&input, arena, &report), ST_DONE);
        ck_assert(report.trusted);
        ck_assert_int_eq(find(&report, "predicate mine of the descriptor")->result, CHECK_PASSED);
        ck_assert_int_eq(find(&report, "predicate mine.xsl")->result, CHECK_PASSED);
}
END_TEST

/* --- the trust record: nothing in it is accepted and ignored --------------------------------- */

/* All that an appraisal says, or why there is none. */
static const char *whole(void)
{
        struct appraisal report;
        const char *out = "";

        if (appraise(&input, arena, &report))
                return arena_text(arena, error_last()->expected);
        for (size_t i = 0; i < report.checks.count; i++) {
                const struct check *c = &report.checks.items[i];

                out = arena_print(arena, "%s%s %d %s %s %s\n", out, c->name, c->result, c->detail,
                                  c->expected, c->found);
        }
        return out;
}

static const struct {
        const char *name, *value;
} records[] = {
        {"bulkhead-trust", "2"}, {"host", NULL},       {"ak-public", NULL},  {"ak-name", NULL},
        {"enrolled", "yes"},     {"clock", "9999999"}, {"reset-count", "5"}, {"restart-count", "3"},
        {"log-length", "4"},     {"log-root", NULL},   {"alg", "sha384"},
};
enum { RECORDS = sizeof records / sizeof *records };

/* value NULL: its last hex digit becomes another one. */
START_TEST(trust_record)
{
        const char *before = whole(),
                   *record = arena_copy(arena, input.trust.data, input.trust.len);
        const char *at = strstr(record, arena_print(arena, "%s: ", records[_i].name));
        const char *end = strchr(at, '\n');
        size_t lines = 0;

        for (const char *p = record; (p = strchr(p, '\n')); p++)
                lines++;
        ck_assert_uint_eq(lines, RECORDS);
        at += strlen(records[_i].name) + 2;
        input.trust = text(arena_print(arena, "%.*s%s%s",
                                       (int)((records[_i].value ? at : end - 1) - record), record,
                                       records[_i].value ? records[_i].value
                                       : end[-1] == '0'  ? "1"
                                                         : "0",
                                       end));
        ck_assert_str_ne(before, whole());
}
END_TEST

/* No verdict is no verdict: nothing says trusted. */
START_TEST(undecided)
{
        struct appraisal report = {.trusted = true};

        input.trust = text("bulkhead-trust: 9\n");
        ck_assert_int_ne(appraise(&input, arena, &report), ST_DONE);
        ck_assert(!report.trusted);
        report.trusted = true;
        input.policies_count = APPRAISE_POLICIES_MOST + 1;
        ck_assert_int_eq(appraise(&input, arena, &report), ST_USAGE);
        ck_assert(!report.trusted);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("appraise");
        TCase *t = tcase_create("appraise");
        SRunner *runner;
        int bad;

        if (appraise_init("descriptors"))
                return 1;
        tcase_add_checked_fixture(t, begin, end);
        tcase_add_test(t, trusted);
        tcase_add_loop_test(t, untrusted, 0, sizeof wrongs / sizeof *wrongs);
        tcase_add_test(t, undecided);
        tcase_set_timeout(t, 60);
        tcase_add_test(t, asked_for);
        tcase_add_loop_test(t, trust_record, 0, RECORDS);
        tcase_add_test(t, asked_for_and_given);
        suite_add_tcase(suite, t);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        bad = srunner_ntests_failed(runner);
        srunner_free(runner);
        return bad != 0;
}
