/* SPDX-License-Identifier: Apache-2.0 */
/* Memory files become unchangeable also when something used them a moment ago. */
#include "lib/memory_file.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIZE = 8192 };

static char *mapping;
static int pauses, unmap_at;

int __wrap_usleep(useconds_t us);
int __wrap_usleep(useconds_t us)
{
        ck_assert_uint_gt(us, 0);
        if (++pauses == unmap_at)
                ck_assert_int_eq(munmap(mapping, SIZE), 0);
        return 0;
}

static int mapped_file(int until)
{
        int fd;

        pauses = 0, unmap_at = until;
        ck_assert_int_eq(memory_file_new("test", &fd), ST_DONE);
        ck_assert_int_eq(ftruncate(fd, SIZE), 0);
        mapping = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        ck_assert_ptr_ne(mapping, MAP_FAILED);
        mapping[0] = 'x';
        return fd;
}

START_TEST(waits_for_who_could_write)
{
        int fd = mapped_file(3);

        ck_assert_int_eq(memory_file_seal(fd), ST_DONE);
        ck_assert_int_eq(pauses, 3);
        ck_assert_int_eq(pwrite(fd, "y", 1, 0), -1);
        ck_assert_int_eq(errno, EPERM);
        ck_assert_int_eq(ftruncate(fd, SIZE / 2), -1);
        ck_assert_int_eq(ftruncate(fd, SIZE * 2), -1);
        close(fd);
}
END_TEST

START_TEST(does_not_wait_for_ever)
{
        int fd = mapped_file(0);

        ck_assert_int_eq(memory_file_seal(fd), ST_BUSY);
        ck_assert_int_gt(pauses, 10);
        ck_assert_int_eq(munmap(mapping, SIZE), 0);
        ck_assert_int_eq(memory_file_seal(fd), ST_DONE);
        ck_assert_int_ne(memory_file_seal(fd), ST_DONE); /* F_SEAL_SEAL */
        close(fd);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("memory_file");
        TCase *c = tcase_create("memory_file");
        SRunner *r = srunner_create(s);
        int failed;

        tcase_add_test(c, waits_for_who_could_write);
        tcase_add_test(c, does_not_wait_for_ever);
        suite_add_tcase(s, c);
        srunner_run_all(r, CK_NORMAL);
        failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
