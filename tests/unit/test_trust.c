/* SPDX-License-Identifier: Apache-2.0 */
/* Trust records: one form, read back as written, everything else refused. */
#include "proof/trust.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* ak-name: printf '\001\002\003' | sha256sum, after 000b. */
#define HOST "host: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae\n"
#define AK "ak-public: 010203\n"
#define NAME "ak-name: 000b039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81\n"
#define COUNTERS "reset-count: 4\nrestart-count: 0\nclock: 123456\n"
#define ROOT "log-root: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae\n"
#define FIRST "bulkhead-trust: 1\n"
#define BEFORE FIRST HOST AK NAME

static const char empty_log[] = BEFORE "enrolled: no\n" COUNTERS "log-length: 0\nlog-root:\n"
                                       "alg: sha256\n";
static const char with_log[] = BEFORE "enrolled: 2026-01-02T03:04:05Z ek-certificate\n" COUNTERS
                                      "log-length: 18446744073709551615\n" ROOT "alg: sha256\n";

static enum status read_text(const char *text, size_t len, struct arena *a, struct trust *out)
{
        return trust_read((struct bytes){(const uint8_t *)text, len}, a, out);
}

START_TEST(round_trip)
{
        const char *text = _i ? with_log : empty_log;
        struct buffer again = BUFFER_INIT(TRUST_MOST);
        struct arena *a = arena_new();
        struct trust t;

        ck_assert_int_eq(read_text(text, strlen(text), a, &t), ST_DONE);
        ck_assert_uint_eq(t.reset_count, 4);
        ck_assert_uint_eq(t.clock, 123456);
        ck_assert_uint_eq(t.log_length, _i ? UINT64_MAX : 0);
        ck_assert_int_eq(trust_is_enrolled(&t), _i);
        ck_assert_int_eq(trust_write(&t, &again), ST_DONE);
        ck_assert_str_eq((const char *)again.data, text);
        buffer_clear(&again);
        arena_free(a);
}
END_TEST

/* The same record, as editors and mail leave it. */
static const char *const untidy[] = {
        BEFORE "enrolled: no\n" COUNTERS "log-length: 0\nlog-root:\nalg: sha256",
        BEFORE "enrolled: no\n" COUNTERS "log-length: 0\nlog-root:\nalg: sha256\n\n \n",
        BEFORE "enrolled: no  \n" COUNTERS "log-length: 0\nlog-root: \nalg: sha256\t\n",
        BEFORE "enrolled: no\r\n" COUNTERS "log-length: 0\r\nlog-root:\r\nalg: sha256\r\n",
        "\xef\xbb\xbf" BEFORE "enrolled: no\n" COUNTERS "log-length: 0\nlog-root:\nalg: sha256\n",
};

START_TEST(tidied)
{
        struct buffer again = BUFFER_INIT(TRUST_MOST);
        struct arena *a = arena_new();
        struct trust t;

        ck_assert_int_eq(read_text(untidy[_i], strlen(untidy[_i]), a, &t), ST_DONE);
        ck_assert_int_eq(trust_write(&t, &again), ST_DONE);
        ck_assert_str_eq((const char *)again.data, empty_log);
        buffer_clear(&again);
        arena_free(a);
}
END_TEST

static const char *const refused[] = {
        "\n" FIRST HOST AK NAME "enrolled: no\n" COUNTERS "log-length: 0\nlog-root:\nalg: sha256\n",
        BEFORE "enrolled: no\r" COUNTERS "log-length: 0\nlog-root:\nalg: sha256\n",
        BEFORE " enrolled: no\n" COUNTERS "log-length: 0\nlog-root:\nalg: sha256\n",
        BEFORE "enrolled: no\n\n" COUNTERS "log-length: 0\nlog-root:\nalg: sha256\n",
        "",
        "\n",
        FIRST,
        "bulkhead-trust: 2\n" HOST AK NAME "enrolled: no\n" COUNTERS
        "log-length: 0\nlog-root:\nalg: sha256\n",
        BEFORE "enrolled: no\n" COUNTERS "log-length: 0\nlog-root:\nalg: sha256\nalg: sha256\n",
        BEFORE "enrolled: no\n" COUNTERS "log-length: 0\nlog-root:\nalg: sha1\n",
        BEFORE "enrolled: no\n" COUNTERS "log-length: 0\nlog-root:\nalg: none\n",
        BEFORE "enrolled: no\n" COUNTERS "log-length: 0\n" ROOT "alg: sha256\n",
        BEFORE "enrolled: no\n" COUNTERS "log-length: 1\nlog-root:\nalg: sha256\n",
        BEFORE "enrolled: no\n" COUNTERS "log-length: 1\nlog-root: 00\nalg: sha256\n",
        BEFORE "enrolled: no\n" COUNTERS "log-length: 1\n" ROOT "alg: sha384\n",
        BEFORE "enrolled: no\n" COUNTERS "log-length: 18446744073709551616\n" ROOT "alg: sha256\n",
        BEFORE "enrolled: no\n" COUNTERS "log-length: -1\n" ROOT "alg: sha256\n",
        BEFORE "enrolled: no\n" COUNTERS "log-length: 01\n" ROOT "alg: sha256\n",
        BEFORE "enrolled: no\n" COUNTERS "log-length: \n" ROOT "alg: sha256\n",
        BEFORE "enrolled:\n" COUNTERS "log-length: 0\nlog-root:\nalg: sha256\n",
        BEFORE "enrolled: n\to\n" COUNTERS "log-length: 0\nlog-root:\nalg: sha256\n",
        BEFORE "enrolled: n\xc3\xb6\n" COUNTERS "log-length: 0\nlog-root:\nalg: sha256\n",
        BEFORE "enrolled: no\nreset-count: 4294967296\nrestart-count: 0\nclock: 1\nlog-length: 0\n"
               "log-root:\nalg: sha256\n",
        BEFORE "enrolled: no\nrestart-count: 0\nreset-count: 4\nclock: 1\nlog-length: 0\n"
               "log-root:\nalg: sha256\n",
        FIRST AK HOST NAME "enrolled: no\n" COUNTERS "log-length: 0\nlog-root:\nalg: sha256\n",
        FIRST HOST "ak-public: 010204\n" NAME "enrolled: no\n" COUNTERS
                   "log-length: 0\nlog-root:\nalg: sha256\n",
        FIRST HOST "ak-public: 0102030\n" NAME "enrolled: no\n" COUNTERS
                   "log-length: 0\nlog-root:\nalg: sha256\n",
        FIRST HOST "ak-public:\n" NAME "enrolled: no\n" COUNTERS
                   "log-length: 0\nlog-root:\nalg: sha256\n",
        FIRST "host: 2C26B46B68FFC68FF99B453C1D30413413422D706483BFA0F98A5E886266E7AE\n" AK NAME
              "enrolled: no\n" COUNTERS "log-length: 0\nlog-root:\nalg: sha256\n",
        FIRST "host:\n" AK NAME "enrolled: no\n" COUNTERS "log-length: 0\nlog-root:\nalg: sha256\n",
};

START_TEST(refusals)
{
        struct arena *a = arena_new();
        struct trust t;

        ck_assert_int_eq(read_text(refused[_i], strlen(refused[_i]), a, &t), ST_INVALID);
        ck_assert(t.alg == HASH_NONE && !t.ak_public.len);
        arena_free(a);
}
END_TEST

START_TEST(truncated_and_flipped)
{
        struct arena *a = arena_new();
        char text[sizeof with_log];
        struct trust t;

        for (size_t len = 0; len + 1 < strlen(with_log);
             len++) /* the last line feed may be missing */
                ck_assert_int_ne(read_text(with_log, len, a, &t), ST_DONE);
        memcpy(text, with_log, sizeof text);
        text[30] = '\0';
        ck_assert_int_ne(read_text(text, strlen(with_log), a, &t), ST_DONE);
        arena_free(a);
}
END_TEST

START_TEST(too_large)
{
        char *text = calloc(1, TRUST_MOST + 2);
        struct arena *a = arena_new();
        struct trust t;

        memset(text, 'a', TRUST_MOST + 1);
        ck_assert_int_eq(read_text(text, TRUST_MOST + 1, a, &t), ST_TOO_LARGE);
        free(text);
        arena_free(a);
}
END_TEST

START_TEST(not_written)
{
        struct buffer out = BUFFER_INIT(TRUST_MOST);
        struct arena *a = arena_new();
        struct trust t;

        ck_assert_int_eq(read_text(with_log, strlen(with_log), a, &t), ST_DONE);
        t.enrolled = "no\nclock: 0";
        ck_assert_int_eq(trust_write(&t, &out), ST_INVALID);
        ck_assert_uint_eq(out.len, 0);
        t = (struct trust){0};
        ck_assert_int_eq(trust_write(&t, &out), ST_INVALID);
        buffer_clear(&out);
        arena_free(a);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("trust");
        TCase *tc = tcase_create("trust");
        SRunner *runner = srunner_create(suite);
        int failures;

        tcase_add_loop_test(tc, round_trip, 0, 2);
        tcase_add_loop_test(tc, refusals, 0, sizeof refused / sizeof *refused);
        tcase_add_loop_test(tc, tidied, 0, sizeof untidy / sizeof *untidy);
        tcase_add_test(tc, truncated_and_flipped);
        tcase_add_test(tc, too_large);
        tcase_add_test(tc, not_written);
        suite_add_tcase(suite, tc);
        srunner_run_all(runner, CK_NORMAL);
        failures = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
