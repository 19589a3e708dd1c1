/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors and clocks: short writes and signals lose nothing, a path leads to the inode. */
#include "lib/io.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LARGE = 3 << 20 };

static uint8_t *pattern(void)
{
        uint8_t *p = malloc(LARGE);

        for (size_t i = 0; i < LARGE; i++)
                p[i] = (uint8_t)(i * 7 + i / 251);
        return p;
}

static void ignore(int number)
{
        (void)number;
}

/* A pipe takes pieces; the timer's signals interrupt both ends. */
static void *fill_pipe(void *fd)
{
        uint8_t *p = pattern();
        intptr_t r = io_write(*(int *)fd, p, LARGE);

        close(*(int *)fd);
        free(p);
        return (void *)r;
}

START_TEST(a_pipe_with_signals_carries_all)
{
        struct sigaction action = {.sa_handler = ignore};
        timer_t timer;
        struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
        struct itimerspec often = {{0, 200000}, {0, 200000}};
        uint8_t *want = pattern(), *got = malloc(LARGE + 1);
        pthread_t thread;
        int fds[2];
        void *r;

        sigaction(SIGUSR1, &action, NULL);
        ck_assert(!pipe(fds) && !timer_create(CLOCK_MONOTONIC, &event, &timer));
        timer_settime(timer, 0, &often, NULL);
        ck_assert(!pthread_create(&thread, NULL, fill_pipe, &fds[1]));
        ck_assert_int_eq(io_read(fds[0], got, LARGE + 1), LARGE);
        pthread_join(thread, &r);
        timer_delete(timer);
        ck_assert_ptr_null(r);
        ck_assert(!memcmp(want, got, LARGE));
        close(fds[0]);
        free(want);
        free(got);
}
END_TEST

START_TEST(at_a_place)
{
        int fd = memfd_create("io", MFD_CLOEXEC);
        char text[8] = "";

        ck_assert_int_eq(io_write_at(fd, "heart", 5, 3), 0);
        ck_assert_int_eq(io_read_at(fd, text, 7, 3), 5);
        ck_assert_str_eq(text, "heart");
        ck_assert_int_eq(lseek(fd, 0, SEEK_END), 8);
        ck_assert_int_eq(io_read_at(fd, text, 7, 100), 0);
        close(fd);
        ck_assert_int_eq(io_read_at(fd, text, 7, 0), -1);
        ck_assert_int_eq(errno, EBADF);
}
END_TEST

/* A full device: an error, not a loop. */
START_TEST(what_takes_nothing_is_an_error)
{
        int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(io_write(fd, "x", 1), -1);
        ck_assert_int_eq(errno, ENOSPC);
        close(fd);
}
END_TEST

START_TEST(the_inode_not_the_name)
{
        char name[] = "build/test_io.XXXXXX", text[4] = "";
        int fd = mkstemp(name), again;

        ck_assert(!io_write(fd, "one", 3) && !unlink(name));
        again = io_reopen(fd, O_RDONLY);
        ck_assert_int_eq(io_read(again, text, 3), 3);
        ck_assert_str_eq(text, "one");
        ck_assert(fcntl(again, F_GETFD) & FD_CLOEXEC);
        ck_assert_int_eq(io_write(again, "x", 1), -1); /* its own rights */
        close(fd);
        close(again);
}
END_TEST

START_TEST(deadlines)
{
        struct timespec point, now;

        ck_assert_int_eq(deadline_in(NO_DEADLINE), NO_DEADLINE);
        ck_assert_int_eq(deadline_left(NO_DEADLINE), -1);
        ck_assert_int_eq(deadline_left(deadline_in(0) - 1000), 0);
        ck_assert_int_gt(deadline_left(deadline_in(1000000)), 900000);
        point = deadline_point(deadline_in(1000000));
        clock_gettime(CLOCK_MONOTONIC, &now);
        ck_assert_int_ge(point.tv_sec, now.tv_sec + 900);
        ck_assert_int_le(point.tv_sec, now.tv_sec + 1001);
        ck_assert_int_lt(point.tv_nsec, 1000000000);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("io");
        TCase *t = tcase_create("io");
        SRunner *runner;
        int failed;

        tcase_add_test(t, a_pipe_with_signals_carries_all);
        tcase_add_test(t, at_a_place);
        tcase_add_test(t, what_takes_nothing_is_an_error);
        tcase_add_test(t, the_inode_not_the_name);
        tcase_add_test(t, deadlines);
        suite_add_tcase(suite, t);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
