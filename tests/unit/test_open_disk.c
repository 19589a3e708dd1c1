/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening by descriptor: what is refused, and what a later look at the path sees. Block devices
 * and links below /dev are tried as root, in a mount namespace of the test's own.
 */
#include "svdm/device/open_disk.h"
#include "tests/unit/svdm_test.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

static const struct refusal {
        const char *make, *path; /* %s: the test's folder */
        enum status expected;
        const char *found, *remedy; /* remedy: is in it */
} refusals[] = {
        {"mkfifo d", "%s/d", ST_REFUSED, "a FIFO", ""},
        {"mkdir d", "%s/d", ST_REFUSED, "a folder", ""},
        {"python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"d\")'", "%s/d",
         ST_REFUSED, "a socket", ""},
        {"touch r; ln -s r d", "%s/d", ST_REFUSED, "a symbolic link", "name the real path: /"},
        {"ln -s nowhere d", "%s/d", ST_REFUSED, "a symbolic link that leads nowhere", "lead to"},
        {"mkdir r; touch r/f; ln -s r d", "%s/d/f", ST_REFUSED, "a symbolic link", "/r/f"},
        {"ln -s d d", "%s/d", ST_REFUSED, "a symbolic link that leads nowhere", "lead to"},
        {"true", "%s/d", ST_NOT_FOUND, "No such file or directory", ""},
        {"touch d", "%s/d/f", ST_IO, "Not a directory", ""},
        {"true", "d", ST_INVALID, "", ""},
        {"true", "", ST_INVALID, "", ""},
        {"true", "/dev/zero", ST_REFUSED, "a character device", ""},
        {"true", "/dev/fd", ST_REFUSED, "a symbolic link", ""},
        {"true", "/proc/self/exe", ST_REFUSED, "a symbolic link", ""},
        {"true", "/proc/version", ST_REFUSED, "a file of the kernel's own", ""},
        {"true", "/sys/kernel/uevent_seqnum", ST_REFUSED, "a file of the kernel's own", ""},
};

static int open_files(void)
{
        int n = 0;

        for (int fd = 0; fd < 256; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

START_TEST(refuses)
{
        const struct refusal *bad = &refusals[_i];
        struct disk_identity seen;
        char path[400];
        int fd, before = open_files();

        ck_assert_int_eq(run("%s", bad->make), 0);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(path, sizeof path, bad->path, place);
#pragma GCC diagnostic pop
        ck_assert_int_eq(open_disk(path, false, &fd, &seen), bad->expected);
        ck_assert_int_eq(fd, -1);
        ck_assert_str_eq(error_last()->found, bad->found);
        ck_assert_msg(strstr(error_last()->remedy, bad->remedy), "%s", error_last()->remedy);
        ck_assert_int_eq(open_files(), before);
}
END_TEST

START_TEST(opens_a_file)
{
        struct disk_identity seen;
        int fd;

        ck_assert_int_eq(run("truncate -s 12345 d"), 0);
        ck_assert_int_eq(open_disk(path_in_place("d"), false, &fd, &seen), ST_DONE);
        ck_assert_uint_eq(seen.size, 12345);
        ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
        ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
        ck_assert_int_eq(open_disk_check(path_in_place("d"), fd, &seen, false), ST_DONE);
        close(fd);
        ck_assert_int_eq(open_disk(path_in_place("d"), true, &fd, &seen), ST_DONE);
        ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
        close(fd);
}
END_TEST

static const struct change {
        const char *command;
        enum status expected;
        const char *found;
} changes[] = {
        {"cat d > /dev/null", ST_DONE, ""},
        {"cp d e; mv e d", ST_CHANGED, "changed since (attributes, links or content)"},
        {"cp -p d e; ln d old; mv e d", ST_CHANGED, "changed since (attributes, links or content)"},
        {"printf x | dd of=d bs=1 seek=100 conv=notrunc status=none", ST_CHANGED,
         "written to since"},
        {"printf x | dd of=d bs=1 seek=100 conv=notrunc status=none; touch -r stamp d", ST_CHANGED,
         "changed since (attributes, links or content)"},
        {"truncate -s 5000 d", ST_CHANGED, "another size"},
        {"mv d e; ln -s e d", ST_CHANGED, "changed since (attributes, links or content)"},
        {"rm d", ST_CHANGED, "changed since (attributes, links or content)"},
};

START_TEST(check_sees)
{
        const struct change *ch = &changes[_i];
        struct disk_identity seen;
        int fd;

        ck_assert_int_eq(run("truncate -s 4096 d; touch -r d stamp"), 0);
        ck_assert_int_eq(open_disk(path_in_place("d"), false, &fd, &seen), ST_DONE);
        ck_assert_int_eq(run("%s", ch->command), 0);
        error_clear();
        ck_assert_int_eq(open_disk_check(path_in_place("d"), fd, &seen, false), ch->expected);
        ck_assert_str_eq(error_last()->found, ch->found);
        close(fd);
}
END_TEST

/* The folder above is swapped: nothing about the opened file changes, only what its path shows. */
START_TEST(check_sees_another_file_under_the_path)
{
        struct disk_identity seen;
        int fd;

        ck_assert_int_eq(run("mkdir a b; truncate -s 4096 a/d b/d"), 0);
        ck_assert_int_eq(open_disk(path_in_place("a/d"), false, &fd, &seen), ST_DONE);
        ck_assert_int_eq(run("mv a c; mv b a"), 0);
        ck_assert_int_eq(open_disk_check(path_in_place("a/d"), fd, &seen, false), ST_CHANGED);
        ck_assert_str_eq(error_last()->found, "another file or device");
        ck_assert_int_eq(run("rm -r a; ln -s c a"), 0);
        ck_assert_int_eq(open_disk_check(path_in_place("a/d"), fd, &seen, false), ST_REFUSED);
        close(fd);
}
END_TEST

/* --- as root only: block devices ----------------------------------------------------------- */

static char loop[64];

static void attach_loop(const char *name)
{
        FILE *f;
        char command[600];

        snprintf(command, sizeof command, "losetup -f --show %s", path_in_place(name));
        f = popen(command, "r");
        ck_assert_ptr_nonnull(f);
        ck_assert_ptr_nonnull(fgets(loop, sizeof loop, f));
        loop[strcspn(loop, "\n")] = 0;
        pclose(f);
        ck_assert_msg(!strncmp(loop, "/dev/loop", 9), "%s", loop);
}

/* A tmpfs over /dev/shm that only this process sees, as a place for links below /dev. */
static void private_dev(void)
{
        ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
        ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
        mkdir("/dev/shm", 0755);
        ck_assert_msg(!mount("tmpfs", "/dev/shm", "tmpfs", 0, NULL), "%m");
}

/* What svdm's unit does to all but its ReadWritePaths=. */
START_TEST(a_place_that_svdm_may_not_write)
{
        struct disk_identity seen;
        char expected[400];
        int fd;

        private_dev();
        ck_assert_int_eq(run("truncate -s 4096 /dev/shm/d"), 0);
        ck_assert_msg(!mount(NULL, "/dev/shm", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), "%m");
        ck_assert_int_eq(open_disk("/dev/shm/d", false, &fd, &seen), ST_DONE);
        close(fd);
        ck_assert_int_eq(open_disk("/dev/shm/d", true, &fd, &seen), ST_DENIED);
        ck_assert_str_eq(error_last()->found, "a file system that is read-only for it");
        snprintf(expected, sizeof expected, "ReadWritePaths=%%s\\n' '/dev/shm' >>");
        ck_assert_msg(strstr(error_last()->remedy, expected), "%s", error_last()->remedy);
        ck_assert_msg(strstr(error_last()->remedy, "systemctl restart bulkhead-svdm"), "cut off");

        ck_assert_msg(!mount(NULL, "/dev/shm", NULL, MS_REMOUNT | MS_BIND, NULL), "%m");
        ck_assert_int_eq(run("truncate -s 4096 \"/dev/shm/d'e\""), 0);
        ck_assert_msg(!mount(NULL, "/dev/shm", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), "%m");
        ck_assert_int_eq(open_disk("/dev/shm/d'e", true, &fd, &seen), ST_DENIED);
        ck_assert_ptr_null(strstr(error_last()->remedy, "d'e"));
}
END_TEST

START_TEST(resolves_links_below_dev)
{
        struct disk_identity seen;
        int fd;

        private_dev();
        ck_assert_int_eq(run("truncate -s 1M d"), 0);
        attach_loop("d");
        ck_assert_int_eq(run("ln -s %s /dev/shm/lv; ln -s lv /dev/shm/lv2; ln -s %s/d /dev/shm/out",
                             loop, place),
                         0);
        ck_assert_int_eq(open_disk("/dev/shm/lv2", false, &fd, &seen), ST_DONE);
        ck_assert(S_ISBLK(seen.stat.st_mode));
        ck_assert_uint_eq(seen.size, 1 << 20);
        ck_assert_int_eq(open_disk_check("/dev/shm/lv2", fd, &seen, false), ST_DONE);
        ck_assert_int_eq(run("ln -sfn /dev/null /dev/shm/lv"), 0);
        ck_assert_int_eq(open_disk_check("/dev/shm/lv2", fd, &seen, false), ST_REFUSED);
        close(fd);
        ck_assert_int_eq(open_disk("/dev/shm/out", false, &fd, &seen), ST_REFUSED);
        run("losetup -d %s", loop);
}
END_TEST

START_TEST(sees_another_medium)
{
        struct disk_identity seen, again;
        int fd, other;

        ck_assert_int_eq(run("truncate -s 1M d e"), 0);
        attach_loop("d");
        ck_assert_int_eq(open_disk(loop, false, &fd, &seen), ST_DONE);
        ck_assert_int_eq(open_disk(loop, false, &other, &again), ST_DONE);
        ck_assert(open_disk_same(&seen, &again));
        close(other);
        close(fd);
        ck_assert_int_eq(run("losetup -d %s && losetup %s e", loop, loop), 0);
        ck_assert_int_eq(open_disk(loop, false, &fd, &again), ST_DONE);
        ck_assert_int_eq(open_disk_check(loop, fd, &seen, false), ST_CHANGED);
        ck_assert_str_eq(error_last()->found, "another medium under the same device");
        close(fd);
        run("losetup -d %s", loop);
}
END_TEST

/* What a mount or another device does: it claims. */
START_TEST(refuses_what_the_host_uses)
{
        struct disk_identity seen;
        int fd, claim;

        ck_assert_int_eq(run("truncate -s 1M d"), 0);
        attach_loop("d");
        claim = open(loop, O_RDONLY | O_EXCL | O_CLOEXEC);
        ck_assert_int_ge(claim, 0);
        ck_assert_int_eq(open_disk(loop, true, &fd, &seen), ST_BUSY);
        ck_assert_int_eq(fd, -1);
        ck_assert_int_eq(open_disk(loop, false, &fd, &seen), ST_DONE); /* measuring is no harm */
        ck_assert_int_eq(open_disk_unused(loop, fd), ST_BUSY);
        close(claim);
        ck_assert_int_eq(open_disk_unused(loop, fd), ST_DONE);
        close(fd);
        run("losetup -d %s", loop);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("open_disk");
        TCase *c = tcase_create("open_disk");

        tcase_add_checked_fixture(c, make_place, remove_place);
        tcase_add_loop_test(c, refuses, 0, sizeof refusals / sizeof *refusals);
        tcase_add_test(c, opens_a_file);
        tcase_add_loop_test(c, check_sees, 0, sizeof changes / sizeof *changes);
        tcase_add_test(c, check_sees_another_file_under_the_path);
        if (!getuid() && !access("/dev/loop-control", F_OK)) {
                tcase_add_test(c, resolves_links_below_dev);
                tcase_add_test(c, a_place_that_svdm_may_not_write);
                tcase_add_test(c, sees_another_medium);
                tcase_add_test(c, refuses_what_the_host_uses);
        } else {
                puts("skipped: block devices (needs root and loop devices)");
        }
        suite_add_tcase(s, c);
        return run_suite(s);
}
