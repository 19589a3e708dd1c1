/* SPDX-License-Identifier: Apache-2.0 */
/* One caller asks; the others get its answer or its error, and none of them waits for long. */
#include "lib/told.h"
#include "lib/io.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

static int64_t now = 1000;
static sem_t waits; /* posted by each caller that is about to wait */
static bool in_vain;

static int64_t test_deadline_in(int64_t ms)
{
        return now + ms;
}

static int test_deadline_left(int64_t deadline)
{
        return deadline > now ? (int)(deadline - now) : 0;
}

static int test_wait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock,
                     const struct timespec *until)
{
        (void)clock, (void)until;
        sem_post(&waits);
        return in_vain ? ETIMEDOUT : pthread_cond_wait(c, m);
}

#define deadline_in test_deadline_in
#define deadline_left test_deadline_left
#define pthread_cond_clockwait test_wait
#include "lib/told.c"

static unsigned asked;
static enum status outcome;
static sem_t begun, may_answer; /* of make_slowly() */

static enum status make(int64_t deadline, struct arena *a, void *reply)
{
        struct im_status_rep *p = reply;

        ck_assert_int_eq(deadline, now + TOLD_WAIT);
        asked++;
        p->facts.items = arena_get_many(a, 1, sizeof *p->facts.items);
        p->facts.items[0] =
                (struct fact){"tpm", "TPM", arena_print(a, "answer %u", asked), FACT_PLAIN};
        p->facts.count = 1;
        return outcome ? FAIL(outcome, .subject = "the TPM") : ST_DONE;
}

static enum status make_slowly(int64_t deadline, struct arena *a, void *reply)
{
        sem_post(&begun);
        sem_wait(&may_answer);
        return make(deadline, a, reply);
}

enum { TOLD_FOR = 2000 /* ms */ };

static struct told what = TOLD_INIT(TOLD_FOR);
static struct arena *arena;

static enum status ask_told(told_make *how, struct arena *a, const char **answer_out)
{
        struct im_status_rep p = {};
        enum status s = told(&what, &shape_im_status_rep, how, a, &p);

        *answer_out = s ? error_last()->subject : p.facts.items[0].value;
        return s;
}

static void ck_told(enum status s, const char *answer)
{
        const char *found;

        ck_assert_int_eq(ask_told(make, arena, &found), s);
        ck_assert_str_eq(found, answer);
}

START_TEST(an_answer_is_remembered)
{
        ck_told(ST_DONE, "answer 1");
        now += TOLD_FOR - 1;
        ck_told(ST_DONE, "answer 1");
        now++;
        ck_told(ST_DONE, "answer 2");
        told_forget();
        ck_told(ST_DONE, "answer 3");
}
END_TEST

START_TEST(an_error_is_remembered)
{
        outcome = ST_BUSY;
        ck_told(ST_BUSY, "the TPM");
        now += TOLD_FOR - 1;
        ck_told(ST_BUSY, "the TPM");
        ck_assert_uint_eq(asked, 1);
        outcome = ST_DONE;
        ck_told(ST_BUSY, "the TPM");
        now++;
        ck_told(ST_DONE, "answer 2");
        outcome = ST_TPM;
        told_forget();
        ck_told(ST_TPM, "the TPM");
        told_forget();
        outcome = ST_DONE;
        ck_told(ST_DONE, "answer 4");
}
END_TEST

static void *first(void *answer)
{
        struct arena *a = arena_new();
        const char *found;

        ck_assert_int_eq(ask_told(make_slowly, a, &found), ST_DONE);
        ck_assert_str_eq(found, answer);
        arena_free(a);
        return NULL;
}

static void *second(void *answer)
{
        struct arena *a = arena_new();
        const char *found;

        ck_assert_int_eq(ask_told(make, a, &found), ST_DONE);
        ck_assert_str_eq(found, answer);
        arena_free(a);
        return NULL;
}

START_TEST(others_get_the_answer_of_the_first)
{
        pthread_t threads[3];

        pthread_create(&threads[0], NULL, first, "answer 1");
        sem_wait(&begun);
        for (size_t i = 1; i < 3; i++)
                pthread_create(&threads[i], NULL, second, "answer 1");
        sem_wait(&waits);
        sem_wait(&waits);
        sem_post(&may_answer);
        for (size_t i = 0; i < 3; i++)
                pthread_join(threads[i], NULL);
        ck_assert_uint_eq(asked, 1);
}
END_TEST

/* The first may wait for the TPM: whoever comes after it goes in time, and it loses nothing. */
START_TEST(nobody_waits_for_long)
{
        pthread_t thread;
        const char *found;

        in_vain = true;
        pthread_create(&thread, NULL, first, "answer 1");
        sem_wait(&begun);
        ck_assert_int_eq(ask_told(make, arena, &found), ST_BUSY);
        ck_assert_str_eq(error_last()->found, "others asked the same, and have no answer yet");
        ck_assert_uint_eq(asked, 0);
        sem_post(&may_answer);
        pthread_join(thread, NULL);
        ck_told(ST_DONE, "answer 1");
}
END_TEST

START_TEST(a_change_meanwhile_is_seen)
{
        pthread_t thread;

        pthread_create(&thread, NULL, first, "answer 1");
        sem_wait(&begun);
        told_forget();
        sem_post(&may_answer);
        pthread_join(thread, NULL);
        ck_told(ST_DONE, "answer 2");
}
END_TEST

static void begin(void)
{
        sem_init(&waits, 0, 0);
        sem_init(&begun, 0, 0);
        sem_init(&may_answer, 0, 0);
        arena = arena_new();
}

int main(void)
{
        Suite *suite = suite_create("told");
        TCase *t = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_checked_fixture(t, begin, NULL);
        tcase_add_test(t, an_answer_is_remembered);
        tcase_add_test(t, an_error_is_remembered);
        tcase_add_test(t, others_get_the_answer_of_the_first);
        tcase_add_test(t, nobody_waits_for_long);
        tcase_add_test(t, a_change_meanwhile_is_seen);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
