/* SPDX-License-Identifier: Apache-2.0 */
/* What a running VM holds: devices that lie in disks, devices that do not, disks that nothing maps.
 */
#include "svdm/held.c" /* to read its files anew */
#include "tests/fault/folder.h"

#include <check.h>
#include <fcntl.h>
#include <unistd.h>

static const struct uuid vm = {{1}}, other = {{2}};
static struct arena *a;
static int dir;
static const struct held_disk disk_a = {.name = "xvda", .path = "/a", .inode = 1, .writable = true},
                              disk_b = {.name = "xvdb", .path = "/b", .inode = 2, .writable = true};
static const struct block_device xvda = {"xvda", "/dev/mapper/a", true, 0},
                                 xvdb = {"xvdb", "/dev/mapper/b", true, 0},
                                 remote = {"xvdr", "/dev/nbd0", true, 0};

/* As after a restart of the daemon. */
static void load(void)
{
        while (claims)
                remove_claim(claims);
        ck_assert_int_eq(held_load(dir), ST_DONE);
}

/* The VM runs with xvda, which is bare. */
static void set_up(void)
{
        struct claim *c;

        a = arena_new();
        dir = folder_new();
        load();
        ck_assert_int_eq(held_claim(&vm, &c), ST_DONE);
        ck_assert_int_eq(held_claim_disks(c, &disk_a, 1), ST_DONE);
        ck_assert_int_eq(held_keep(c, &(struct mapped){&xvda, 1, 1}), ST_DONE);
}

static void tear_down(void)
{
        arena_free(a);
        folder_remove(dir);
}

static enum status add(const char *device, const struct held_disk *disk,
                       const struct block_device *mapped, uint64_t bare)
{
        struct claim *c;
        enum status s;

        ck_assert_int_eq(held_claim(&vm, &c), ST_DONE);
        s = held_claim_disks(c, disk, !!disk);
        if (!s)
                s = held_add(c, device, &(struct mapped){mapped, !!mapped, bare});
        held_drop(c);
        return s;
}

/* "xvda=/a " for each disk, then "xvda " for each device, "!" where it is bare. */
static const char *holds(void)
{
        const struct attachment *what = &kept_of(&vm)->what;
        const char *text = "";

        for (size_t i = 0; i < what->disks.count; i++)
                text = arena_print(a, "%s%s=%s ", text, what->disks.items[i].name,
                                   what->disks.items[i].path);
        for (size_t i = 0; i < what->devices.count; i++)
                text = arena_print(a, "%s%s%s ", text, what->devices.items[i].device,
                                   what->bare >> i & 1 ? "!" : "");
        return text;
}

static bool is_free(const struct held_disk *disk)
{
        struct claim *c;
        enum status s;

        ck_assert_int_eq(held_claim(&other, &c), ST_DONE);
        s = held_claim_disks(c, disk, 1);
        held_drop(c);
        return !s;
}

START_TEST(each_list_goes_by_the_name_of_the_device)
{
        ck_assert_int_eq(add("xvdr", NULL, &remote, 0), ST_DONE);
        ck_assert_int_eq(add("vtpm0", &(struct held_disk){.name = "vtpm0", .path = "/t"}, NULL, 0),
                         ST_DONE);
        ck_assert_int_eq(add("xvdb", &disk_b, &xvdb, 1), ST_DONE);
        ck_assert_str_eq(holds(), "xvda=/a vtpm0=/t xvdb=/b xvda! xvdr xvdb! ");
        load();
        ck_assert_str_eq(holds(), "xvda=/a vtpm0=/t xvdb=/b xvda! xvdr xvdb! ");
        ck_assert_int_eq(held_remove(&vm, "xvda"), ST_DONE);
        ck_assert_str_eq(holds(), "vtpm0=/t xvdb=/b xvdr xvdb! ");
        ck_assert(is_free(&disk_a) && !is_free(&disk_b));
        ck_assert_int_eq(held_remove(&vm, "vtpm0"), ST_DONE);
        ck_assert_int_eq(held_remove(&vm, "xvdr"), ST_DONE);
        ck_assert_str_eq(holds(), "xvdb=/b xvdb! ");
}
END_TEST

START_TEST(what_has_no_integrity_is_told_by_its_path)
{
        const char *paths[4];

        ck_assert_int_eq(add("xvdb", &disk_b, &xvdb, 0), ST_DONE);
        ck_assert_int_eq(add("xvdr", NULL, &remote, 1), ST_DONE);
        ck_assert_uint_eq(held_bare(a, paths, 4), 2);
        ck_assert_str_eq(paths[0], "/a");
        ck_assert_str_eq(paths[1], "/dev/nbd0");
        ck_assert_uint_eq(held_bare(a, paths, 1), 1);
}
END_TEST

/* An operation that was cut short and is done again leaves nothing twice. */
START_TEST(a_device_is_held_once)
{
        ck_assert_int_eq(add("xvdb", &disk_b, &xvdb, 1), ST_DONE);
        ck_assert_int_eq(add("xvdb", &disk_b, &xvdb, 0), ST_DONE);
        ck_assert_str_eq(holds(), "xvda=/a xvdb=/b xvda! xvdb ");
        ck_assert_int_eq(add("", &disk_b, &xvdb, 0), ST_WRONG_STATE);
}
END_TEST

/* One file that is damaged keeps nobody from working, and its VM keeps what is mapped for it. */
START_TEST(a_damaged_file_holds_its_vm)
{
        char name[NAME_SIZE];
        int fd = openat(dir, file_name(name, &vm), O_WRONLY);
        struct held_vm *vms;
        size_t count;

        ck_assert_int_eq(pwrite(fd, "damage", 6, 40), 6);
        close(fd);
        load();
        ck_assert(held_by(&vm));
        ck_assert_uint_eq(held_unknown(), 1);
        held_vms(a, &vms, &count);
        ck_assert_uint_eq(count, 1);
        ck_assert(is_free(&disk_b));
        ck_assert_int_eq(held_release(&vm), ST_DONE);
        ck_assert_uint_eq(held_unknown(), 0);
        load();
        ck_assert(!held_by(&vm));
}
END_TEST

START_TEST(a_disk_by_two_paths_is_refused)
{
        struct held_disk twice[2] = {disk_b, disk_b};
        struct claim *c;

        twice[1].path = "/link-to-b";
        ck_assert_int_eq(held_claim(&other, &c), ST_DONE);
        ck_assert_int_eq(held_claim_disks(c, twice, 2), ST_REFUSED);
        ck_assert_ptr_nonnull(strstr(error_last()->found, "/b"));
        held_drop(c);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("held");
        TCase *t = tcase_create("held");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_test(t, each_list_goes_by_the_name_of_the_device);
        tcase_add_test(t, what_has_no_integrity_is_told_by_its_path);
        tcase_add_test(t, a_device_is_held_once);
        tcase_add_test(t, a_damaged_file_holds_its_vm);
        tcase_add_test(t, a_disk_by_two_paths_is_refused);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed != 0;
}
