/* SPDX-License-Identifier: Apache-2.0 */
/* Work done apart: what a child without rights can tell, and what of it counts. */
#include "lib/apart.h"

#include "lib/channel.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status fine(void *input, struct arena *a, void *answer_out)
{
        struct memory_image *out = answer_out;

        out->path = arena_text(a, input);
        return ST_DONE;
}

static enum status refuses(void *input, struct arena *a, void *answer_out)
{
        struct memory_image *out = answer_out;

        (void)input, (void)a;
        out->path = "half a result";
        return FAIL(ST_CHANGED, .subject = "s", .expected = "e", .found = "f", .remedy = "r");
}

static enum status refuses_silently(void *input, struct arena *a, void *answer_out)
{
        (void)input, (void)a, (void)answer_out;
        return ST_UNSUPPORTED;
}

static enum status opens_a_file(void *input, struct arena *a, void *answer_out)
{
        struct memory_image *out = answer_out;

        (void)input, (void)a;
        out->path = open("/etc/passwd", O_RDONLY) >= 0 ? "opened" : "";
        return ST_DONE;
}

static enum status makes_a_socket(void *input, struct arena *a, void *answer_out)
{
        (void)input, (void)a, (void)answer_out;
        channel_pair((int[2]){0});
        return ST_DONE;
}

static enum status exits_early(void *input, struct arena *a, void *answer_out)
{
        (void)input, (void)a, (void)answer_out;
        _exit(0);
}

static enum status crashes(void *input, struct arena *a, void *answer_out)
{
        struct memory_image *out = answer_out;

        out->path = "trusted";
        (void)input, (void)a;
        abort();
}

static enum status never_ends(void *input, struct arena *a, void *answer_out)
{
        volatile char *forever = input;

        (void)a, (void)answer_out;
        while (*forever)
                ;
        return ST_DONE;
}

static enum status says_too_much(void *input, struct arena *a, void *answer_out)
{
        struct memory_image *out = answer_out;

        (void)input;
        out->path = memset(arena_get(a, TEXT_MOST + 2), 'x', TEXT_MOST + 1);
        return ST_DONE;
}

/* Bytes before the answer, on every pipe that there is. */
static enum status writes_itself(void *input, struct arena *a, void *answer_out)
{
        struct memory_image *out = answer_out;
        struct stat st;

        (void)input, (void)a;
        for (int fd = 3; fd < 100; fd++)
                if (!fstat(fd, &st) && S_ISFIFO(st.st_mode))
                        (void)!write(fd, "\0\0\0\0\0", 5);
        out->path = "";
        return ST_DONE;
}

static const struct {
        const char *name;
        enum status (*work)(void *, struct arena *, void *);
        enum status expected;
        const char *result;
        bool needs_filter; /* which a sanitizer cannot live in */
} rows[] = {
        {"fine", fine, ST_DONE, "input", false},
        {"refuses", refuses, ST_CHANGED, NULL, false},
        {"refuses silently", refuses_silently, ST_UNSUPPORTED, NULL, false},
        {"opens a file", opens_a_file, ST_WORKER, NULL, true},
        {"makes a socket", makes_a_socket, ST_WORKER, NULL, true},
        {"exits early", exits_early, ST_WORKER, NULL, false},
        {"crashes", crashes, ST_WORKER, NULL, false},
        {"never ends", never_ends, ST_TIMEOUT, NULL, false},
        {"says too much", says_too_much, ST_INTERNAL, NULL, false},
        {"writes to the pipe itself", writes_itself, ST_WORKER, NULL, false},
};

START_TEST(test_apart)
{
        static const struct sandbox sandbox = {.profile = SANDBOX_COMPUTE, .cpu_seconds = 20};
        struct apart how = {&sandbox, rows[_i].expected == ST_TIMEOUT ? 200 : 20000,
                            &shape_memory_image, NULL, rows[_i].work};
        struct memory_image out = {.path = NULL};
        struct arena *a;
        char input[] = "input";
        enum status s;

#ifdef __SANITIZE_ADDRESS__
        if (rows[_i].needs_filter) {
                printf("skipped: %s (no system call filter under a sanitizer)\n", rows[_i].name);
                return;
        }
#endif
        a = arena_new();
        error_clear();
        s = apart_run(&how, input, a, &out);
        ck_assert_msg(s == rows[_i].expected, "%s: %d", rows[_i].name, s);
        if (rows[_i].result)
                ck_assert_str_eq(out.path, rows[_i].result);
        else
                ck_assert_ptr_null(out.path);
        if (s == ST_CHANGED) {
                ck_assert_str_eq(error_last()->subject, "s");
                ck_assert_str_eq(error_last()->expected, "e");
                ck_assert_str_eq(error_last()->found, "f");
                ck_assert_str_eq(error_last()->remedy, "r");
        }
        arena_free(a);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("apart");
        TCase *t = tcase_create("apart");
        SRunner *runner;
        int bad;

        tcase_add_loop_test(t, test_apart, 0, sizeof rows / sizeof *rows);
        suite_add_tcase(suite, t);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        bad = srunner_ntests_failed(runner);
        srunner_free(runner);
        return bad != 0;
}
