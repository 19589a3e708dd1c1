/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measuring with plug-ins that are loaded ahead, by real workers: a changed file is noticed at
 * once, a dead job is made again, a bad end counts for nothing, and nothing is left behind.
 */
#include "integrity-mgr/measure.h"
#include "integrity-mgr/plugin_jobs.h"
#include "lib/config.h"
#include "lib/worker.h"
#include "measure/measure_run.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHILDREN = 64, PATIENCE = 10000 /* ms */ };

static char folder[] = "/tmp/bulkhead-plugins-XXXXXX";
static struct worker *w;
static struct arena *a;
static struct found found;
static bool bad_end;

enum status __real_job_end(struct job *j);
enum status __wrap_job_end(struct job *j);
enum status __wrap_job_end(struct job *j)
{
        enum status s = __real_job_end(j);

        return bad_end ? FAIL(ST_WORKER, .subject = "played", .found = "a bad end") : s;
}

/* --- plug-ins and processes ---------------------------------------------------------------- */

static const char *path_of(const char *plugin)
{
        static char path[256];

        snprintf(path, sizeof path, "%s/%s.so", folder, plugin);
        return path;
}

/* The type of the node that `good` makes is in its file: that one byte tells which file ran. */
static size_t read_plugin(const char *plugin, char last, uint8_t *bytes, size_t room)
{
        char path[256];
        uint8_t *type;
        FILE *f;
        size_t n;

        snprintf(path, sizeof path, BUILD_DIR "/tests/plugins/%s.so", plugin);
        f = fopen(path, "r");
        ck_assert_ptr_nonnull(f);
        n = fread(bytes, 1, room, f);
        fclose(f);
        type = memmem(bytes, n, "\0test", 6);
        if (last && type)
                type[4] = (uint8_t)last;
        return n;
}

static void install(const char *plugin, char last, bool in_place)
{
        static uint8_t bytes[1 << 20];
        size_t n = read_plugin(plugin, last, bytes, sizeof bytes);
        int fd;

        if (!in_place)
                unlink(path_of(plugin));
        fd = open(path_of(plugin), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
        close(fd);
}

static size_t children_of(pid_t parent, pid_t *pids_out)
{
        char path[64];
        size_t n = 0;
        FILE *f;

        snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
        f = fopen(path, "r");
        ck_assert_ptr_nonnull(f);
        while (n < CHILDREN && fscanf(f, "%d", &pids_out[n]) == 1)
                n++;
        fclose(f);
        return n;
}

static bool has_loaded(pid_t pid, const char *plugin)
{
        char path[64], line[512], name[64];
        bool found_it = false;
        FILE *f;

        snprintf(name, sizeof name, "/%s.so", plugin ? plugin : "");
        if (!plugin)
                *name = 0; /* any of the folder */
        snprintf(path, sizeof path, "/proc/%d/maps", pid);
        f = fopen(path, "r");
        while (f && !found_it && fgets(line, sizeof line, f))
                found_it = strstr(line, folder) && strstr(line, name);
        if (f)
                fclose(f);
        return found_it;
}

/* The worker's children that have that plug-in (NULL: any): how many, and one of them. */
static size_t loaded(const char *plugin, pid_t *one_out)
{
        pid_t parent[CHILDREN], pids[CHILDREN];
        size_t count = 0, n;

        ck_assert_uint_eq(children_of(getpid(), parent), 1);
        n = children_of(parent[0], pids);
        for (size_t i = 0; i < n; i++)
                if (has_loaded(pids[i], plugin)) {
                        count++;
                        *one_out = pids[i];
                }
        return count;
}

static pid_t wait_until_loaded(const char *plugin)
{
        pid_t pid = 0;

        for (int i = 0; i < PATIENCE && !loaded(plugin, &pid); i++)
                usleep(1000);
        ck_assert_int_ne(pid, 0);
        usleep(50 * 1000); /* it says so a moment later */
        return pid;
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

static const char *component = "host";

static enum status measure(const char *plugin)
{
        const struct target t = {.name = "test:x", .plugin = plugin, .argument = "x", .method = ""};
        const struct open_target none = {.component = component, .file = -1, .header = -1};

        arena_empty(a);
        return measure_all(a, &principal_self, &t, 1, &none, 1, HASH_SHA256, &found);
}

static void check_measured(const char *type)
{
        struct digest file;
        int fd = open(path_of("good"), O_RDONLY | O_CLOEXEC);

        ck_assert_str_eq(found.measurements[0].nodes.items[0].type, type);
        ck_assert_int_eq(measure_plugin_digest(fd, &file), ST_DONE);
        ck_assert(digest_equal(&found.plugins[0].file, &file));
        close(fd);
}

static void set_up(void)
{
        ck_assert_ptr_nonnull(mkdtemp(folder));
        config_init();
        config.plugins = folder;
        a = arena_new();
        bad_end = false;
        install("good", 0, false);
        ck_assert_int_eq(worker_start(BUILD_DIR "/measure_worker", NULL, NULL, NULL, &w), ST_DONE);
        measure_start(w);
}

static void tear_down(void)
{
        char command[128];

        measure_stop();
        worker_stop(w);
        arena_free(a);
        snprintf(command, sizeof command, "rm -r %s", folder);
        ck_assert_int_eq(system(command), 0);
}

/* --- tests --------------------------------------------------------------------------------- */

/* What has no name can be neither logged nor sealed. */
START_TEST(a_target_without_a_component_is_refused)
{
        component = "host//vms";
        ck_assert_int_eq(measure("good"), ST_INVALID);
        component = "";
        ck_assert_int_eq(measure("good"), ST_INVALID);
        component = "host";
        ck_assert_int_eq(measure("good"), ST_DONE);
}
END_TEST

START_TEST(the_waiting_job_measures)
{
        pid_t waiting, other = 0;

        ck_assert_int_eq(measure("good"), ST_DONE);
        check_measured("test");
        waiting = wait_until_loaded("good");
        ck_assert_int_eq(measure("good"), ST_DONE);
        check_measured("test");
        wait_until_loaded("good");
        ck_assert_uint_eq(loaded("good", &other), 1);
        ck_assert_int_ne(other, waiting); /* that one measured, and ended */
}
END_TEST

/* By another file in its place, and by writing into the file that is loaded. */
START_TEST(a_changed_file_is_noticed_at_once)
{
        ck_assert_int_eq(measure("good"), ST_DONE);
        wait_until_loaded("good");
        install("good", 'T', _i);
        ck_assert_int_eq(measure("good"), ST_DONE);
        check_measured("tesT");
        wait_until_loaded("good");
        ck_assert_int_eq(measure("good"), ST_DONE);
        check_measured("tesT");
}
END_TEST

START_TEST(a_file_that_others_may_write_is_refused_although_it_is_loaded)
{
        ck_assert_int_eq(measure("good"), ST_DONE);
        wait_until_loaded("good");
        chmod(path_of("good"), 0666);
        ck_assert_int_eq(measure("good"), ST_DENIED);
        unlink(path_of("good"));
        ck_assert_int_eq(measure("good"), ST_NOT_FOUND);
}
END_TEST

START_TEST(a_dead_job_is_made_again)
{
        ck_assert_int_eq(measure("good"), ST_DONE);
        kill(wait_until_loaded("good"), SIGKILL);
        usleep(50 * 1000);
        ck_assert_int_eq(measure("good"), ST_DONE);
        check_measured("test");
        wait_until_loaded("good");
        ck_assert_int_eq(measure("good"), ST_DONE);
}
END_TEST

START_TEST(what_a_worker_says_that_ends_badly_does_not_count)
{
        ck_assert_int_eq(measure("good"), ST_DONE);
        wait_until_loaded("good");
        bad_end = true;
        ck_assert_int_eq(measure("good"), ST_WORKER);
        ck_assert_str_eq(error_last()->subject, "played");
        bad_end = false;
        ck_assert_int_eq(measure("good"), ST_DONE);
}
END_TEST

#ifndef __SANITIZE_ADDRESS__ /* under which there is no filter: see sandbox.c */
/* One that reaches for a socket as it is loaded, and another one's measurement beside it. */
START_TEST(a_hostile_plugin_is_loaded_in_no_better_place)
{
        struct digest file;
        pid_t pid = 0;
        int fd;

        install("constructor", 0, false);
        ck_assert_int_eq(measure("good"), ST_DONE);
        wait_until_loaded("good");
        ck_assert_int_eq(measure("constructor"), ST_WORKER);
        ck_assert_int_eq(measure_open_plugin(folder, "constructor", &fd), ST_DONE);
        ck_assert_int_eq(measure_plugin_digest(fd, &file), ST_DONE);
        plugin_jobs_want("constructor", fd, &file);
        usleep(300 * 1000);
        ck_assert_ptr_null(plugin_jobs_take("constructor", &file));
        ck_assert_uint_eq(loaded("constructor", &pid), 0);
        ck_assert_int_eq(measure("good"), ST_DONE);
        check_measured("test");
}
END_TEST
#endif

START_TEST(few_plugins_wait)
{
        static const char *const names[] = {"good", "flood", "silent", "crash", "exits"};
        struct digest file;
        pid_t pid = 0;
        int fd;

        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                install(names[i], 0, false);
                ck_assert_int_eq(measure_open_plugin(folder, names[i], &fd), ST_DONE);
                ck_assert_int_eq(measure_plugin_digest(fd, &file), ST_DONE);
                plugin_jobs_want(names[i], fd, &file);
                wait_until_loaded(names[i]);
        }
        usleep(200 * 1000);
        ck_assert_uint_eq(loaded(NULL, &pid), 4);
        ck_assert_ptr_null(plugin_jobs_take("good", &file)); /* unused for longest */
}
END_TEST

START_TEST(a_thousand_leave_nothing)
{
        pid_t parent[CHILDREN], pids[CHILDREN];
        size_t before;

        ck_assert_int_eq(measure("good"), ST_DONE);
        wait_until_loaded("good");
        before = open_descriptors();
        for (int i = 0; i < 1000; i++)
                ck_assert_int_eq(measure("good"), ST_DONE);
        wait_until_loaded("good");
        ck_assert_uint_eq(open_descriptors(), before);
        ck_assert_uint_eq(children_of(getpid(), parent), 1);
        ck_assert_uint_le(children_of(parent[0], pids), 2); /* one with the plug-in, one without */
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("plugin_jobs");
        TCase *t = tcase_create("plugin_jobs");
        SRunner *runner;
        int failed;

        tcase_set_timeout(t, 120);
        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_test(t, a_target_without_a_component_is_refused);
        tcase_add_test(t, the_waiting_job_measures);
        tcase_add_loop_test(t, a_changed_file_is_noticed_at_once, 0, 2);
        tcase_add_test(t, a_file_that_others_may_write_is_refused_although_it_is_loaded);
        tcase_add_test(t, a_dead_job_is_made_again);
        tcase_add_test(t, what_a_worker_says_that_ends_badly_does_not_count);
#ifndef __SANITIZE_ADDRESS__
        tcase_add_test(t, a_hostile_plugin_is_loaded_in_no_better_place);
#endif
        tcase_add_test(t, few_plugins_wait);
        tcase_add_test(t, a_thousand_leave_nothing);
        suite_add_tcase(suite, t);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
