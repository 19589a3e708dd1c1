/* SPDX-License-Identifier: Apache-2.0 */
/* One text for each principal, and no other text is one. */
#include "lib/principal.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define HEX16 "0123456789abcdef"
#define HEX64 HEX16 HEX16 HEX16 HEX16
#define COMPONENT_UUID "7b2c1a55-9a3e-4c1f-8f0e-2d1b5f0c9a10"
#define LETTERS "abcdefghijklmnopqrstuvwxyzabcdef" /* 32 */

static struct arena *a;

static void set_up(void)
{
        a = arena_new();
}

static void tear_down(void)
{
        arena_free(a);
}

static const struct {
        const char *text, *name;
        enum principal_kind kind;
} good[] = {
        {"uid:0", "0", PRINCIPAL_USER},
        {"uid:1000", "1000", PRINCIPAL_USER},
        {"uid:4294967294", "4294967294", PRINCIPAL_USER},
        {"tls:auditor", "auditor", PRINCIPAL_CERTIFICATE},
        {"tls:a.b_c-d:e+f@g.example", "a.b_c-d:e+f@g.example", PRINCIPAL_CERTIFICATE},
        {"tls:" LETTERS LETTERS LETTERS LETTERS, LETTERS LETTERS LETTERS LETTERS,
         PRINCIPAL_CERTIFICATE},
        {"vm:" COMPONENT_UUID, COMPONENT_UUID, PRINCIPAL_COMPONENT},
        {"host:" HEX16 HEX16, HEX16 HEX16, PRINCIPAL_HOST},
        {"host:" HEX64 HEX64, HEX64 HEX64, PRINCIPAL_HOST},
        {"self", "", PRINCIPAL_SELF},
};

START_TEST(text_and_back)
{
        char text[PRINCIPAL_TEXT_SIZE];
        struct principal p;

        ck_assert_int_eq(principal_read(good[_i].text, a, &p), ST_DONE);
        ck_assert_uint_eq(p.kind, good[_i].kind);
        ck_assert_str_eq(p.name, good[_i].name);
        ck_assert(principal_is_valid(&p));
        ck_assert_str_eq(principal_write(&p, text), good[_i].text);
        for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
                struct principal other = {good[i].kind, good[i].name};

                ck_assert(principal_is(&p, &other) == (i == (size_t)_i));
        }
}
END_TEST

static const char *const bad[] = {
        "",
        "1000",
        "root",
        "nobody",
        "uid:",
        "uid:-1",
        "uid:+1",
        "uid: 1",
        "uid:01",
        "uid:1a",
        "uid:4294967295",
        "uid:4294967296",
        "uid:18446744073709551616",
        "UID:1",
        "tls:",
        "tls:a b",
        "tls:a\nb",
        "tls:a\x7f",
        "tls:a/b",
        "tls:\xc3\xa9",
        "tls:" LETTERS LETTERS LETTERS LETTERS "x",
        "vm:",
        "vm:web01",
        "vm:7B2C1A55-9A3E-4C1F-8F0E-2D1B5F0C9A10",
        "vm:00000000-0000-0000-0000-000000000000",
        "host:",
        "host:" HEX16,
        "host:" HEX16 HEX16 "0",
        "host:" HEX16 "0123456789ABCDEF",
        "host:" HEX64 HEX64 "00",
        "self:",
        "self ",
        "selfish",
};

START_TEST(no_other_text)
{
        struct principal p;

        ck_assert_int_eq(principal_read(bad[_i], a, &p), ST_INVALID);
        ck_assert_uint_eq(p.kind, PRINCIPAL_NOBODY);
}
END_TEST

static const struct principal strange[] = {
        {PRINCIPAL_NOBODY, ""},
        {PRINCIPAL_NOBODY, "x"},
        {PRINCIPAL_SELF, "x"},
        {PRINCIPAL_SELF + 1, ""},
        {255, "1"},
        {PRINCIPAL_USER, "01"},
};

START_TEST(what_is_not_valid_is_nobody)
{
        const struct principal *p = &strange[_i];
        char text[PRINCIPAL_TEXT_SIZE];
        uid_t uid;

        ck_assert(!principal_is_valid(p));
        ck_assert(!principal_is(p, p));
        ck_assert(!principal_uid(p, &uid));
        ck_assert_int_eq(principal_needed(p, "the asker"), ST_PROTOCOL);
        ck_assert_str_eq(principal_write(p, text), "nobody");
}
END_TEST

START_TEST(a_uid_is_one_way_to_learn_one)
{
        char name[PRINCIPAL_NAME_SIZE];
        struct principal p = principal_of_uid(1000, name), copy = principal_copy(a, &p);
        uid_t uid = 0;

        ck_assert(principal_uid(&p, &uid));
        ck_assert_uint_eq(uid, 1000);
        p = principal_of_uid(1001, name);
        ck_assert_str_eq(copy.name, "1000");
        p = principal_of_uid((uid_t)-1, name);
        ck_assert(!principal_is_valid(&p));
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("principal");
        TCase *t = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_loop_test(t, text_and_back, 0, sizeof good / sizeof *good);
        tcase_add_loop_test(t, no_other_text, 0, sizeof bad / sizeof *bad);
        tcase_add_loop_test(t, what_is_not_valid_is_nobody, 0, sizeof strange / sizeof *strange);
        tcase_add_test(t, a_uid_is_one_way_to_learn_one);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed != 0;
}
