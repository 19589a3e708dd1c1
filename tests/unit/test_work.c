/* SPDX-License-Identifier: Apache-2.0 */
/* Who may end which work, until when, and that the end comes to whatever waits. */
#include "compartment-mgr/work.c" /* to wait no minute */
#include "lib/client.h"
#include "lib/interrupt.h"
#include "lib/places.h"

#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct principal alice = {PRINCIPAL_USER, "1000"}, bob = {PRINCIPAL_USER, "1001"},
                              carol = {PRINCIPAL_USER, "1002"};
static struct arena *a;
static const char *operation, *vm;

static enum status cancel(uint64_t number, const struct principal *by, bool admin)
{
        return work_cancel(number, by, admin, a, &operation, &vm);
}

START_TEST(all_work_is_listed)
{
        struct work *first = work_begin("start", "web01", &alice, &bob),
                    *second = work_begin("attestation", "-", &carol, &carol);
        struct work_under_way *list;

        ck_assert_uint_eq(works_list(a, &list), 2);
        ck_assert_str_eq(list[0].operation, "start");
        ck_assert_str_eq(list[0].vm, "web01");
        ck_assert(principal_is(&list[0].asker, &alice) && principal_is(&list[0].owner, &bob));
        ck_assert_str_eq(list[1].vm, "-");
        ck_assert_uint_eq(list[1].number, list[0].number + 1);
        work_end(first);
        ck_assert_uint_eq(works_list(a, &list), 1);
        work_end(second);
        ck_assert_uint_eq(works_list(a, &list), 0);
        first = work_begin("stop", "web01", &alice, &bob); /* a number comes once */
        ck_assert_uint_eq(works_list(a, &list), 1);
        ck_assert_uint_eq(list[0].number, 3);
        work_end(first);
        work_end(NULL);
}
END_TEST

START_TEST(only_what_may_be_undone_is_cancelled)
{
        struct work *w = work_begin("start", "web01", &alice, &bob);

        ck_assert_int_eq(cancel(1, &alice, false), ST_WRONG_STATE); /* as of a stop */
        ck_assert_str_eq(error_last()->found, "start cannot be undone: it goes on to its end");
        ck_assert_int_eq(work_allow(w), ST_DONE);
        ck_assert_int_eq(cancel(2, &alice, true), ST_NOT_FOUND);
        ck_assert_int_eq(cancel(1, &carol, false), ST_NOT_FOUND); /* who may not see it */
        ck_assert_int_eq(cancel(1, &bob, false), ST_DENIED);
        ck_assert_int_eq(work_commit(w), ST_DONE);
        ck_assert_int_eq(cancel(1, &alice, false), ST_WRONG_STATE);
        ck_assert_str_eq(error_last()->found, "start has committed: it goes on to its end");
        ck_assert_int_eq(cancel(1, &carol, true), ST_WRONG_STATE);
        work_end(w);
        ck_assert_int_eq(cancel(1, &carol, true), ST_NOT_FOUND);
}
END_TEST

/* --- what waits ---------------------------------------------------------------------------- */

static sem_t begun;
static int never[2]; /* nothing comes here */
static bool commits, takes_no_notice;

static void *work(void *unused)
{
        struct work *w = work_begin("start", "web01", &alice, &alice);
        const struct progress_req q = {};
        struct progress_rep p;

        ck_assert_int_eq(work_allow(w), ST_DONE);
        sem_post(&begun);
        ck_assert_int_eq(interrupt_wait(never[0], POLLIN, NO_DEADLINE), ST_CANCELLED);
        ck_assert_str_eq(error_last()->found, "it was cancelled");
        /* Whoever takes no notice comes no further, also if there is something to read. */
        ck_assert_int_eq(interrupt_wait(never[0], POLLIN, NO_DEADLINE), ST_CANCELLED);
        ck_assert_int_eq(interrupt_wait(never[1], POLLOUT, NO_DEADLINE), ST_CANCELLED);
        ck_assert_int_eq(client_ask(never[1], CALL(progress, &q, &p), a, NO_DEADLINE),
                         ST_CANCELLED);
        ck_assert_str_eq(error_last()->found, "it was cancelled");
        if (takes_no_notice)
                ck_assert_int_eq(work_commit(w), ST_CANCELLED);
        interrupt_forbid(); /* as an undo does */
        ck_assert_int_eq(interrupt_wait(never[0], POLLIN, deadline_in(0)), ST_TIMEOUT);
        if (commits)
                work_committed(w); /* another daemon did */
        work_end(w);
        return unused;
}

START_TEST(a_wait_ends_when_it_is_cancelled)
{
        pthread_t thread;

        commits = _i == 1;
        takes_no_notice = _i == 2;
        pthread_create(&thread, NULL, work, NULL);
        sem_wait(&begun);
        ck_assert_int_eq(cancel(1, _i ? &bob : &alice, _i), commits ? ST_WRONG_STATE : ST_DONE);
        ck_assert_str_eq(operation, "start");
        ck_assert_str_eq(vm, "web01");
        pthread_join(thread, NULL);
}
END_TEST

START_TEST(a_wait_ends_with_the_peer)
{
        int peer[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, peer), 0);
        interrupt_peer(peer[0]);
        interrupt_allow(-1);
        shutdown(peer[1], SHUT_WR); /* whoever does that still waits for an answer */
        ck_assert_int_eq(interrupt_check(), ST_DONE);
        ck_assert_int_eq(interrupt_wait(never[0], POLLIN, deadline_in(0)), ST_TIMEOUT);
        close(peer[1]);
        ck_assert(interrupt_due());
        interrupt_forbid();
        ck_assert_int_eq(interrupt_wait(never[0], POLLIN, deadline_in(0)), ST_TIMEOUT);
        ck_assert(!interrupt_due());
        interrupt_allow(-1);
        ck_assert_int_eq(interrupt_wait(never[1], POLLOUT, NO_DEADLINE),
                         ST_DONE); /* it was ready */
        ck_assert_int_eq(interrupt_wait(never[0], POLLIN, NO_DEADLINE), ST_CANCELLED);
        ck_assert_str_eq(error_last()->found, "whoever asked for it is gone");
        close(peer[0]);
}
END_TEST

/* Undoing takes longer than whoever cancels waits: says so, and the job is not forgotten. */
static void *undo_slowly(void *done)
{
        struct work *w = work_begin("start", "web01", &alice, &alice);

        ck_assert_int_eq(work_allow(w), ST_DONE);
        sem_post(&begun);
        ck_assert_int_eq(interrupt_wait(never[0], POLLIN, NO_DEADLINE), ST_CANCELLED);
        interrupt_forbid();
        sem_wait(done);
        work_end(w);
        return NULL;
}

START_TEST(what_is_still_undone_says_so)
{
        struct work_under_way *list;
        pthread_t thread;
        sem_t done;

        sem_init(&done, 0, 0);
        cancel_wait = 100;
        pthread_create(&thread, NULL, undo_slowly, &done);
        sem_wait(&begun);
        for (int i = 0; i < 2; i++) { /* as often as one asks */
                ck_assert_int_eq(cancel(1, &alice, false), ST_TIMEOUT);
                ck_assert_str_eq(error_last()->found,
                                 "it is cancelled, and still undoing what it began");
                ck_assert_uint_eq(works_list(a, &list), 1);
        }
        cancel_wait = 60 * 1000;
        sem_post(&done);
        pthread_join(thread, NULL);
        ck_assert_uint_eq(works_list(a, &list), 0);
}
END_TEST

START_TEST(a_wait_for_a_place_ends_with_the_peer)
{
        static struct places p = PLACES("looks", "looks at once", 1, 1, 0);
        const struct place_taker taker = {&alice, false}, other = {&bob, false};
        int peer[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, peer), 0);
        ck_assert_int_eq(places_take(&p, taker, 1, 0), ST_DONE);
        interrupt_peer(peer[0]);
        interrupt_allow(-1);
        close(peer[1]);
        ck_assert_int_eq(places_take(&p, other, 1, 3600 * 1000), ST_CANCELLED);
        close(peer[0]);
}
END_TEST

static void begin(void)
{
        a = arena_new();
        sem_init(&begun, 0, 0);
        ck_assert_int_eq(pipe(never), 0);
}

static void end(void)
{
        arena_free(a);
}

int main(void)
{
        Suite *suite = suite_create("work");
        TCase *t = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_checked_fixture(t, begin, end);
        tcase_add_test(t, all_work_is_listed);
        tcase_add_test(t, only_what_may_be_undone_is_cancelled);
        tcase_add_loop_test(t, a_wait_ends_when_it_is_cancelled, 0, 3);
        tcase_add_test(t, a_wait_ends_with_the_peer);
        tcase_add_test(t, what_is_still_undone_says_so);
        tcase_add_test(t, a_wait_for_a_place_ends_with_the_peer);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
