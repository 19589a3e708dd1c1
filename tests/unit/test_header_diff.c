/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers compared and written back. The fault test lets the Nth write or sync fail, or cuts the
 * power there, for every N: the owner's passphrase opens the disk after each, cryptsetup being the
 * judge, and writing again completes it.
 */
#include <sys/types.h>
#include <unistd.h>

static ssize_t faulty_pwrite(int fd, const void *bytes, size_t len, off_t offset);
static int faulty_fsync(int fd);
#define pwrite faulty_pwrite
#define fsync faulty_fsync
#include "lib/io.c"
#include "svdm/device/header_diff.c"
#undef pwrite
#undef fsync
#include "lib/memory_file.h"
#include "tests/unit/svdm_test.h"

enum fault { FAULT_NONE, FAULT_ERROR, FAULT_SHORT, FAULT_POWER, FAULTS };

static struct {
        enum fault fault;
        int countdown, calls;
        bool hit, off; /* the power */
} faults;

static bool due(void)
{
        faults.calls++;
        if (!faults.fault || --faults.countdown)
                return false;
        faults.hit = true;
        return true;
}

static ssize_t faulty_pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
        if (faults.off)
                return (ssize_t)len;
        if (due()) {
                errno = EIO;
                if (faults.fault == FAULT_ERROR)
                        return -1;
                if (faults.fault == FAULT_SHORT)
                        return pwrite(fd, bytes, len > 1 ? len / 2 : len, offset);
                faults.off = true; /* half of it arrived, in whole sectors */
                if (len / 2 / 512)
                        ck_assert_int_gt(pwrite(fd, bytes, len / 2 / 512 * 512, offset), 0);
                return (ssize_t)len;
        }
        return pwrite(fd, bytes, len, offset);
}

static int faulty_fsync(int fd)
{
        if (faults.off)
                return 0;
        if (due()) {
                errno = EIO;
                if (faults.fault == FAULT_ERROR)
                        return -1;
                faults.off = faults.fault == FAULT_POWER;
                return 0;
        }
        return fsync(fd);
}

/* old: a LUKS2 disk with one passphrase. new: the same after its owner's tool added another. */
static void make_disks(void)
{
        make_place();
        ck_assert_int_eq(run("truncate -s 20M old && printf first > k && printf second | "
                             "cryptsetup luksFormat -q --type luks2 " LUKS_OPTIONS " old k && "
                             "cp --sparse=always old new && "
                             "printf second | cryptsetup luksAddKey -q " LUKS_OPTIONS
                             " --key-file k new -"),
                         0);
}

static struct buffer runs_of(const char *old_name, const char *new_name)
{
        struct buffer runs = BUFFER_INIT(HEADER_RUNS_MOST);
        int old = open_in_place(old_name, O_RDONLY), new = open_in_place(new_name, O_RDONLY);
        int header;

        ck_assert_int_eq(header_copy(new, 16 << 20, &header), ST_DONE);
        ck_assert_int_eq(memory_file_seal(header), ST_DONE);
        ck_assert_int_eq(header_diff(old, header, &runs), ST_DONE);
        close(old);
        close(new);
        close(header);
        return runs;
}

static enum status apply(const char *name, struct bytes runs)
{
        int fd = open_in_place(name, O_RDWR);
        enum status s = header_apply(fd, 20 << 20, runs);

        close(fd);
        return s;
}

START_TEST(copies_are_exact)
{
        int fd, header;
        struct stat st;

        ck_assert_int_eq(run("truncate -s 3M holes; for at in 0 4096 1000000 2097151; do "
                             "printf x | dd of=holes bs=1 seek=$at conv=notrunc status=none; done"),
                         0);
        fd = open_in_place("holes", O_RDONLY);
        ck_assert_int_eq(header_copy(fd, 2 << 20, &header), ST_DONE);
        ck_assert_int_eq(fstat(header, &st), 0);
        ck_assert_int_eq(st.st_size, 2 << 20);
        ck_assert_int_lt(st.st_blocks * 512, 64 << 10);
        ck_assert_int_eq(run("cmp -n 2097152 holes /proc/%d/fd/%d", getpid(), header), 0);
        ck_assert_int_eq(memory_file_seal(header), ST_DONE);
        ck_assert_int_eq(pwrite(header, "y", 1, 0), -1);
        ck_assert_int_eq(ftruncate(header, 0), -1);
        close(header);
        ck_assert_int_eq(header_copy(fd, 4 << 20, &header), ST_CHANGED); /* shorter than that */
        ck_assert_int_eq(header_copy(fd, (uint64_t)HEADER_MOST + 1, &header), ST_TOO_LARGE);
        close(fd);
}
END_TEST

START_TEST(runs_are_few_and_enough)
{
        struct buffer runs = runs_of("old", "new");
        struct buffer none = runs_of("new", "new");

        ck_assert_uint_gt(runs.len, 0);
        ck_assert_uint_lt(runs.len, 400 << 10); /* one key slot and two texts, not 16 MiB */
        ck_assert_uint_eq(none.len, 0);
        ck_assert_int_eq(apply("old", buffer_bytes(&runs)), ST_DONE);
        ck_assert_int_eq(run("cmp old new"), 0);
        buffer_clear(&runs);
}
END_TEST

START_TEST(the_head_is_known_beforehand)
{
        struct buffer runs = runs_of("old", "new");
        int old = open_in_place("old", O_RDONLY), new = open_in_place("new", O_RDONLY);
        static const uint8_t passwd[] = {0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 'x', ':'};
        uint8_t foreseen[HEADER_HEAD], real[HEADER_HEAD];

        ck_assert_int_eq(header_head_after(old, buffer_bytes(&runs), foreseen), ST_DONE);
        ck_assert_int_eq(pread(new, real, sizeof real, 0), HEADER_HEAD);
        ck_assert_mem_eq(foreseen, real, sizeof real);
        ck_assert_int_eq(header_head_after(old, (struct bytes){passwd, sizeof passwd}, foreseen),
                         ST_DONE);
        ck_assert_mem_eq(foreseen, "Lx:S", 4);
        ck_assert_int_eq(header_head_after(old, (struct bytes){passwd, 13}, foreseen), ST_DAMAGED);
        ck_assert_int_ne(run("cmp -s old new"), 0);
        close(old);
        close(new);
        buffer_clear(&runs);
}
END_TEST

START_TEST(survives_every_fault)
{
        struct buffer runs = runs_of("old", "new");
        int n = 0;

        ck_assert_uint_gt(runs.len, 0);
        do {
                enum status s;

                ck_assert_int_eq(run("cp --sparse=always old disk"), 0);
                memset(&faults, 0, sizeof faults);
                faults.fault = (enum fault)_i;
                faults.countdown = ++n;
                s = apply("disk", buffer_bytes(&runs));
                if (_i == FAULT_ERROR)
                        ck_assert_int_eq(s, faults.hit ? ST_IO : ST_DONE);
                else
                        ck_assert_int_eq(s, ST_DONE);
                /* a copy, since cryptsetup mends what it can */
                ck_assert_msg(!run("cp --sparse=always disk c && cryptsetup open "
                                   "--test-passphrase --disable-locks --key-file k c"),
                              "fault %d at call %d: lost", _i, n);
                /* until all else is there, its head is the old one */
                if (run("cmp -s -n 512 disk old"))
                        ck_assert_int_eq(run("cmp -n 16777216 disk new"), 0);
                {
                        bool hit = faults.hit;

                        memset(&faults, 0, sizeof faults);
                        ck_assert_int_eq(apply("disk", buffer_bytes(&runs)), ST_DONE);
                        ck_assert_int_eq(run("cmp disk new"), 0);
                        if (!hit)
                                break;
                }
        } while (n < 100);
        ck_assert_int_gt(n, 5);
        ck_assert_int_lt(n, 100);
        buffer_clear(&runs);
}
END_TEST

static const struct bad_runs {
        const char *hex;
} bad_runs[] = {
        {"00"},
        {"0000000000000000 0000000"},
        {"0000000000000000 00000002 aa"},    /* shorter than said */
        {"0000000000000000 ffffffff aa"},    /* far shorter */
        {"0000000004000000 00000001 aa"},    /* past HEADER_MOST */
        {"00000000013fffff 00000002 aaaa"},  /* past the disk's 20 MiB */
        {"ffffffffffffffff 00000002 aaaa"},  /* wraps */
        {"0000000000000000 00000001 aa 01"}, /* something left over */
};

START_TEST(refuses_bad_runs)
{
        uint8_t bytes[64];
        char hex[129] = "", *to = hex;
        long len;

        for (const char *p = bad_runs[_i].hex; *p; p++)
                if (*p != ' ')
                        *to++ = *p;
        if (strlen(hex) % 2)
                *--to = 0;
        len = hex_read(hex, strlen(hex), bytes, sizeof bytes);
        ck_assert_int_gt(len, 0);
        ck_assert_int_eq(apply("old", (struct bytes){bytes, (size_t)len}), ST_DAMAGED);
        ck_assert_int_ne(run("cmp -s old new"), 0);
        ck_assert_int_eq(run("cryptsetup open --test-passphrase --disable-locks --key-file k old"),
                         0);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("header_diff");
        TCase *c = tcase_create("header_diff");

        tcase_add_checked_fixture(c, make_disks, remove_place);
        tcase_set_timeout(c, 120);
        tcase_add_test(c, copies_are_exact);
        tcase_add_test(c, runs_are_few_and_enough);
        tcase_add_test(c, the_head_is_known_beforehand);
        tcase_add_loop_test(c, survives_every_fault, FAULT_ERROR, FAULTS);
        tcase_add_loop_test(c, refuses_bad_runs, 0, sizeof bad_runs / sizeof *bad_runs);
        suite_add_tcase(s, c);
        return run_suite(s);
}
