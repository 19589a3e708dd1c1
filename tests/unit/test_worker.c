/* SPDX-License-Identifier: Apache-2.0 */
/* Workers that crash, hang, die after their answer or reach for what they gave up. */
#include "lib/channel.h"
#include "lib/priority.h"
#include "lib/worker.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *fixture;
static char build[4096]; /* where the programs lie */
static struct worker *w;
static struct arena *a;

static void set_up(void)
{
        a = arena_new();
        unsetenv("BULKHEAD_DIE_AT_END");
        ck_assert_int_eq(worker_start(fixture, NULL, NULL, NULL, &w), ST_DONE);
}

static void tear_down(void)
{
        worker_stop(w);
        arena_free(a);
}

static enum status ask(const char *what, int deadline_ms)
{
        struct judge_req q = {{(const uint8_t *)what, strlen(what)}, {0}};
        struct judge_rep p = {0};
        enum status s = worker_call(w, deadline_ms, CALL(judge, &q, &p), a);

        if (!s)
                ck_assert(p.answer);
        return s;
}

static size_t open_descriptors(void)
{
        DIR *d = opendir("/proc/self/fd");
        size_t n = 0;

        while (readdir(d))
                n++;
        closedir(d);
        return n;
}

START_TEST(a_good_job_is_answered)
{
        ck_assert_int_eq(ask("", 5000), ST_DONE);
        ck_assert_int_eq(ask("refuse", 5000), ST_PREDICATE);
        ck_assert_str_eq(error_last()->subject, "the fixture");
        ck_assert_int_eq(ask("unreachable", 5000), ST_UNREACHABLE); /* not the fixture itself */
        ck_assert_str_eq(error_last()->subject, "what the fixture needs");
}
END_TEST

static const struct {
        const char *what;
        enum status status;
        const char *found;
} deaths[] = {
        {"crash", ST_WORKER, "signal 4"},   {"exit", ST_WORKER, "exit status 7"},
        {"hang", ST_TIMEOUT, "time limit"},
#ifndef __SANITIZE_ADDRESS__ /* under which there is no filter: see sandbox.c */
        {"socket", ST_WORKER, "signal 31"}, {"open", ST_WORKER, "signal 31"},
        {"fork", ST_WORKER, "signal 31"},   {"exec", ST_WORKER, "signal 31"},
        {"kill", ST_WORKER, "signal 31"},   {"memory", ST_WORKER, "exit status 3"},
#endif
};

START_TEST(every_death_is_an_error_and_the_next_job_is_served)
{
        size_t before = open_descriptors();

        ck_assert_int_eq(ask(deaths[_i].what, 1000), deaths[_i].status);
        ck_assert_msg(strstr(error_last()->found, deaths[_i].found) != NULL, "found: %s",
                      error_last()->found);
        ck_assert_int_eq(ask("", 5000), ST_DONE);
        ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

START_TEST(an_answer_of_a_process_that_then_dies_is_none)
{
        struct worker *dying;
        struct judge_req q = {0};
        struct judge_rep p = {0};
        struct job *j;

        setenv("BULKHEAD_DIE_AT_END", "1", 1);
        ck_assert_int_eq(worker_start(fixture, NULL, NULL, NULL, &dying), ST_DONE);
        ck_assert_int_eq(worker_call(dying, 5000, CALL(judge, &q, &p), a), ST_WORKER);
        ck_assert_int_eq(worker_ask(dying, 5000, CALL(judge, &q, &p), &j), ST_DONE);
        ck_assert_int_eq(job_answer(j, CALL(judge, &q, &p), a), ST_DONE);
        ck_assert_int_eq(job_end(j), ST_WORKER);
        worker_stop(dying);
}
END_TEST

START_TEST(a_dropped_job_is_killed)
{
        struct job *j;
        struct judge_req q = {{(const uint8_t *)"hang", 4}, {0}};
        int fd;

        ck_assert_int_eq(job_start(w, NO_DEADLINE, &j), ST_DONE);
        fd = *(int *)((char *)j + sizeof(char *)); /* its socket: the first member after the name */
        ck_assert_int_eq(channel_send(fd, MESSAGE_judge, &shape_judge_req, &q, deadline_in(1000)),
                         ST_DONE);
        ck_assert(job_alive(j));
        job_kill(j);
        ck_assert_int_eq(ask("", 5000), ST_DONE);
}
END_TEST

/* The youngest child of a process. */
static pid_t child_of(pid_t parent)
{
        char path[64];
        int pid = 0;
        FILE *f;

        snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
        f = fopen(path, "r");
        ck_assert_ptr_nonnull(f);
        while (fscanf(f, "%d", &pid) == 1)
                ;
        fclose(f);
        return pid;
}

/* Processor time of a process, in clock ticks. */
static long ticks_of(pid_t pid)
{
        long user, system;
        char path[64];
        FILE *f;

        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        f = fopen(path, "r");
        ck_assert_ptr_nonnull(f);
        ck_assert_int_eq(fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld",
                                &user, &system),
                         2);
        fclose(f);
        return user + system;
}

START_TEST(a_dropped_job_that_ends_late_costs_its_parent_nothing)
{
        pid_t parent = child_of(getpid()), child;
        struct job *j;
        long before;

        ck_assert_int_eq(job_start(w, NO_DEADLINE, &j), ST_DONE);
        while (!(child = child_of(parent)))
                usleep(1000);
        /* whoever traces it is told of its end first */
        ck_assert_int_eq(ptrace(PTRACE_SEIZE, child, NULL, NULL), 0);
        before = ticks_of(parent);
        job_kill(j);
        usleep(500 * 1000);
        ck_assert_int_le(ticks_of(parent) - before, sysconf(_SC_CLK_TCK) / 20);
        ck_assert_int_eq(waitpid(child, NULL, __WALL), child);
        ck_assert_int_eq(ask("", 5000), ST_DONE);
}
END_TEST

static const int waits[] = {10000, 100}; /* ms, for a job that takes half a second to end */
static bool waited;

static void *kill_and_wait(void *job)
{
        enum status s = job_kill_wait(job, waits[0]);

        __atomic_store_n(&waited, true, __ATOMIC_SEQ_CST);
        return s ? job : NULL;
}

START_TEST(the_end_of_a_killed_job_is_waited_for)
{
        pid_t parent = child_of(getpid()), child;
        pthread_t thread;
        void *failed = NULL;
        struct job *j;

        waited = false;
        ck_assert_int_eq(job_start(w, NO_DEADLINE, &j), ST_DONE);
        while (!(child = child_of(parent)))
                usleep(1000);
        ck_assert_int_eq(ptrace(PTRACE_SEIZE, child, NULL, NULL), 0);
        if (_i)
                ck_assert_int_eq(job_kill_wait(j, waits[1]), ST_TIMEOUT);
        else
                pthread_create(&thread, NULL, kill_and_wait, j);
        usleep(500 * 1000);
        ck_assert(!__atomic_load_n(&waited, __ATOMIC_SEQ_CST));
        ck_assert_int_eq(waitpid(child, NULL, __WALL), child);
        if (!_i)
                pthread_join(thread, &failed);
        ck_assert_ptr_null(failed);
        ck_assert_int_eq(job_kill_wait(NULL, 0), ST_DONE);
        ck_assert_int_eq(ask("", 5000), ST_DONE);
}
END_TEST

/* The nice value of a job that has a first request, before and after this thread gives way. */
static int priority_of_a_job(void)
{
        struct judge_req q = {{(const uint8_t *)"hang", 4}, {0}};
        struct judge_rep p;
        struct job *j;
        int nice;

        ck_assert_int_eq(worker_ask(w, 5000, CALL(judge, &q, &p), &j), ST_DONE);
        ck_assert_int_eq(ask("", 5000), ST_DONE); /* the warm parent has done what came before */
        nice = getpriority(PRIO_PROCESS, (id_t)child_of(child_of(getpid())));
        job_kill(j);
        return nice;
}

static void *give_way_and_ask(void *nice_out)
{
        priority_give_way();
        *(int *)nice_out = priority_of_a_job();
        return NULL;
}

START_TEST(a_job_gives_way_as_its_thread_does)
{
        int own = getpriority(PRIO_PROCESS, 0), nice = 0;
        pthread_t thread;

        ck_assert_int_eq(priority_of_a_job(), own);
        ck_assert_int_eq(pthread_create(&thread, NULL, give_way_and_ask, &nice), 0);
        pthread_join(thread, NULL);
        ck_assert_int_eq(nice, own > PRIORITY_GIVES_WAY ? own : PRIORITY_GIVES_WAY);
        ck_assert_int_eq(priority_of_a_job(), own);
}
END_TEST

static void *begin_a_shared_job(void *nice_out)
{
        struct judge_req q = {{(const uint8_t *)"refuse", 6}, {0}};
        struct judge_rep p;
        struct job *j;

        priority_give_way();
        ck_assert_int_eq(job_start_shared(w, &j), ST_DONE);
        ck_assert_int_eq(job_call(j, CALL(judge, &q, &p), a), ST_PREDICATE);
        job_set_deadline(j, 5000);
        ck_assert_int_eq(job_call(j, CALL(judge, &q, &p), a), ST_PREDICATE);
        ck_assert_int_eq(ask("", 5000), ST_DONE);
        *(int *)nice_out = getpriority(PRIO_PROCESS, (id_t)child_of(child_of(getpid())));
        job_kill(j);
        return NULL;
}

START_TEST(a_job_that_serves_everybody_never_gives_way)
{
        int nice = PRIORITY_GIVES_WAY + 1;
        pthread_t thread;

        ck_assert_int_eq(pthread_create(&thread, NULL, begin_a_shared_job, &nice), 0);
        pthread_join(thread, NULL);
        ck_assert_int_eq(nice, getpriority(PRIO_PROCESS, 0));
}
END_TEST

#ifndef __SANITIZE_ADDRESS__
static enum status measure_with(const char *plugin)
{
        struct measure_req q = {.target = {.name = "test:x", .plugin = plugin, .argument = "x"},
                                .file = -1,
                                .header = -1,
                                .progress = -1,
                                .cores = 1};
        struct measure_rep p;
        struct worker *measure;
        char path[5000];
        enum status s;

        q.target.method = "";
        snprintf(path, sizeof path, "%s/tests/plugins/%s.so", build, plugin);
        q.plugin = open(path, O_RDONLY | O_CLOEXEC);
        ck_assert_int_ge(q.plugin, 0);
        snprintf(path, sizeof path, "%s/measure_worker", build);
        ck_assert_int_eq(worker_start(path, NULL, NULL, NULL, &measure), ST_DONE);
        s = worker_call(measure, 5000, CALL(measure, &q, &p), a);
        worker_stop(measure);
        close(q.plugin);
        return s;
}

START_TEST(a_plugin_has_no_more_rights_while_it_is_loaded)
{
        ck_assert_int_eq(measure_with("good"), ST_DONE);
        ck_assert_int_eq(measure_with("constructor"), ST_WORKER);
        ck_assert_msg(strstr(error_last()->found, "signal 31") != NULL, "found: %s",
                      error_last()->found);
}
END_TEST
#endif

START_TEST(a_program_that_is_no_worker_is_refused)
{
        struct worker *none = NULL;

        ck_assert_int_eq(worker_start("/bin/true", NULL, NULL, NULL, &none), ST_WORKER);
        ck_assert_ptr_null(none);
        ck_assert_int_eq(worker_start("/nowhere/worker", NULL, NULL, NULL, &none), ST_WORKER);
}
END_TEST

START_TEST(many_jobs_leave_nothing)
{
        size_t before = open_descriptors();

        for (int i = 0; i < 300; i++)
                ck_assert_int_eq(ask(i % 3 ? "" : "crash", 5000), i % 3 ? ST_DONE : ST_WORKER);
        ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

int main(int argc, char **argv)
{
        Suite *suite = suite_create("worker");
        TCase *t = tcase_create("worker");
        SRunner *runner;
        char path[4096];
        int failed;

        (void)argc;
        snprintf(path, sizeof path, "%s", argv[0]);
        *strrchr(path, '/') = 0;
        strcpy(build, path);
        strcat(path, "/worker_fixture");
        fixture = path;
        tcase_set_timeout(t, 60);
        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_test(t, a_good_job_is_answered);
        tcase_add_loop_test(t, every_death_is_an_error_and_the_next_job_is_served, 0,
                            sizeof deaths / sizeof *deaths);
        tcase_add_test(t, an_answer_of_a_process_that_then_dies_is_none);
        tcase_add_test(t, a_dropped_job_is_killed);
        tcase_add_test(t, a_job_gives_way_as_its_thread_does);
        tcase_add_test(t, a_job_that_serves_everybody_never_gives_way);
        tcase_add_test(t, a_dropped_job_that_ends_late_costs_its_parent_nothing);
        tcase_add_loop_test(t, the_end_of_a_killed_job_is_waited_for, 0, 2);
#ifndef __SANITIZE_ADDRESS__
        tcase_add_test(t, a_plugin_has_no_more_rights_while_it_is_loaded);
#endif
        tcase_add_test(t, a_program_that_is_no_worker_is_refused);
        tcase_add_test(t, many_jobs_leave_nothing);
        suite_add_tcase(suite, t);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
