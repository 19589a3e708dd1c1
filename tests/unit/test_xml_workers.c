/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xml_worker and policy_worker as processes: the real sandbox, the real limits, the answers that
 * a daemon gets. After each attack the next request is answered. Runs from the source tree's
 * root; the programs lie beside this one.
 */
#include "lib/message.h"
#include "lib/worker.h"
#include "tests/unit/policy_attacks.h"

#include <check.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

enum { DEADLINE = 20000 };

static struct worker *xml, *policy;
static struct arena *arena;

static struct bytes bytes_of(const char *text)
{
        return (struct bytes){(const uint8_t *)text, strlen(text)};
}

/* Check forks each test, and a worker belongs to who started it: each test starts its own. */
static void start(void)
{
        static const char *const grammars[] = {"descriptors", NULL}, *const none[] = {NULL};
        char self[512] = "", path[600];

        arena = arena_new();
        ck_assert_int_gt(readlink("/proc/self/exe", self, sizeof self - 1), 0);
        dirname(self);
        snprintf(path, sizeof path, "%s/xml_worker", self);
        ck_assert_int_eq(worker_start(path, grammars, NULL, NULL, &xml), ST_DONE);
        snprintf(path, sizeof path, "%s/policy_worker", self);
        ck_assert_int_eq(worker_start(path, none, NULL, NULL, &policy), ST_DONE);
}

static void stop(void)
{
        worker_stop(xml);
        worker_stop(policy);
        arena_free(arena);
}

static enum status judge(const char *stylesheet, struct judge_rep *said)
{
        struct judge_req q = {.stylesheet = bytes_of(stylesheet),
                              .projection = bytes_of(attack_projection)};

        return worker_call(policy, DEADLINE, CALL(judge, &q, said), arena);
}

START_TEST(predicates_are_judged)
{
        struct judge_rep said = {.answer = false};

        ck_assert_int_eq(judge(IF(HERE), &said), ST_DONE);
        ck_assert(said.answer);
        ck_assert_int_eq(judge(ROOT("<false><reason path=\"a\">b</reason></false>"), &said),
                         ST_DONE);
        ck_assert(!said.answer);
        ck_assert_uint_eq(said.reasons.count, 1);
        ck_assert_str_eq(said.reasons.items[0].text, "b");
}
END_TEST

START_TEST(attacks_are_refused)
{
        struct judge_rep said;
        enum status s;

        for (size_t i = 0; i < COUNT(attacks); i++) {
                s = judge(attacks[i], &said);
                /* refused with a reason: not killed for a forbidden system call */
                ck_assert_msg(s == ST_PREDICATE || s == ST_INVALID, "%s: %d", attacks[i], s);
                ck_assert(*error_last()->expected);
        }
        ck_assert_int_eq(judge(IF(HERE), &said), ST_DONE);
        ck_assert(said.answer);
}
END_TEST

START_TEST(memory_is_limited)
{
        struct judge_rep said;
        enum status s;

        for (size_t i = 0; i < COUNT(memory_attacks); i++) {
                s = judge(memory_attacks[i], &said);
                ck_assert_msg(s != ST_DONE, "%s", memory_attacks[i]);
                ck_assert_int_eq(judge(IF(HERE), &said), ST_DONE);
                ck_assert(said.answer);
        }
}
END_TEST

START_TEST(descriptors_are_read)
{
        static const char text[] =
                "<sealing-desc><sealing key=\"k\" type=\"tpm-based\"><measurement-desc "
                "type=\"tpm\"><measureTarget dest=\"PCR23\" name=\"disk:/a\"></measureTarget>"
                "</measurement-desc></sealing></sealing-desc>";
        struct xml_descriptor_req q = {.text = bytes_of(text), .alg = HASH_SHA256};
        struct xml_descriptor_rep p;
        struct digest digest = digest_of(HASH_SHA256, text, sizeof text - 1); /* canonical */

        ck_assert_int_eq(worker_call(xml, DEADLINE, CALL(xml_descriptor, &q, &p), arena), ST_DONE);
        ck_assert(digest_equal(&p.descriptor.digest, &digest));
        ck_assert_uint_eq(p.descriptor.targets.items[0].pcr, 23);
        q.text = bytes_of("<sealing-desc/>");
        ck_assert_int_eq(worker_call(xml, DEADLINE, CALL(xml_descriptor, &q, &p), arena),
                         ST_INVALID);
        ck_assert_str_eq(error_last()->subject, "descriptor, line 1");
        q.text = bytes_of("<!DOCTYPE a>");
        ck_assert_int_eq(worker_call(xml, DEADLINE, CALL(xml_descriptor, &q, &p), arena),
                         ST_INVALID);
        q.text = bytes_of(text);
        q.alg = HASH_SHA384;
        ck_assert_int_eq(worker_call(xml, DEADLINE, CALL(xml_descriptor, &q, &p), arena), ST_DONE);
        ck_assert_int_eq(p.descriptor.digest.alg, HASH_SHA384);
        q.alg = 4; /* SHA-1 */
        ck_assert_int_ne(worker_call(xml, DEADLINE, CALL(xml_descriptor, &q, &p), arena), ST_DONE);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("xml workers");
        TCase *tc = tcase_create("workers");
        SRunner *runner;
        int failed;

        tcase_set_timeout(tc, 120);
        tcase_add_checked_fixture(tc, start, stop);
        tcase_add_test(tc, predicates_are_judged);
        tcase_add_test(tc, attacks_are_refused);
        tcase_add_test(tc, memory_is_limited);
        tcase_add_test(tc, descriptors_are_read);
        suite_add_tcase(suite, tc);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed != 0;
}
