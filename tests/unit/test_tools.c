/* SPDX-License-Identifier: Apache-2.0 */
/* The command line's own room: files replaced whole, passphrases by pipe. */
#include "tools/file.h"
#include "tools/passphrase.h"
#include "tools/progress.c" /* to begin some time ago */

#include "lib/channel.h"

#include <check.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

/* --- files --------------------------------------------------------------------------------- */

static char folder[] = "build/test_tools.XXXXXX"; /* below the root of the checkout */

static const char *in_folder(const char *leaf)
{
        static char path[256];

        snprintf(path, sizeof path, "%s/%s", folder, leaf);
        return path;
}

static struct bytes bytes_of(const char *text)
{
        return (struct bytes){(const uint8_t *)text, strlen(text)};
}

START_TEST(test_file)
{
        struct arena *a = arena_new();
        struct bytes got;
        struct stat st;
        char to[256];

        umask(022);
        ck_assert_int_eq(file_read(in_folder("none"), 10, a, &got), ST_IO);
        ck_assert_int_eq(file_replace(in_folder("f"), bytes_of("first")), ST_DONE);
        ck_assert(!stat(in_folder("f"), &st) && (st.st_mode & 0777) == 0644);
        chmod(in_folder("f"), 0600);
        ck_assert_int_eq(file_replace(in_folder("f"), bytes_of("0123456789")), ST_DONE);
        ck_assert(!stat(in_folder("f"), &st) && (st.st_mode & 0777) == 0600);
        ck_assert_int_eq(file_read(in_folder("f"), 9, a, &got), ST_TOO_LARGE);
        ck_assert_int_eq(file_read(in_folder("f"), 10, a, &got), ST_DONE);
        ck_assert(got.len == 10 && !memcmp(got.data, "0123456789", 11));
        ck_assert_int_ne(file_replace("/dev/full", bytes_of("x")), ST_DONE);
        ck_assert_int_ne(file_replace(in_folder("no/such/folder"), bytes_of("x")), ST_DONE);
        /* A temporary file that cannot be put in place does not stay. */
        snprintf(to, sizeof to, "%s", in_folder("sub"));
        ck_assert(!mkdir(to, 0700));
        ck_assert_int_ne(file_replace(to, bytes_of("x")), ST_DONE);
        ck_assert(!rmdir(to) && !unlink(in_folder("f")));
        arena_free(a);
}
END_TEST

/* Of two that read one content, the later one must not undo what the first has written. */
START_TEST(test_update)
{
        struct arena *a = arena_new();
        char file[256], link[256];
        struct bytes got;
        struct stat st;

        snprintf(file, sizeof file, "%s", in_folder("u"));
        snprintf(link, sizeof link, "%s", in_folder("link"));
        ck_assert_int_eq(file_update(file, bytes_of(""), bytes_of("x"), a), ST_IO);
        ck_assert_int_eq(file_replace(file, bytes_of("one")), ST_DONE);
        ck_assert(!symlink("u", link));
        ck_assert_int_eq(file_update(link, bytes_of("one"), bytes_of("three"), a), ST_DONE);
        ck_assert(!lstat(link, &st) && S_ISLNK(st.st_mode));
        ck_assert_int_eq(file_update(link, bytes_of("one"), bytes_of("two"), a), ST_BUSY);
        ck_assert_int_eq(file_update(file, bytes_of("other"), bytes_of("two"), a), ST_BUSY);
        ck_assert_int_eq(file_read(file, 10, a, &got), ST_DONE);
        ck_assert_str_eq((const char *)got.data, "three");
        ck_assert_int_eq(file_update("/dev/full", bytes_of(""), bytes_of("x"), a), ST_INVALID);
        ck_assert(!unlink(link) && !unlink(file));
        arena_free(a);
}
END_TEST

/* Many that count: every update that was done is there at the end. */
START_TEST(test_updates_at_once)
{
        enum { CHILDREN = 8, TURNS = 50 };
        struct arena *a = arena_new();
        char file[256], next[16];
        int done = 0, ended;
        struct bytes got;
        enum status s;

        snprintf(file, sizeof file, "%s", in_folder("u"));
        ck_assert_int_eq(file_replace(file, bytes_of("0")), ST_DONE);
        for (int i = 0; i < CHILDREN; i++) {
                if (fork())
                        continue;
                for (int turn = 0; turn < TURNS; turn++) {
                        if (file_read(file, 15, a, &got))
                                _exit(255);
                        snprintf(next, sizeof next, "%d", atoi((const char *)got.data) + 1);
                        s = file_update(file, got, bytes_of(next), a);
                        if (s && s != ST_BUSY)
                                _exit(255);
                        done += !s;
                }
                _exit(done);
        }
        for (int i = 0; i < CHILDREN; i++) {
                ck_assert(wait(&ended) > 0 && WIFEXITED(ended) && WEXITSTATUS(ended) != 255);
                done += WEXITSTATUS(ended);
        }
        ck_assert_int_eq(file_read(file, 15, a, &got), ST_DONE);
        ck_assert_int_gt(done, 0);
        ck_assert_int_eq(atoi((const char *)got.data), done);
        ck_assert(!unlink(file));
        arena_free(a);
}
END_TEST

/* --- passphrases --------------------------------------------------------------------------- */

static const struct {
        const char *content, *expected; /* NULL: refused */
        size_t repeat;
} passphrases[] = {
        {"geheim\n", "geheim", 1}, {"geheim", "geheim", 1}, {"two\nlines\n", "two", 1},
        {" a b \n", " a b ", 1},   {"", NULL, 1},           {"\n", NULL, 1},
        {"x", NULL, 513},          {"x", "", 512},
};

START_TEST(test_passphrase)
{
        char path[256], got[1000];
        int pipe_end = -1;
        enum status s;
        ssize_t n;
        FILE *f;

        snprintf(path, sizeof path, "%s", in_folder("passphrase"));
        f = fopen(path, "w");
        for (size_t i = 0; i < passphrases[_i].repeat; i++)
                fputs(passphrases[_i].content, f);
        fclose(f);
        s = passphrase_pipe(path, NULL, false, &pipe_end);
        unlink(path);
        if (!passphrases[_i].expected) {
                ck_assert_int_eq(s, ST_USAGE);
                ck_assert_int_eq(pipe_end, -1);
                return;
        }
        ck_assert_int_eq(s, ST_DONE);
        ck_assert(fcntl(pipe_end, F_GETFD) & FD_CLOEXEC);
        n = read(pipe_end, got, sizeof got);
        if (*passphrases[_i].expected)
                ck_assert(n == (ssize_t)strlen(passphrases[_i].expected) &&
                          !memcmp(got, passphrases[_i].expected, (size_t)n));
        else
                ck_assert_int_eq(n, (ssize_t)passphrases[_i].repeat);
        ck_assert_int_eq(read(pipe_end, got, sizeof got), 0);
        close(pipe_end);
}
END_TEST

static bool echoes(int terminal)
{
        struct termios t;

        ck_assert_int_eq(tcgetattr(terminal, &t), 0);
        return t.c_lflag & ECHO;
}

static const struct passphrase_prompt prompt = {"Passphrase", "--new-passphrase-file"};

/* How a process ends that asks for a passphrase on a terminal of its own, where keys are typed. */
static int ends_after(const char *keys)
{
        int person, terminal, pipe_end, status;
        pid_t pid;

        ck_assert_int_eq(openpty(&person, &terminal, NULL, NULL, NULL), 0);
        pid = fork();
        if (!pid) {
                signal(SIGINT, SIG_DFL); /* Check has a handler for it */
                login_tty(dup(terminal));
                _exit(passphrase_pipe(NULL, &prompt, false, &pipe_end) ? 1 : 0);
        }
        while (echoes(terminal))
                usleep(1000);
        ck_assert_int_eq(write(person, keys, strlen(keys)), (ssize_t)strlen(keys));
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_msg(echoes(terminal), "the echo stays off");
        close(person);
        close(terminal);
        return status;
}

/* Ctrl-C ends the command, with the echo back; it is no part of a passphrase. */
START_TEST(test_keys)
{
        int status = ends_after("secret\n");

        ck_assert(WIFEXITED(status) && !WEXITSTATUS(status));
        status = ends_after("sec\x03");
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}
END_TEST

/* --- bars ---------------------------------------------------------------------------------- */

/* What a bar draws on a terminal, when it began some time ago. */
static const char *drawn(uint64_t ago_ms)
{
        static char text[512];
        int person, terminal, kept = dup(STDERR_FILENO);
        ssize_t n;

        ck_assert_int_eq(openpty(&person, &terminal, NULL, NULL, NULL), 0);
        dup2(terminal, STDERR_FILENO);
        progress_begin("disk:/a");
        begun -= ago_ms;
        progress_show(100 << 20, 200 << 20);
        dup2(kept, STDERR_FILENO);
        n = read(person, text, sizeof text - 1);
        text[n > 0 ? n : 0] = 0;
        close(kept);
        close(person);
        close(terminal);
        return text;
}

START_TEST(test_bar)
{
        double rate;
        const char *text = drawn(4000);

        ck_assert_ptr_nonnull(strstr(text, "disk:/a [####"));
        ck_assert_ptr_nonnull(strstr(text, " 50 % "));
        ck_assert_int_eq(sscanf(strstr(text, " 50 % "), " 50 %% %lf MiB/s", &rate), 1);
        ck_assert(rate > 0 && rate <= 25);             /* 100 MiB in 4 s, or longer */
        ck_assert_ptr_null(strstr(drawn(0), "MiB/s")); /* a guess, as yet */
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("tools");
        TCase *t = tcase_create("tools");
        SRunner *runner;
        int bad;

        if (!mkdtemp(folder))
                return 1;
        tcase_add_test(t, test_file);
        tcase_add_test(t, test_update);
        tcase_add_test(t, test_updates_at_once);
        tcase_add_loop_test(t, test_passphrase, 0, sizeof passphrases / sizeof *passphrases);
        tcase_add_test(t, test_keys);
        tcase_add_test(t, test_bar);
        suite_add_tcase(suite, t);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        bad = srunner_ntests_failed(runner);
        srunner_free(runner);
        if (rmdir(folder))
                bad++; /* something was left in it */
        return bad != 0;
}
