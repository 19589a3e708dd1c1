/* SPDX-License-Identifier: Apache-2.0 */
/* The plug-ins' host: what it takes, from whom, and that it believes no plug-in. Check runs each
 * test in a process of its own, which is what a plug-in gets in life. */
#include "measure/measure_run.h"
#include "bulkhead/measure_plugin.h"
#include "tests/unit/plugin_test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOSTILE BUILD_DIR "/tests/plugins"
#define OURS BUILD_DIR "/plugins"

static struct arena *arena;
static struct measurement found;

static void set_up(void)
{
        arena = arena_new();
}

static void tear_down(void)
{
        arena_free(arena);
}

static struct target target_of(const char *plugin)
{
        return (struct target){.name = "test:x", .plugin = plugin, .argument = "x", .method = ""};
}

static void check_failed(enum status s, enum status expected, const char *said)
{
        const struct error *e = error_last();

        ck_assert_int_eq(s, expected);
        ck_assert_int_eq(e->status, expected);
        ck_assert_msg(strstr(e->found, said) || strstr(e->expected, said),
                      "expected: %s, found: %s", e->expected, e->found);
        ck_assert_uint_eq(found.nodes.count, 0);
}

/* --- the plug-in's file ---------------------------------------------------------------------- */

static enum status run_file(const char *dir, const char *file, const char *name)
{
        struct target t = target_of(name);
        enum status s;
        int fd;

        s = measure_open_plugin(dir, file, &fd);
        ck_assert_int_eq(s, ST_DONE);
        s = measure_run(arena, fd, &t, -1, -1, 1, NULL, &found);
        close(fd);
        return s;
}

static const struct {
        const char *file;
        enum status status;
        const char *said;
} files[] = {
        {"good", ST_DONE, NULL},
        {"silent", ST_PLUGIN, "at least one node"},
        {"flood", ST_PLUGIN, "4 MiB"},
        {"name", ST_PLUGIN, "disk"},
        {"abi", ST_PLUGIN, "ABI 2"},
        {"small", ST_PLUGIN, "size"},
        {"empty", ST_PLUGIN, "bulkhead_measure_plugin"},
};

START_TEST(files_are_judged)
{
        enum status s = run_file(HOSTILE, files[_i].file, files[_i].file);

        if (files[_i].said)
                check_failed(s, files[_i].status, files[_i].said);
        else
                ck_assert_int_eq(s, ST_DONE);
}
END_TEST

START_TEST(flood_stays_small)
{
        struct rusage usage;

        check_failed(run_file(HOSTILE, "flood", "flood"), ST_PLUGIN, "4 MiB");
        getrusage(RUSAGE_SELF, &usage);
#if !defined(__SANITIZE_ADDRESS__)
        ck_assert_int_lt(usage.ru_maxrss, 64 << 10);
#endif
}
END_TEST

/* Nothing is left that could be taken for an answer. */
START_TEST(death_is_no_answer)
{
        static const char *const names[] = {"crash", "exits"};
        int status;
        pid_t child = fork();

        if (!child) {
                signal(SIGSEGV, SIG_DFL);
                run_file(HOSTILE, names[_i], names[_i]);
                _exit(77);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_ne(status, 77 << 8);
        ck_assert_int_eq(found.nodes.count, 0);
}
END_TEST

START_TEST(one_plugin_a_process)
{
        ck_assert_int_eq(run_file(HOSTILE, "good", "good"), ST_DONE);
        ck_assert_int_eq(run_file(HOSTILE, "good", "good"), ST_DONE);
        check_failed(run_file(HOSTILE, "silent", "silent"), ST_PLUGIN, "good");
}
END_TEST

START_TEST(text_file_is_no_plugin)
{
        const char *path = test_path("text.so");
        struct target t = target_of("text");
        int fd;

        test_write_file(path, 1000, 1);
        fd = open(path, O_RDONLY);
        check_failed(measure_run(arena, fd, &t, -1, -1, 1, NULL, &found), ST_PLUGIN,
                     "shared object");
        close(fd);
        check_failed(measure_run(arena, -1, &t, -1, -1, 1, NULL, &found), ST_PLUGIN,
                     "shared object");
        unlink(path);
}
END_TEST

START_TEST(digest_is_sha256sum)
{
        struct digest d;
        char hex[DIGEST_HEX];
        int fd;

        ck_assert_int_eq(measure_open_plugin(OURS, "disk", &fd), ST_DONE);
        ck_assert_int_eq(measure_plugin_digest(fd, &d), ST_DONE);
        digest_hex(&d, hex);
        ck_assert_str_eq(hex, test_command("sha256sum <%s/disk.so | cut -d' ' -f1", OURS));
        close(fd);
        ck_assert_int_eq(measure_plugin_digest(-1, &d), ST_IO);
        ck_assert_int_eq(d.alg, HASH_NONE);
}
END_TEST

/* What was opened and hashed is what is loaded, whatever the path shows by then. */
START_TEST(replaced_file_is_not_loaded)
{
        char dir[512];
        struct target t = target_of("good");
        int fd;

        snprintf(dir, sizeof dir, "%s", test_path("replaced"));
        test_command("mkdir -p %s && cp %s/good.so %s/good.so", dir, HOSTILE, dir);
        ck_assert_int_eq(measure_open_plugin(dir, "good", &fd), ST_DONE);
        test_command("cp %s/silent.so %s/new && mv %s/new %s/good.so", HOSTILE, dir, dir, dir);
        ck_assert_int_eq(measure_run(arena, fd, &t, -1, -1, 1, NULL, &found), ST_DONE);
        ck_assert_uint_eq(found.nodes.count, 1);
        close(fd);
        test_command("rm -r %s", dir);
}
END_TEST

START_TEST(names_are_checked)
{
        static const char *const names[] = {
                "",        ".",   "..",  "../disk",  "Disk",
                "disk.so", "a/b", "a b", "\xc3\xbc", "a1234567890123456789012345678901"};
        int fd = 7;

        check_failed(measure_open_plugin(OURS, names[_i], &fd), ST_INVALID, "a-z");
        ck_assert_int_eq(fd, -1);
}
END_TEST

static const struct {
        const char *make; /* %s: the folder */
        enum status status;
} places[] = {
        {"true", ST_NOT_FOUND},
        {"ln -s %s/real %s/x.so", ST_DENIED},
        {"mkdir %s/x.so", ST_DENIED},
        {"mkfifo %s/x.so", ST_DENIED},
        {"cp %s/real %s/x.so; chmod 775 %s/x.so", ST_DENIED},
        {"cp %s/real %s/x.so; chmod 757 %s/x.so", ST_DENIED},
        {"cp %s/real %s/x.so; chmod 755 %s/x.so", ST_DONE},
};

START_TEST(places_are_checked)
{
        char dir[512];
        int fd;

        snprintf(dir, sizeof dir, "%s", test_path("places"));
        test_command("rm -rf %s; mkdir -m 755 %s; echo x >%s/real", dir, dir, dir);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
        test_command(places[_i].make, dir, dir, dir);
#pragma GCC diagnostic pop
        ck_assert_int_eq(measure_open_plugin(dir, "x", &fd), places[_i].status);
        ck_assert_int_eq(fd >= 0, places[_i].status == ST_DONE);
        if (fd >= 0)
                close(fd);
        test_command("rm -r %s", dir);
        ck_assert_int_eq(measure_open_plugin(dir, "x", &fd), ST_NOT_FOUND);
}
END_TEST

START_TEST(foreign_owner_is_refused)
{
        char dir[512];
        int fd;

        if (geteuid()) {
                printf("skipped: foreign_owner_is_refused: needs root\n");
                return;
        }
        snprintf(dir, sizeof dir, "%s", test_path("owner"));
        test_command("mkdir %s; echo x >%s/x.so; chown 12345 %s/x.so", dir, dir, dir);
        check_failed(measure_open_plugin(dir, "x", &fd), ST_DENIED, "12345");
        test_command("rm -r %s", dir);
}
END_TEST

/* --- the host's rules ------------------------------------------------------------------------ */

static const struct bulkhead_host *host;
static const struct bulkhead_target *given;
static char long_text[4097];

static int begin(void)
{
        return host->node_begin("id", "type");
}

static int forgets_end(void)
{
        return begin();
}

static int ends_twice(void)
{
        return begin() || host->node_end() || (host->node_end(), 0);
}

static int value_outside(void)
{
        host->value("name", "text");
        return begin() || host->node_end();
}

static int value_after_child(void)
{
        return begin() || begin() || host->node_end() || (host->value("a", "b"), 0) ||
               host->node_end();
}

static int fails_without_reason(void)
{
        begin();
        host->node_end();
        return 1;
}

static int too_deep(void)
{
        for (int i = 0; i < 33; i++)
                begin();
        for (int i = 0; i < 33; i++)
                host->node_end();
        return 0;
}

static int too_many_nodes(void)
{
        for (int i = 0; i < 4097; i++) {
                begin();
                host->node_end();
        }
        return 0;
}

static int too_many_values(void)
{
        begin();
        for (int i = 0; i < 1025; i++)
                host->value("a", "b");
        return host->node_end();
}

/* A value, an id, a name or a type of its argument. */
static const char *bad_text;

static int bad_value(void)
{
        begin();
        host->value("a", bad_text);
        return host->node_end();
}

static int bad_id(void)
{
        host->node_begin(bad_text, "type");
        return host->node_end();
}

static int bad_name(void)
{
        begin();
        host->value(bad_text, "b");
        return host->node_end();
}

static int bad_type(void)
{
        host->node_begin("id", bad_text);
        return host->node_end();
}

static int (*behaviour)(void);

static int measure(const struct bulkhead_target *t, const struct bulkhead_host *h)
{
        host = h;
        given = t;
        return behaviour();
}

static const struct bulkhead_measure_plugin plugin = {
        sizeof plugin, BULKHEAD_MEASURE_ABI, "test", 9, 0, measure};

static enum status behave(int (*how)(void))
{
        struct target t = target_of("test");

        behaviour = how;
        return measure_call(arena, &plugin, &t, -1, -1, 1, NULL, &found);
}

static const struct {
        int (*how)(void);
        const char *said;
} breaks[] = {
        {forgets_end, "begins ends"},      {ends_twice, "that ends has begun"},
        {value_outside, "open node"},      {value_after_child, "before the nodes"},
        {fails_without_reason, "why not"}, {too_deep, "32 deep"},
        {too_many_nodes, "4096 nodes"},    {too_many_values, "1024 values"},
};

START_TEST(broken_rules_fail)
{
        check_failed(behave(breaks[_i].how), ST_PLUGIN, breaks[_i].said);
}
END_TEST

static const char *const bad_texts[] = {
        NULL,       "a\nb",         "\x1b[31m",         "\t",           "\x7f",
        "\xc2\x85", "\xef\xbf\xbe", "\xed\xa0\x80",     "\xff",         "\xc0\x80",
        "\xe2\x82", long_text,      "\xf4\x90\x80\x80", "\xef\xbf\xbf",
};

START_TEST(bad_texts_fail)
{
        memset(long_text, 'a', 4096);
        bad_text = bad_texts[_i];
        check_failed(behave(bad_value), ST_PLUGIN, "");
        check_failed(behave(bad_id), ST_PLUGIN, "");
        check_failed(behave(bad_name), ST_PLUGIN, "");
        check_failed(behave(bad_type), ST_PLUGIN, "");
}
END_TEST

START_TEST(bad_words_fail)
{
        static const char *const words[] = {
                "", "a b", "a=b", "\xc3\xbc",
                "a123456789012345678901234567890123456789012345678901234567890123"};

        bad_text = words[_i];
        check_failed(behave(bad_name), ST_PLUGIN, "word");
        check_failed(behave(bad_type), ST_PLUGIN, "word");
}
END_TEST

static int emits_all(void)
{
        char id[16];

        ck_assert_uint_eq(given->size, sizeof *given);
        ck_assert_str_eq(given->name, "test:x");
        ck_assert_str_eq(given->hash, "sha256");
        ck_assert_uint_eq(host->abi, BULKHEAD_MEASURE_ABI);
        for (int i = 0; i < 3; i++) {
                snprintf(id, sizeof id, "node-%d", i);
                if (host->node_begin(id, "outer"))
                        return -1;
                strcpy(id, "overwritten");
                for (int k = 0; k < 100; k++)
                        if (host->value("name", "gr\xc3\xbc\xc3\x9f"))
                                return -1;
                if (host->node_begin("inner", "in") || host->value("a", "") || host->node_end() ||
                    host->node_end())
                        return -1;
        }
        return 0;
}

START_TEST(good_output_is_kept)
{
        ck_assert_int_eq(behave(emits_all), ST_DONE);
        test_measurement_form(&found);
        ck_assert_str_eq(found.target, "test:x");
        ck_assert_str_eq(found.plugin, "test");
        ck_assert_uint_eq(found.version, 9);
        ck_assert_uint_eq(found.nodes.count, 6);
        for (uint32_t i = 0; i < 6; i++) {
                ck_assert_uint_eq(found.nodes.items[i].parent, i % 2 ? i : 0);
                ck_assert_uint_eq(found.nodes.items[i].values.count, i % 2 ? 1 : 100);
        }
        ck_assert_str_eq(found.nodes.items[4].id, "node-2");
        ck_assert_str_eq(found.nodes.items[4].values.items[99].text, "gr\xc3\xbc\xc3\x9f");
}
END_TEST

static int refuses_and_returns_0(void)
{
        begin();
        host->node_end();
        host->refuse("subject", "a\nb", NULL, "remedy");
        host->refuse("later", "", "", "");
        return 0;
}

START_TEST(refusal_wins)
{
        ck_assert_int_eq(behave(refuses_and_returns_0), ST_REFUSED);
        ck_assert_str_eq(error_last()->subject, "subject");
        ck_assert_str_eq(error_last()->expected, "a?b");
        ck_assert_str_eq(error_last()->found, "");
        ck_assert_str_eq(error_last()->remedy, "remedy");
        ck_assert_uint_eq(found.nodes.count, 0);
}
END_TEST

/* The shipped objects: one symbol, nothing of ours, and the digest that others find. */
START_TEST(shipped_plugins)
{
        static const char *const names[] = {"disk", "luks"};
        struct target t = {.name = "disk:/img", .plugin = "disk", .argument = "/img", .method = ""};
        char expected[128], image[512];
        int fd, file;

        for (size_t i = 0; i < 2; i++)
                ck_assert_str_eq(test_command("nm -D --defined-only %s/%s.so | cut -d' ' -f3- |"
                                              " paste -sd,",
                                              OURS, names[i]),
                                 "bulkhead_measure_plugin");
        snprintf(image, sizeof image, "%s", test_path("image"));
        test_write_file(image, 100001, 4);
        snprintf(expected, sizeof expected, "sha256:%s",
                 test_command("sha256sum <%s | cut -d' ' -f1", image));
        ck_assert_int_eq(measure_open_plugin(OURS, "disk", &fd), ST_DONE);
        file = open(image, O_RDONLY);
        ck_assert_int_eq(measure_run(arena, fd, &t, file, -1, 2, NULL, &found), ST_DONE);
        ck_assert_str_eq(test_value(&found, 0, "digest"), expected);
        close(file);
        close(fd);
        unlink(image);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof *(table)))

int main(void)
{
        Suite *suite = suite_create("measure_run");
        TCase *c = tcase_create("measure_run");

        umask(022);
        tcase_add_checked_fixture(c, set_up, tear_down);
        tcase_set_timeout(c, 60);
        tcase_add_loop_test(c, files_are_judged, 0, COUNT(files));
        tcase_add_test(c, flood_stays_small);
        tcase_add_loop_test(c, death_is_no_answer, 0, 2);
        tcase_add_test(c, one_plugin_a_process);
        tcase_add_test(c, text_file_is_no_plugin);
        tcase_add_test(c, digest_is_sha256sum);
        tcase_add_test(c, replaced_file_is_not_loaded);
        tcase_add_loop_test(c, names_are_checked, 0, 10);
        tcase_add_loop_test(c, places_are_checked, 0, COUNT(places));
        tcase_add_test(c, foreign_owner_is_refused);
        tcase_add_loop_test(c, broken_rules_fail, 0, COUNT(breaks));
        tcase_add_loop_test(c, bad_texts_fail, 0, COUNT(bad_texts));
        tcase_add_loop_test(c, bad_words_fail, 0, 5);
        tcase_add_test(c, good_output_is_kept);
        tcase_add_test(c, refusal_wins);
        tcase_add_test(c, shipped_plugins);
        suite_add_tcase(suite, c);
        return test_run_suite(suite);
}
