/* SPDX-License-Identifier: Apache-2.0 */
/* The slot key: made once, the same ever after, and whole or not there after a fault at any write.
 */
#include "lib/io.h"
#include "svdm/slot_key.h"
#include "tests/fault/fault.h"
#include "tests/fault/folder.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int dir;

static void set_up(void)
{
        dir = folder_new();
}

static void tear_down(void)
{
        folder_remove(dir);
}

START_TEST(stays_the_same)
{
        struct bytes key;
        uint8_t first[32];

        ck_assert_int_eq(slot_key_load(dir, &key), ST_DONE);
        ck_assert_uint_eq(key.len, sizeof first);
        memcpy(first, key.data, sizeof first);
        memset((uint8_t *)key.data, 0, key.len);
        ck_assert_int_eq(slot_key_load(dir, &key), ST_DONE);
        ck_assert_mem_eq(key.data, first, sizeof first);
}
END_TEST

/* A damaged key is not replaced: the proofs on the disks are made with it. */
START_TEST(refuses_a_damaged_one)
{
        struct bytes key;
        int fd;

        ck_assert_int_eq(slot_key_load(dir, &key), ST_DONE);
        fd = openat(dir, "slot-key", O_WRONLY);
        ck_assert_int_eq(pwrite(fd, "xxxx", 4, 60), 4);
        close(fd);
        ck_assert_int_eq(slot_key_load(dir, &key), ST_DAMAGED);
}
END_TEST

/* In a process of its own, since it may end there. Did the fault come? */
static bool fails_at(unsigned nth, enum fault kind)
{
        int status;
        pid_t child = fork();

        if (!child) {
                struct bytes key;

                fault_arm(nth, kind);
                slot_key_load(dir, &key);
                _exit(fault_hit() ? FAULT_EXIT : 0);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        return WEXITSTATUS(status) == FAULT_EXIT;
}

START_TEST(survives_faults)
{
        const enum fault kind = (enum fault)_i;
        struct bytes key;
        unsigned nth = 1;

        while (fails_at(nth, kind)) {
                ck_assert_int_eq(slot_key_load(dir, &key), ST_DONE);
                ck_assert_int_eq(unlinkat(dir, "slot-key", 0), 0);
                nth++;
        }
        ck_assert_uint_gt(nth, 3);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("slot_key");
        TCase *c = tcase_create("slot_key");
        SRunner *r = srunner_create(s);
        int failed;

        tcase_add_checked_fixture(c, set_up, tear_down);
        tcase_add_test(c, stays_the_same);
        tcase_add_test(c, refuses_a_damaged_one);
        tcase_add_loop_test(c, survives_faults, FAULT_KILL, FAULT_KINDS);
        suite_add_tcase(s, c);
        srunner_run_all(r, CK_NORMAL);
        failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
