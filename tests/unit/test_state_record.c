/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of older versions: read by their own shape, lifted one version at a time, written anew
 * so that a kill at any call leaves the old file or the new one. Here a kind of the test's own,
 * with two older versions: 1 was bytes, 2 a memory_image, 3 is a value.
 */
#include "lib/state_kinds.h"
#include "lib/state_record.h"
#include "tests/fault/fault.h"
#include "tests/fault/folder.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static enum status lift_1(const void *old, struct arena *a, void *next_out)
{
        const struct bytes *text = old;
        struct memory_image *next = next_out;

        if (!text->len || text->len > TEXT_MOST)
                return FAIL(ST_DAMAGED, .subject = "a path of version 1");
        next->path = arena_print(a, "%.*s", (int)text->len, (const char *)text->data);
        return ST_DONE;
}

static enum status lift_2(const void *old, struct arena *a, void *next_out)
{
        const struct memory_image *image = old;
        struct value *next = next_out;

        (void)a;
        next->name = "image";
        next->text = image->path;
        return ST_DONE;
}

static const struct state_older older[] = {{1, NULL, lift_1}, {2, &shape_memory_image, lift_2}};
static const struct state_kind was_1 = {"test", 1, NULL, NULL, 0};
static const struct state_kind was_2 = {"test", 2, &shape_memory_image, older, 1};
static const struct state_kind today = {"test", 3, &shape_value, older, 2};

static struct arena *a;
static int dir;

static void set_up(void)
{
        a = arena_new();
        dir = folder_new();
}

static void tear_down(void)
{
        fault_disarm();
        folder_remove(dir);
        arena_free(a);
}

static void write_version(int version)
{
        static const char path[] = "/srv/vm/memory.img";
        const struct bytes text = {(const uint8_t *)path, sizeof path - 1};
        const struct memory_image image = {.path = path};
        const struct value value = {.name = "image", .text = path};

        ck_assert_int_eq(version == 1   ? state_write_record(dir, "x", &was_1, &text)
                         : version == 2 ? state_write_record(dir, "x", &was_2, &image)
                                        : state_write_record(dir, "x", &today, &value),
                         ST_DONE);
}

static void holds_the_value(enum status (*read_it)(int, const char *, const struct state_kind *,
                                                   struct arena *, void *))
{
        struct value v = {0};

        ck_assert_int_eq(read_it(dir, "x", &today, a, &v), ST_DONE);
        ck_assert_str_eq(v.name, "image");
        ck_assert_str_eq(v.text, "/srv/vm/memory.img");
}

static uint32_t version_there(void)
{
        char kind[STATE_KIND_SIZE];
        uint32_t version;

        ck_assert(state_peek(dir, "x", kind, &version));
        ck_assert_str_eq(kind, "test");
        return version;
}

START_TEST(test_each_version_is_read)
{
        write_version(_i);
        holds_the_value(state_read_record);
        ck_assert_uint_eq(version_there(), (unsigned)_i); /* reading changes nothing */
        holds_the_value(state_renew_record);
        ck_assert_uint_eq(version_there(), 3);
        holds_the_value(state_read_record);
}
END_TEST

/* What is today's already is not written. */
START_TEST(test_renewed_once)
{
        write_version(3);
        fault_arm(1, FAULT_FOR_EVER);
        holds_the_value(state_renew_record);
        ck_assert(!fault_hit());
}
END_TEST

START_TEST(test_older_bytes_are_checked)
{
        struct value v;

        ck_assert_int_eq(state_write(dir, "x", &was_1, (struct bytes){0}), ST_DONE);
        ck_assert_int_eq(state_renew_record(dir, "x", &today, a, &v), ST_DAMAGED);
        ck_assert_uint_eq(version_there(), 1);
        ck_assert_int_eq(state_write(dir, "x", &was_2, (struct bytes){(const uint8_t *)"?", 1}),
                         ST_DONE);
        ck_assert_int_eq(state_renew_record(dir, "x", &today, a, &v), ST_DAMAGED);
        ck_assert_str_eq(error_last()->expected, "content of version 2");
        ck_assert_uint_eq(version_there(), 2);
}
END_TEST

/* A version before the first, and one after the last. */
START_TEST(test_no_other_version)
{
        const struct state_kind from_2 = {"test", 3, &shape_value, older + 1, 1};
        struct value v;
        struct memory_image image;

        write_version(1);
        ck_assert_int_eq(state_renew_record(dir, "x", &from_2, a, &v), ST_DAMAGED);
        ck_assert_str_eq(error_last()->expected, "version 2 to 3");
        ck_assert_str_eq(error_last()->found, "version 1");
        write_version(3);
        ck_assert_int_eq(state_renew_record(dir, "x", &was_2, a, &image), ST_UNSUPPORTED);
        ck_assert_uint_eq(version_there(), 3);
}
END_TEST

/* --- the sweep ------------------------------------------------------------------------------ */

/* Killed at the Nth call that changes something. False once no call was left. */
static bool killed_at(unsigned nth)
{
        pid_t child = fork();
        struct value v;
        int r;

        ck_assert_int_ge(child, 0);
        if (!child) {
                fault_arm(nth, FAULT_KILL);
                _exit(state_renew_record(dir, "x", &today, a, &v) ? 1 : 0);
        }
        ck_assert_int_eq(waitpid(child, &r, 0), child);
        ck_assert(WIFEXITED(r) && (WEXITSTATUS(r) == FAULT_EXIT || !WEXITSTATUS(r)));
        return WEXITSTATUS(r) == FAULT_EXIT;
}

START_TEST(test_killed_while_written_anew)
{
        unsigned nth = 1, old = 0, new = 0;
        const char **names;
        size_t count;

        for (bool killed = true; killed; nth++) {
                write_version(_i);
                killed = killed_at(nth);
                if (version_there() == 3)
                        new ++;
                else
                        old++;
                holds_the_value(state_read_record);
                holds_the_value(state_renew_record);
                ck_assert_uint_eq(version_there(), 3);
                ck_assert_int_eq(state_list(dir, a, &names, &count), ST_DONE);
                ck_assert_uint_eq(count, 1);
        }
        ck_assert_uint_ge(old, 3); /* openat, write, fsync */
        ck_assert_uint_ge(new, 2); /* fsync of the folder, and whole */
}
END_TEST

/* The record is read all the same, and what is on disk is whole. */
START_TEST(test_failed_while_written_anew)
{
        bool hit = true;

        for (unsigned nth = 1; hit; nth++) {
                write_version(1 + _i % 2);
                fault_arm(nth, _i < 2 ? FAULT_EIO : FAULT_FOR_EVER);
                holds_the_value(state_renew_record);
                hit = fault_hit();
                fault_disarm();
                holds_the_value(state_read_record);
        }
        ck_assert_uint_eq(version_there(), 3);
}
END_TEST

/* --- a folder ------------------------------------------------------------------------------- */

START_TEST(test_folder_of_a_newer_version)
{
        struct state_kind newer = state_kind_vm_memory;
        const struct memory_image image = {.path = "/srv/vm/memory.img"};
        unsigned char *before, *after;
        size_t len, len_after;

        write_version(3); /* of a kind that nobody knows: not ours to judge */
        ck_assert_int_eq(state_write_record(dir, "memory", &newer, &image), ST_DONE);
        ck_assert_int_eq(state_kinds_check(dir), ST_DONE);
        newer.version++;
        ck_assert_int_eq(state_write_record(dir, "memory", &newer, &image), ST_DONE);
        before = folder_read(dir, "memory", &len);
        ck_assert_int_eq(state_kinds_check(dir), ST_UNSUPPORTED);
        ck_assert_str_eq(error_last()->subject, "state file memory");
        after = folder_read(dir, "memory", &len_after);
        ck_assert_uint_eq(len, len_after);
        ck_assert_mem_eq(before, after, len);
        /* Damage that looks so is no newer version. */
        after[len - 1] ^= 1;
        folder_write(dir, "memory", after, len);
        ck_assert_int_eq(state_kinds_check(dir), ST_DONE);
        free(before);
        free(after);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("state_record");
        TCase *t = tcase_create("state_record");
        SRunner *runner;
        int failed;

        tcase_set_timeout(t, 60);
        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_loop_test(t, test_each_version_is_read, 1, 4);
        tcase_add_test(t, test_renewed_once);
        tcase_add_test(t, test_older_bytes_are_checked);
        tcase_add_test(t, test_no_other_version);
        tcase_add_loop_test(t, test_killed_while_written_anew, 1, 3);
        tcase_add_loop_test(t, test_failed_while_written_anew, 0, 4);
        tcase_add_test(t, test_folder_of_a_newer_version);
        suite_add_tcase(suite, t);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
