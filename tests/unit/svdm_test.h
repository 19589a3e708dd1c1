/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of svdm's parts share: a folder to work in, and a shell in it. */
#ifndef BULKHEAD_TESTS_SVDM_TEST_H
#define BULKHEAD_TESTS_SVDM_TEST_H

#include <check.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char place[256];

/* Runs a shell command in the folder; its exit status. */
__attribute__((format(printf, 1, 2), unused)) static int run(const char *format, ...)
{
        char command[4096];
        va_list args;
        size_t n;
        int r;

        n = (size_t)snprintf(command, sizeof command, "cd %s && ", place);
        va_start(args, format);
        vsnprintf(command + n, sizeof command - n, format, args);
        va_end(args);
        r = system(command);
        return WIFEXITED(r) ? WEXITSTATUS(r) : -1;
}

__attribute__((unused)) static int open_in_place(const char *name, int flags)
{
        char path[400];
        int fd;

        snprintf(path, sizeof path, "%s/%s", place, name);
        fd = open(path, flags | O_CLOEXEC, 0600);
        ck_assert_msg(fd >= 0, "%s: %m", path);
        return fd;
}

__attribute__((unused)) static const char *path_in_place(const char *name)
{
        static char path[400];

        snprintf(path, sizeof path, "%s/%s", place, name);
        return path;
}

static void make_place(void)
{
        const char *tmp = getenv("TMPDIR");

        snprintf(place, sizeof place, "%s/svdm-unit-XXXXXX", tmp ? tmp : "/tmp");
        ck_assert_ptr_nonnull(mkdtemp(place));
}

static void remove_place(void)
{
        run("rm -rf %s", place);
}

static int run_suite(Suite *s)
{
        SRunner *runner = srunner_create(s);
        int failed;

        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}

#define LUKS_OPTIONS "--disable-locks --pbkdf pbkdf2 --pbkdf-force-iterations 1000"

#endif
