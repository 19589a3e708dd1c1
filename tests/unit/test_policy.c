/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Predicates: right answers, and every way to a wrong true that is known (docs/policies.md). Runs
 * from the root of the source tree.
 */
#include "integrity-mgr/policy_judge.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XSL(body)                                                                                  \
        "<xsl:stylesheet version=\"1.0\" xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\">" body \
        "</xsl:stylesheet>"
#define ROOT(body) XSL("<xsl:template match=\"/\">" body "</xsl:template>")
#define IF(test) /* true if test, else false */                                                    \
        ROOT("<xsl:choose><xsl:when test=\"" test "\"><true/></xsl:when>"                          \
             "<xsl:otherwise><false/></xsl:otherwise></xsl:choose>")
#define GOOD "sha256:" /* what the digest of the good image begins with */

static const char projection[] =
        "<projection>"
        "<measurement plugin=\"disk\" target=\"disk:/img\" version=\"1\">"
        "<node id=\"disk:/img\" type=\"disk\"><value name=\"digest\">good</value>"
        "<value name=\"size\">4096</value></node></measurement></projection>";

static struct arena *arena;

static struct bytes bytes_of(const char *text)
{
        return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static enum status judge(const char *stylesheet, struct judge_rep *out)
{
        return policy_judge(bytes_of(stylesheet), bytes_of(projection), arena, out);
}

/* --- answers --------------------------------------------------------------------------------- */

static const struct {
        const char *stylesheet;
        bool answer;
} answers[] = {
        {IF("//value[@name='digest']='good'"), true},
        {IF("//value[@name='digest']='bad'"), false},
        {IF("count(//measurement)=1 and //value[@name='size'] &lt; 5000"), true},
        {ROOT("<xsl:element name=\"{substring('true',1,4*count(//node))}\"/>"), true},
        {ROOT("<xsl:apply-templates/>") /* built-in templates copy text: no answer */, false},
};

START_TEST(says_what_it_says)
{
        struct judge_rep v = {.answer = true};
        enum status s = judge(answers[_i].stylesheet, &v);

        ck_assert_int_eq(v.answer, answers[_i].answer);
        ck_assert_int_eq(s, _i == 4 ? ST_PREDICATE : ST_DONE);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("policy");
        TCase *tc = tcase_create("answers");
        SRunner *runner;
        int failed;

        policy_warm_up();
        arena = arena_new();
        tcase_add_loop_test(tc, says_what_it_says, 0, sizeof answers / sizeof *answers);
        suite_add_tcase(suite, tc);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        arena_free(arena);
        return failed != 0;
}
