/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The published grammars, judged by xmllint: what we make is of them, what is left out or put in
 * is not. Runs from the source tree's root.
 */
#include "tests/unit/evidence_make.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct arena *arena;

static bool is_of(const char *grammar, const char *text)
{
        char path[] = "/tmp/bulkhead-grammar-XXXXXX", command[256];
        int fd = mkstemp(path), r;

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        close(fd);
        snprintf(command, sizeof command, "xmllint --noout --relaxng descriptors/%s %s 2>/dev/null",
                 grammar, path);
        r = system(command);
        unlink(path);
        ck_assert(WIFEXITED(r));
        ck_assert(WEXITSTATUS(r) == 0 || WEXITSTATUS(r) == 3); /* 3: not valid */
        return !r;
}

static const char *without(const char *text, const char *from, const char *to)
{
        const char *start = strstr(text, from),
                   *end = start ? strstr(start + strlen(from), to) : NULL;

        ck_assert_msg(end != NULL, "%s", from);
        return arena_print(arena, "%.*s%s", (int)(start - text), text, end + strlen(to));
}

START_TEST(evidence)
{
        static const char *const parts[][2] = {
                {" kind=\"", "\""},    {"<attestation-desc>", "</attestation-desc>"},
                {"<log ", "</log>"},   {"<quote", "</quote>"},
                {"<ak>", "</ak>"},     {"<attest>", "</attest>"},
                {"<leaf ", "</leaf>"}, {"<signature>", "</signature>"},
                {" random=\"", "\""},  {" challenge=\"", "\""},
                {" plugin=\"", "\""},
        };
        EVP_PKEY *key = plan_key();
        struct plan plan = plan_good(key);
        struct made made = plan_make(&plan, arena);
        const char *text = arena_copy(arena, made.text.data, made.text.len);

        ck_assert(is_of("evidence.rng", text));
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
                ck_assert_msg(!is_of("evidence.rng", without(text, parts[i][0], parts[i][1])), "%s",
                              parts[i][0]);
        ck_assert(!is_of("projection.rng", text));
        EVP_PKEY_free(key);
}
END_TEST

START_TEST(descriptors)
{
        ck_assert(!is_of("attestation-desc.rng", "<attestation-desc></attestation-desc>"));
        ck_assert(!is_of("sealing-desc.rng", "<sealing-desc></sealing-desc>"));
        ck_assert(!is_of("measurement.rng", "<measurement></measurement>"));
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("grammars");
        TCase *tc = tcase_create("grammars");
        SRunner *runner;
        int failed;

        arena = arena_new();
        tcase_set_timeout(tc, 60);
        tcase_add_test(tc, evidence);
        tcase_add_test(tc, descriptors);
        suite_add_tcase(suite, tc);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        arena_free(arena);
        return failed != 0;
}
