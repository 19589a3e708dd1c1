/* SPDX-License-Identifier: Apache-2.0 */
/* No principal takes another one's places, and all of them leave what is not theirs. */
#include "lib/places.h"

#include <check.h>
#include <stdlib.h>

static const struct principal alice = {PRINCIPAL_USER, "1000"}, bob = {PRINCIPAL_USER, "1001"},
                              carol = {PRINCIPAL_USER, "1002"};
#define OTHER(principal) ((struct place_taker){&(principal), false})
#define ADMIN_OF(principal) ((struct place_taker){&(principal), true})

START_TEST(one_has_a_part)
{
        static struct places p = PLACES("looks", "looks at once", 5, 2, 0);

        ck_assert_int_eq(places_take(&p, OTHER(alice), 2, 0), ST_DONE);
        ck_assert_int_eq(places_take(&p, OTHER(alice), 1, 0), ST_BUSY);
        ck_assert_str_eq(error_last()->subject, "looks for uid:1000");
        ck_assert_str_eq(error_last()->expected, "at most 2 looks at once");
        ck_assert_str_eq(error_last()->found, "2, and 1 more");
        ck_assert_int_eq(places_take(&p, OTHER(bob), 2, 0), ST_DONE);
        ck_assert_int_eq(places_take(&p, OTHER(carol), 2, 0), ST_BUSY);
        ck_assert_str_eq(error_last()->subject, "looks for all");
        ck_assert_str_eq(error_last()->expected, "at most 5 looks at once");
        ck_assert_int_eq(places_take(&p, OTHER(carol), 1, 0), ST_DONE);
        places_give(&p, OTHER(alice), 1);
        ck_assert_int_eq(places_take(&p, OTHER(carol), 1, 0), ST_DONE);
}
END_TEST

/* The table has room for whoever has a place, however many have had one before. */
START_TEST(places_come_back)
{
        static struct places p = PLACES("looks", "looks at once", PLACES_MOST, 1, 0);
        char names[PLACES_MOST][PRINCIPAL_NAME_SIZE];

        for (size_t round = 0; round < 3; round++) {
                for (size_t i = 0; i < PLACES_MOST; i++) {
                        struct principal by = principal_of_uid(2000 + round + i, names[i]);

                        ck_assert_int_eq(places_take(&p, OTHER(by), 1, 0), ST_DONE);
                }
                ck_assert_int_eq(places_take(&p, OTHER(alice), 1, 0), ST_BUSY);
                for (size_t i = 0; i < PLACES_MOST; i++) {
                        struct principal by = principal_of_uid(2000 + round + i, names[i]);

                        places_give(&p, OTHER(by), 1);
                }
                ck_assert_uint_eq(p.used, 0);
        }
}
END_TEST

static void *give_later(void *places)
{
        places_give(places, OTHER(alice), 1);
        return NULL;
}

START_TEST(whoever_waits_gets_the_next)
{
        static struct places p = PLACES("looks", "looks at once", 1, 1, 0);
        pthread_t thread;

        ck_assert_int_eq(places_take(&p, OTHER(alice), 1, 0), ST_DONE);
        ck_assert_int_eq(pthread_create(&thread, NULL, give_later, &p), 0);
        ck_assert_int_eq(places_take(&p, OTHER(bob), 1, 60000), ST_DONE);
        pthread_join(thread, NULL);
        ck_assert_int_eq(places_take(&p, OTHER(carol), 1, 1000), ST_BUSY);
        ck_assert_str_eq(error_last()->found, "1, for 1 s");
}
END_TEST

START_TEST(admins_have_places_of_their_own)
{
        static struct places p = PLACES("looks", "looks at once", 5, 3, 2);

        ck_assert_int_eq(places_take(&p, OTHER(alice), 3, 0), ST_DONE);
        ck_assert_int_eq(places_take(&p, OTHER(bob), 1, 0), ST_BUSY);
        ck_assert_str_eq(error_last()->subject, "looks for all");
        ck_assert_str_eq(error_last()->expected, "at most 3 looks at once, and 2 more for admins");
        ck_assert_int_eq(places_take(&p, ADMIN_OF(carol), 2, 0), ST_DONE);
        ck_assert_int_eq(places_take(&p, ADMIN_OF(bob), 1, 0), ST_BUSY);
        ck_assert_str_eq(error_last()->expected, "at most 5 looks at once");
        places_give(&p, OTHER(alice), 1);
        ck_assert_int_eq(places_take(&p, ADMIN_OF(carol), 1, 0), ST_DONE);
        ck_assert_int_eq(places_take(&p, OTHER(bob), 1, 0), ST_BUSY);
        places_give(&p, ADMIN_OF(carol), 3);
        ck_assert_int_eq(places_take(&p, OTHER(bob), 1, 0), ST_DONE);
        ck_assert_uint_eq(p.used_by_others, 3);
        ck_assert_uint_eq(p.used, 3);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("places");
        TCase *t = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_test(t, one_has_a_part);
        tcase_add_test(t, admins_have_places_of_their_own);
        tcase_add_test(t, places_come_back);
        tcase_add_test(t, whoever_waits_gets_the_next);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed != 0;
}
