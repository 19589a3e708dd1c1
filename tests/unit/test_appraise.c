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
        {"a kind that nobody knows", of_no_kind, "kind", "guest"},
        {"no XML", not_xml, "kind", ""},
        {"a very long kind", long_kind, "kind", "kkkkkk"},
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
        suite_add_tcase(suite, t);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        bad = srunner_ntests_failed(runner);
        srunner_free(runner);
        return bad != 0;
}
