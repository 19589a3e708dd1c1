/* SPDX-License-Identifier: Apache-2.0 */
/* What lies on a disk: made by the tools that people use, cut short, and written to deceive. */
#include "svdm/content/content.h"
#include "svdm/device/disk_sample.h"
#include "tests/unit/svdm_test.h"

#include <sys/mman.h>
#include <sys/stat.h>

static struct arena *a;

static void begin(void)
{
        make_place();
        a = arena_new();
}

static void end(void)
{
        arena_free(a);
        remove_place();
}

/* The sample of "disk"; -1 if it is taken for empty. */
static int sample(void)
{
        struct stat st;
        int fd = open_in_place("disk", O_RDONLY), made;

        ck_assert_int_eq(fstat(fd, &st), 0);
        ck_assert_int_eq(disk_sample("disk", fd, (uint64_t)st.st_size, &made), ST_DONE);
        close(fd);
        return made;
}

static const struct {
        const char *make, *what;
        bool member;
} contents[] = {
        {"truncate -s 64M disk; mkfs.ext4 -q -L accounts disk",
         "an ext4 file system labelled accounts", false},
        {"truncate -s 64M disk; mkfs.ext4 -q -L \"$(printf 'a\\377b\\001c')\" disk",
         "an ext4 file system labelled a?b?c", false},
        {"truncate -s 64M disk; mkswap -L pages disk", "a swap area labelled pages", false},
        {"truncate -s 64M disk; echo x | cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 "
         "--pbkdf-force-iterations 1000 --disable-locks disk -",
         "a LUKS disk", false},
        {"truncate -s 64M disk; printf 'label: gpt\\n,,\\n' | sfdisk -q disk",
         "a gpt partition table", false},
        {"head -c 20M /dev/urandom >disk", "data of an unknown kind", false},
        {"truncate -s 24M disk; printf '\\374\\116\\053\\251\\0\\0\\0\\0\\132\\0\\0\\0' | dd "
         "of=disk "
         "bs=1 seek=25100288 conv=notrunc",
         "a linux_raid_member member of a volume group or an array", true},
        {"truncate -s 1G disk; printf x | dd of=disk bs=1 seek=500M conv=notrunc; mkfs.ext4 -q "
         "disk",
         "an ext4 file system", false},
};

START_TEST(names_what_is_there)
{
        const char *what;
        bool member;
        int fd;

        if (run("(%s) >/dev/null 2>&1", contents[_i].make) == 127) {
                printf("skipped: a tool is missing: %s\n", contents[_i].make);
                return;
        }
        fd = sample();
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(content_name(fd, a, &what, &member), ST_DONE);
        ck_assert_str_eq(what, contents[_i].what);
        ck_assert(member == contents[_i].member);
        close(fd);
}
END_TEST

static const struct {
        const char *make;
        bool empty;
} samples[] = {
        {"truncate -s 1G disk", true},
        {"head -c 3M /dev/zero >disk", true},
        {": >disk", true},
        {"truncate -s 1G disk; printf x | dd of=disk bs=1 seek=3 conv=notrunc", false},
        {"truncate -s 1G disk; printf x | dd of=disk bs=1 seek=16777215 conv=notrunc", false},
        {"truncate -s 1G disk; printf x | dd of=disk bs=1 seek=1073741823 conv=notrunc", false},
        {"truncate -s 17M disk; printf x | dd of=disk bs=1 seek=16777300 conv=notrunc", false},
        {"truncate -s 20M disk; printf x | dd of=disk bs=1 seek=18000000 conv=notrunc", false},
        {"printf x >disk", false},
};

START_TEST(what_is_all_zero_is_empty)
{
        int fd;

        ck_assert_int_eq(run("(%s) 2>/dev/null", samples[_i].make), 0);
        fd = sample();
        ck_assert_int_eq(fd < 0, samples[_i].empty);
        if (fd >= 0)
                close(fd);
}
END_TEST

/* Bits of what is recognised are turned over, and it is cut off: whatever it is then, there is an
 * answer of one line, and no fault. */
START_TEST(hostile_bytes_are_survived)
{
        static uint8_t head[128 << 10];
        int from;

        ck_assert_int_eq(run("(truncate -s 16M disk; mkfs.ext4 -q -L x disk) 2>/dev/null"), 0);
        from = open_in_place("disk", O_RDONLY);
        ck_assert_int_eq(pread(from, head, sizeof head, 0), sizeof head);
        close(from);
        srand(1);
        for (int n = 0; n < 400; n++) {
                const char *what;
                bool member;
                int fd = memfd_create("hostile", MFD_CLOEXEC);

                for (int i = 0; i < 8; i++)
                        head[1024 + rand() % 1024] ^= (uint8_t)(1 << rand() % 8);
                ck_assert_int_eq(write(fd, head, (size_t)(rand() % (int)sizeof head + 1)) > 0, 1);
                if (n % 2)
                        ck_assert_int_eq(ftruncate(fd, 16 << 20), 0);
                ck_assert_int_eq(content_name(fd, a, &what, &member), ST_DONE);
                ck_assert(*what && strlen(what) < 1024);
                close(fd);
        }
}
END_TEST

int main(void)
{
        Suite *s = suite_create("content");
        TCase *c = tcase_create("content");

        tcase_set_timeout(c, 60);
        tcase_add_checked_fixture(c, begin, end);
        tcase_add_loop_test(c, names_what_is_there, 0, sizeof contents / sizeof *contents);
        tcase_add_loop_test(c, what_is_all_zero_is_empty, 0, sizeof samples / sizeof *samples);
        tcase_add_test(c, hostile_bytes_are_survived);
        suite_add_tcase(s, c);
        return run_suite(s);
}
