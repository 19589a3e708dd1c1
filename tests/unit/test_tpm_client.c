/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is at the TPM, and how long a passphrase may take. There is no TPM here, and no
 * clock but the test's. */
#include "integrity-mgr/requests.h"
#include "integrity-mgr/tpm_client.h"
#include "lib/io.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

static int64_t now = 1000; /* of passphrases; turns have no deadline that comes */
static int (*answer)(struct pollfd *p, int wait);

static int test_poll(struct pollfd *p, nfds_t count, int wait)
{
        ck_assert_uint_eq(count, 1);
        return answer(p, wait);
}

static int64_t test_deadline_in(int64_t ms)
{
        return now + ms;
}

static int test_deadline_left(int64_t deadline)
{
        return deadline > now ? (int)(deadline - now) : 0;
}

static struct timespec test_deadline_point(int64_t deadline)
{
        return (struct timespec){.tv_sec = deadline == now ? 0 : INT32_MAX};
}

#define poll test_poll
#define deadline_in test_deadline_in
#define deadline_left test_deadline_left
#define deadline_point test_deadline_point
#include "integrity-mgr/tpm_client.c"
#undef poll

/* --- turns ------------------------------------------------------------------------------------ */

static enum tpm_rank order[2 * TPM_RANKS];
static size_t had;

static void *want(void *rank)
{
        const enum tpm_rank mine = (enum tpm_rank)(uintptr_t)rank;

        ck_assert(take(mine, now + WAIT));
        order[had++] = mine; /* whoever has the lease is alone here */
        give();
        return NULL;
}

static void wait_until(enum tpm_rank rank, unsigned count)
{
        unsigned found;

        do {
                sched_yield();
                pthread_mutex_lock(&lock);
                found = waiting[rank];
                pthread_mutex_unlock(&lock);
        } while (found != count);
}

/* Strangers' status and trust come first and wait; then an attestation; a start comes last. */
START_TEST(a_start_goes_first)
{
        static const enum tpm_rank come[] = {TPM_LAST, TPM_LAST, TPM_SECOND, TPM_FIRST, TPM_FIRST};
        static const enum tpm_rank go[] = {TPM_FIRST, TPM_FIRST, TPM_SECOND, TPM_LAST, TPM_LAST};
        enum { COUNT = sizeof come / sizeof *come };
        unsigned wait[TPM_RANKS] = {0};
        pthread_t threads[COUNT];

        ck_assert(take(TPM_LAST, now + WAIT));
        for (size_t i = 0; i < COUNT; i++) {
                pthread_create(&threads[i], NULL, want, (void *)(uintptr_t)come[i]);
                wait_until(come[i], ++wait[come[i]]);
        }
        ck_assert_uint_eq(had, 0);
        give();
        for (size_t i = 0; i < COUNT; i++)
                pthread_join(threads[i], NULL);
        ck_assert_uint_eq(had, COUNT);
        for (size_t i = 0; i < COUNT; i++)
                ck_assert_int_eq(order[i], go[i]);
}
END_TEST

START_TEST(requests_have_their_ranks)
{
        ck_assert_int_eq(rank_of(MESSAGE_tpm_unseal), TPM_FIRST);
        ck_assert_int_eq(rank_of(MESSAGE_tpm_seal), TPM_FIRST);
        ck_assert_int_eq(rank_of(MESSAGE_tpm_approve), TPM_FIRST);
        ck_assert_int_eq(rank_of(MESSAGE_tpm_attest), TPM_SECOND);
        ck_assert_int_lt(TPM_SECOND, TPM_LAST);
}
END_TEST

/* Whoever gives up does not keep those back that waited for it to go before them. */
START_TEST(whoever_gives_up_is_forgotten)
{
        struct arena *a = arena_new();
        struct tpm_status_req q = {};
        struct tpm_status_rep p;
        pthread_t thread;

        ck_assert(take(TPM_FIRST, now + WAIT));
        ck_assert_int_eq(tpm_client_call_until(TPM_LAST, now, CALL(tpm_status, &q, &p), a),
                         ST_BUSY);
        ck_assert_str_eq(error_last()->subject, "the TPM");
        ck_assert(!take(TPM_FIRST, now));
        for (unsigned r = 0; r < TPM_RANKS; r++)
                ck_assert_uint_eq(waiting[r], 0);
        pthread_create(&thread, NULL, want, (void *)(uintptr_t)TPM_LAST);
        wait_until(TPM_LAST, 1);
        give();
        pthread_join(thread, NULL);
        ck_assert_uint_eq(had, 1);
        arena_free(a);
}
END_TEST

static int cancelled;

static void *want_until_cancelled(void *nothing)
{
        interrupt_allow(cancelled);
        ck_assert(!take(TPM_FIRST, now + WAIT));
        return nothing;
}

/* Others come and go all the time: no wait here ends by itself. */
START_TEST(whoever_is_cancelled_waits_no_longer)
{
        const uint64_t one = 1;
        pthread_t thread;

        cancelled = eventfd(0, EFD_CLOEXEC);
        ck_assert(take(TPM_FIRST, now + WAIT));
        pthread_create(&thread, NULL, want_until_cancelled, NULL);
        wait_until(TPM_FIRST, 1);
        ck_assert_int_eq(write(cancelled, &one, sizeof one), sizeof one);
        ck_assert(!take(TPM_LAST, now)); /* which tells the others that it is gone */
        pthread_join(thread, NULL);
        give();
        close(cancelled);
}
END_TEST

/* --- passphrases ------------------------------------------------------------------------------ */

static int ends[2];
static int waits[8];
static size_t waited;

/* A writer that sends a little now and then, and never ends: only a hang-up is waited for. */
static int dribble(struct pollfd *p, int wait)
{
        ck_assert_int_eq(p->events, 0);
        ck_assert(!held); /* others have the TPM meanwhile */
        waits[waited++] = wait;
        p->revents = 0;
        if (wait <= 3000) {
                now += wait;
                return 0;
        }
        now += 3000;
        errno = EINTR;
        return -1;
}

static int hang_up(struct pollfd *p, int wait)
{
        waits[waited++] = wait;
        p->revents = POLLHUP;
        return 1;
}

START_TEST(a_passphrase_has_one_deadline)
{
        const int expected[] = {PASSPHRASE_WAIT, PASSPHRASE_WAIT - 3000, PASSPHRASE_WAIT - 6000,
                                PASSPHRASE_WAIT - 9000};

        ck_assert_int_eq(write(ends[1], "pass", 4), 4);
        answer = dribble;
        ck_assert_int_eq(tpm_client_passphrase(ends[0]), ST_TIMEOUT);
        ck_assert_uint_eq(waited, sizeof expected / sizeof *expected);
        ck_assert_mem_eq(waits, expected, sizeof expected);
        answer = hang_up;
        ck_assert_int_eq(tpm_client_passphrase(ends[0]), ST_DONE);
}
END_TEST

START_TEST(only_a_pipe_has_a_passphrase)
{
        int file = memfd_create("no pipe", MFD_CLOEXEC);

        answer = dribble;
        ck_assert_int_eq(tpm_client_passphrase(-1), ST_DONE);
        ck_assert_int_eq(tpm_client_passphrase(file), ST_INVALID);
        ck_assert_uint_eq(waited, 0);
        close(file);
}
END_TEST

static enum status set_up(struct arena *a)
{
        const struct handler *h = requests_handlers;
        struct request r = {.arena = a};
        struct im_setup_req q = {.asker = principal_self, .passphrase = ends[0]};
        struct im_setup_rep p;

        while (h->number != MESSAGE_im_setup)
                h++;
        return h->call(&r, &q, &p);
}

/* Set-up has all of it before it has the TPM: without it the TPM is not asked at all. */
START_TEST(a_passphrase_comes_before_the_lease)
{
        struct arena *a = arena_new();

        answer = dribble;
        ck_assert_int_eq(set_up(a), ST_TIMEOUT);
        ck_assert_str_eq(error_last()->subject, "the site key's passphrase");
        ck_assert_ptr_null(job);
        arena_free(a);
}
END_TEST

/* Of compartment-mgr's requests those for verifiers and for anybody leave room for starts. */
START_TEST(requests_count_as_whoever_is_behind_them)
{
        ck_assert_uint_eq(requests_roles_of(MESSAGE_im_unseal), DAEMON);
        ck_assert_uint_eq(requests_roles_of(MESSAGE_im_seal), DAEMON);
        ck_assert_uint_eq(requests_roles_of(MESSAGE_im_attest), VERIFIER);
        ck_assert_uint_eq(requests_roles_of(MESSAGE_im_progress), VERIFIER);
        ck_assert_uint_eq(requests_roles_of(MESSAGE_im_shown), VERIFIER);
        ck_assert_uint_eq(requests_roles_of(MESSAGE_im_sealed), DAEMON);
        ck_assert_uint_eq(requests_roles_of(MESSAGE_im_status), 0);
        ck_assert_uint_eq(requests_roles_of(MESSAGE_im_trust), 0);
}
END_TEST

static void begin(void)
{
        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
}

int main(void)
{
        Suite *suite = suite_create("tpm_client");
        TCase *t = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_checked_fixture(t, begin, NULL);
        tcase_add_test(t, a_start_goes_first);
        tcase_add_test(t, requests_have_their_ranks);
        tcase_add_test(t, whoever_gives_up_is_forgotten);
        tcase_add_test(t, whoever_is_cancelled_waits_no_longer);
        tcase_add_test(t, a_passphrase_has_one_deadline);
        tcase_add_test(t, only_a_pipe_has_a_passphrase);
        tcase_add_test(t, a_passphrase_comes_before_the_lease);
        tcase_add_test(t, requests_count_as_whoever_is_behind_them);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
