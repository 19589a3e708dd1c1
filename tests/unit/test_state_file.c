/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durable state: the Nth system call fails, for every N, in every way; each bit flips; each
 * truncation. Always the old or the new content is there, or an error: never a third thing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The calls that can fail, each counted; the one whose turn it is fails with fault_errno. A "kill"
 * makes every call from the Nth on do nothing, as after kill -9. */
static int fault_at, fault_count, fault_errno;
static bool fault_kills, fault_short;

static bool faulty(void)
{
        fault_count++;
        if (!fault_at || fault_count < fault_at || (!fault_kills && fault_count > fault_at))
                return false;
        errno = fault_errno;
        return true;
}

static ssize_t faulty_write(int fd, const void *bytes, size_t len)
{
        if (faulty())
                return -1;
        return write(fd, bytes, fault_short && len > 1 ? len / 2 : len);
}

static int faulty_fsync(int fd)
{
        return faulty() ? -1 : fsync(fd);
}

static int faulty_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
        return faulty() ? -1 : renameat(from_dir, from, to_dir, to);
}

static int faulty_unlinkat(int dir, const char *name, int flags)
{
        return faulty() ? -1 : unlinkat(dir, name, flags);
}

static int faulty_close(int fd)
{
        int r = close(fd);

        return faulty() ? -1 : r;
}

#include <dirent.h>
#include <stdlib.h>
#include <sys/file.h>
#define write faulty_write
#define fsync faulty_fsync
#define renameat faulty_renameat
#define unlinkat faulty_unlinkat
#define close faulty_close
#include "lib/io.c"
#include "lib/state_file.c"
#undef write
#undef fsync
#undef renameat
#undef unlinkat
#undef close

#include <check.h>

static char folder[] = "/tmp/bulkhead-state-XXXXXX";
static struct arena *a;
static int dir;

static void no_faults(void)
{
        fault_at = fault_count = 0;
        fault_kills = fault_short = false;
}

static void set_up(void)
{
        strcpy(folder, "/tmp/bulkhead-state-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        a = arena_new();
        no_faults();
        ck_assert_int_eq(state_folder(folder, &dir), ST_DONE);
}

static void tear_down(void)
{
        char command[100];

        no_faults();
        arena_free(a);
        close(dir);
        snprintf(command, sizeof command, "rm -rf %s", folder);
        ck_assert_int_eq(system(command), 0);
}

static const struct state_kind kind = {.name = "test", .version = 2};

static struct bytes text(const char *t)
{
        return (struct bytes){(const uint8_t *)t, strlen(t)};
}

static bool holds(const char *t)
{
        struct state_content found;

        ck_assert_int_eq(state_load(dir, "x", &kind, a, &found), ST_DONE);
        return found.bytes.len == strlen(t) && !memcmp(found.bytes.data, t, found.bytes.len);
}

static const int errors[] = {ENOSPC, EIO, EINTR, EDQUOT};

START_TEST(each_call_fails_once)
{
        enum status s = ST_IO;

        for (int n = 1; n < 100; n++) {
                no_faults();
                ck_assert_int_eq(state_write(dir, "x", &kind, text("old")), ST_DONE);
                no_faults();
                fault_at = n;
                fault_errno = errors[_i];
                s = state_write(dir, "x", &kind, text("the new content"));
                if (fault_count < n)
                        break; /* no call was left to fail */
                ck_assert(holds("old") || holds("the new content"));
                if (!s) /* what was reported as done is there */
                        ck_assert(holds("the new content"));
                if (s && errors[_i] == ENOSPC)
                        ck_assert_int_eq(s, ST_NO_SPACE);
        }
        ck_assert_int_eq(s, ST_DONE);
}
END_TEST

START_TEST(killed_at_each_call)
{
        enum status s = ST_IO;
        const char **names;
        size_t count;

        for (int n = 1; n < 100; n++) {
                no_faults();
                ck_assert_int_eq(state_write(dir, "x", &kind, text("old")), ST_DONE);
                no_faults();
                fault_at = n;
                fault_kills = true;
                fault_errno = EIO;
                s = state_write(dir, "x", &kind, text("the new content"));
                if (fault_count < n)
                        break;
                no_faults();
                ck_assert(holds("old") || holds("the new content"));
                ck_assert_int_eq(state_list(dir, a, &names, &count), ST_DONE);
                ck_assert_uint_eq(count, 1); /* what was left half written is gone */
        }
        ck_assert_int_eq(s, ST_DONE);
}
END_TEST

START_TEST(short_writes_are_completed)
{
        fault_short = true;
        ck_assert_int_eq(state_write(dir, "x", &kind, text("written a half at a time")), ST_DONE);
        ck_assert(holds("written a half at a time"));
}
END_TEST

static size_t whole_file(uint8_t *bytes, size_t room)
{
        int fd = openat(dir, "x", O_RDONLY);
        ssize_t n = read(fd, bytes, room);

        close(fd);
        return (size_t)n;
}

START_TEST(each_bit_and_each_truncation_is_noticed)
{
        struct state_content found;
        uint8_t bytes[500];
        size_t len;

        ck_assert_int_eq(state_write(dir, "x", &kind, text("content")), ST_DONE);
        len = whole_file(bytes, sizeof bytes);
        ck_assert_int_eq(state_parse("x", (struct bytes){bytes, len}, &kind, &found), ST_DONE);
        ck_assert_uint_eq(found.version, 2);
        for (size_t bit = 0; bit < 8 * len; bit++) {
                bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
                ck_assert_int_eq(state_parse("x", (struct bytes){bytes, len}, &kind, &found),
                                 ST_DAMAGED);
                bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t cut = 0; cut < len; cut++)
                ck_assert_int_eq(state_parse("x", (struct bytes){bytes, cut}, &kind, &found),
                                 ST_DAMAGED);
        bytes[len] = 0;
        ck_assert_int_eq(state_parse("x", (struct bytes){bytes, len + 1}, &kind, &found),
                         ST_DAMAGED);
}
END_TEST

/* By name, and nothing is touched. */
START_TEST(another_kind_and_a_newer_version_are_refused)
{
        const struct state_kind other = {.name = "tests", .version = 2};
        const struct state_kind older = {.name = "test", .version = 1};
        uint8_t before[500], after[500];
        struct state_content found;
        size_t len;

        ck_assert_int_eq(state_write(dir, "x", &kind, text("content")), ST_DONE);
        len = whole_file(before, sizeof before);
        ck_assert_int_eq(state_load(dir, "x", &other, a, &found), ST_DAMAGED);
        ck_assert_str_eq(error_last()->subject, "state file x");
        ck_assert_str_eq(error_last()->expected, "a file of kind tests");
        ck_assert_str_eq(error_last()->found, "one of kind test");
        ck_assert_int_eq(state_load(dir, "x", &older, a, &found), ST_UNSUPPORTED);
        ck_assert_str_eq(error_last()->subject, "state file x");
        ck_assert_str_eq(error_last()->expected, "version 1 or older");
        ck_assert_str_eq(error_last()->found, "version 2, written by a newer Bulkhead");
        ck_assert_str_eq(error_last()->remedy,
                         "update Bulkhead, or restore the state folder from before that update; "
                         "nothing was changed");
        ck_assert_uint_eq(whole_file(after, sizeof after), len);
        ck_assert_mem_eq(before, after, len);
}
END_TEST

START_TEST(links_and_absences_are_refused)
{
        struct state_content found;

        ck_assert_int_eq(state_load(dir, "x", &kind, a, &found), ST_NOT_FOUND);
        ck_assert_int_eq(symlinkat("/etc/passwd", dir, "x"), 0);
        ck_assert_int_eq(state_load(dir, "x", &kind, a, &found), ST_IO);
        ck_assert_int_eq(state_remove(dir, "x"), ST_DONE);
        ck_assert_int_eq(state_remove(dir, "x"), ST_DONE);
        ck_assert_int_eq(mkfifoat(dir, "x", 0600), 0);
        ck_assert_int_eq(state_load(dir, "x", &kind, a, &found), ST_DAMAGED);
}
END_TEST

static const uint8_t first_key[STATE_KEY_SIZE] = {1}, second_key[STATE_KEY_SIZE] = {2};

static enum status load(const char *name)
{
        struct state_content found;

        return state_load(dir, name, &kind, a, &found);
}

/* Each is what whoever has the disk, but not the key, can do. */
START_TEST(what_was_not_signed_is_not_believed)
{
        struct state_content found;

        ck_assert_int_eq(state_write(dir, "before", &kind, text("content")), ST_DONE);
        state_use_key(dir, first_key, false);
        ck_assert_int_eq(state_write(dir, "x", &kind, text("content")), ST_DONE);
        ck_assert_int_eq(state_load(dir, "x", &kind, a, &found), ST_DONE);
        ck_assert_uint_eq(found.bytes.len, 7);
        ck_assert_mem_eq(found.bytes.data, "content", 7);
        ck_assert_uint_eq(found.version, 2);
        ck_assert_int_eq(load("before"), ST_DAMAGED);
        ck_assert_str_eq(error_last()->found, "one without a MAC");
        ck_assert_int_eq(renameat(dir, "x", dir, "y"), 0);
        ck_assert_int_eq(load("y"), ST_DAMAGED);
        ck_assert_int_eq(renameat(dir, "y", dir, "x"), 0);
        state_use_key(dir, second_key, false);
        ck_assert_int_eq(load("x"), ST_DAMAGED);
        state_forget_keys();
        ck_assert_int_eq(load("x"), ST_NOT_SET_UP);
        ck_assert_int_eq(load("before"), ST_DONE);
}
END_TEST

START_TEST(what_is_lifted_is_believed_once)
{
        ck_assert_int_eq(state_write(dir, "before", &kind, text("content")), ST_DONE);
        state_use_key(dir, first_key, false);
        ck_assert_int_eq(state_write(dir, "x", &kind, text("content")), ST_DONE);
        state_use_key(dir, second_key, true);
        ck_assert_int_eq(load("before"), ST_DONE);
        ck_assert_int_eq(load("x"), ST_DONE);
        ck_assert_int_eq(state_write(dir, "x", &kind, text("again")), ST_DONE);
        state_use_key(dir, second_key, false);
        ck_assert_int_eq(load("x"), ST_DONE);
        ck_assert_int_eq(load("before"), ST_DAMAGED);
        state_forget_keys();
}
END_TEST

START_TEST(each_bit_of_a_signed_file_is_noticed)
{
        uint8_t bytes[500];
        size_t len;
        struct state_content found;

        state_use_key(dir, first_key, false);
        ck_assert_int_eq(state_write(dir, "x", &kind, text("content")), ST_DONE);
        state_forget_keys();
        len = whole_file(bytes, sizeof bytes);
        for (size_t bit = 0; bit < 8 * len; bit++) {
                bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
                ck_assert_int_eq(state_parse("x", (struct bytes){bytes, len}, &kind, &found),
                                 ST_DAMAGED);
                bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
}
END_TEST

START_TEST(a_folder_has_one_daemon)
{
        int second;

        ck_assert_int_eq(state_lock(dir), ST_DONE);
        ck_assert_int_eq(state_folder(folder, &second), ST_DONE);
        ck_assert_int_eq(state_lock(second), ST_BUSY);
        close(second);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("state_file");
        TCase *t = tcase_create("state_file");
        SRunner *runner;
        int failed;

        tcase_set_timeout(t, 60);
        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_loop_test(t, each_call_fails_once, 0, sizeof errors / sizeof *errors);
        tcase_add_test(t, killed_at_each_call);
        tcase_add_test(t, short_writes_are_completed);
        tcase_add_test(t, each_bit_and_each_truncation_is_noticed);
        tcase_add_test(t, another_kind_and_a_newer_version_are_refused);
        tcase_add_test(t, links_and_absences_are_refused);
        tcase_add_test(t, what_was_not_signed_is_not_believed);
        tcase_add_test(t, what_is_lifted_is_believed_once);
        tcase_add_test(t, each_bit_of_a_signed_file_is_noticed);
        tcase_add_test(t, a_folder_has_one_daemon);
        suite_add_tcase(suite, t);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
