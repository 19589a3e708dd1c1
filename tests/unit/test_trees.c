/* SPDX-License-Identifier: Apache-2.0 */
/* Hash trees and when they are kept, with veritysetup(8) as the judge. No device-mapper needed. */
#include "svdm/device/cryptsetup.h"
#include "svdm/device/trees.h"
#include "tests/unit/svdm_test.h"

#include "lib/buffer.h"

#include <sys/stat.h>

static void set_up(void)
{
        make_place();
        cryptsetup_init();
        ck_assert_int_eq(trees_begin(path_in_place("trees")), ST_DONE);
        ck_assert_int_eq(run("head -c 1M /dev/urandom >image"), 0);
}

struct got {
        int tree;
        ino_t inode;
        char root[2 * VERITY_ROOT_LEN + 1];
};

static enum status get(const char *name, struct got *out)
{
        char path[400];
        uint8_t root[VERITY_ROOT_LEN];
        struct disk_identity seen;
        struct stat st;
        int fd;
        enum status s;

        snprintf(path, sizeof path, "%s", path_in_place(name));
        s = open_disk(path, false, &fd, &seen);
        if (!s)
                s = trees_get(path, fd, &seen, &out->tree, root);
        if (s)
                return s;
        close(fd);
        ck_assert_int_eq(fstat(out->tree, &st), 0);
        out->inode = st.st_ino;
        hex_write(out->root, root, sizeof root);
        return ST_DONE;
}

static int trees_kept(void)
{
        return run("exit $(ls trees | grep -c '^[0-9a-f]*$')");
}

static const char *const sizes[] = {"4K", "8K", "512K", "516K", "1M", "64M"};

START_TEST(is_the_tree_that_veritysetup_makes)
{
        struct got g;

        ck_assert_int_eq(run("truncate -s 0 image; truncate -s %s image; printf x | dd of=image "
                             "conv=notrunc status=none",
                             sizes[_i]),
                         0);
        ck_assert_int_eq(get("image", &g), ST_DONE);
        ck_assert_int_eq(
                run("veritysetup verify image /proc/%d/fd/%d %s", getpid(), g.tree, g.root), 0);
        ck_assert_int_eq(run("veritysetup format --salt - image hash | grep -q '%s'", g.root), 0);
        close(g.tree);
}
END_TEST

START_TEST(is_kept_while_nothing_changes)
{
        struct got first, again, other;

        ck_assert_int_eq(get("image", &first), ST_DONE);
        ck_assert_int_eq(get("image", &again), ST_DONE);
        ck_assert_int_eq(first.inode, again.inode);
        ck_assert_str_eq(first.root, again.root);
        ck_assert_int_eq(run("cp image same"), 0); /* its tree replaces the first one's file */
        ck_assert_int_eq(get("same", &other), ST_DONE);
        ck_assert_str_eq(first.root, other.root);
        ck_assert_int_eq(trees_kept(), 1);
        ck_assert_int_eq(run("test $(ls trees | wc -l) = 3"), 0);
}
END_TEST

/* One byte, its file's size and times as before: what shows it is the ctime, or another inode. */
static const struct change {
        const char *command;
        bool other_root;
} changes[] = {
        {"touch -r image stamp; printf zz | dd of=image bs=1 seek=5000 conv=notrunc status=none; "
         "touch -r stamp image",
         true},
        {"cp -a image new; mv new image", false},
        {"truncate -s 2M image", true},
        {"touch image", false},
        {"chmod 640 image", false},
};

START_TEST(is_made_anew_after_a_change)
{
        struct got before, after;

        ck_assert_int_eq(get("image", &before), ST_DONE);
        ck_assert_int_eq(run("%s", changes[_i].command), 0);
        ck_assert_int_eq(get("image", &after), ST_DONE);
        ck_assert_int_ne(before.inode, after.inode);
        ck_assert_int_eq(strcmp(before.root, after.root) != 0, changes[_i].other_root);
        ck_assert_int_eq(
                run("veritysetup verify image /proc/%d/fd/%d %s", getpid(), after.tree, after.root),
                0);
        ck_assert_int_eq(trees_kept(), 1); /* the old one is nobody's */
}
END_TEST

/* Whatever stands in the folder, the tree is right. */
static const char *const damages[] = {
        "rm trees/$(ls trees | grep -v of-)",
        "printf x >>trees/$(ls trees | grep of-)",
        "rm trees/of-*",
        "cd trees; for f in *; do rm $f; ln -s /dev/null $f; done",
};

START_TEST(a_damaged_folder_is_mended)
{
        struct got before, after;

        ck_assert_int_eq(get("image", &before), ST_DONE);
        ck_assert_int_eq(run("%s", damages[_i]), 0);
        ck_assert_int_eq(get("image", &after), ST_DONE);
        ck_assert_int_ne(before.inode, after.inode);
        ck_assert_str_eq(before.root, after.root);
        ck_assert_int_eq(
                run("veritysetup verify image /proc/%d/fd/%d %s", getpid(), after.tree, after.root),
                0);
}
END_TEST

START_TEST(forgets_and_prunes)
{
        struct got g;

        ck_assert_int_eq(get("image", &g), ST_DONE);
        trees_forget("../image");
        trees_forget(g.root);
        ck_assert_int_eq(trees_kept(), 0);
        ck_assert_int_eq(run("test -s image"), 0);
        ck_assert_int_eq(get("image", &g), ST_DONE);
        trees_prune();
        ck_assert_int_eq(trees_kept(), 1);
        ck_assert_int_eq(run("rm image"), 0);
        trees_prune();
        ck_assert_int_eq(run("test -z \"$(ls trees)\""), 0);
}
END_TEST

START_TEST(takes_no_folder_of_others)
{
        ck_assert_int_eq(run("mkdir open; chmod 755 open; mkdir real; ln -s real link"), 0);
        ck_assert_int_eq(trees_begin(path_in_place("open")), ST_REFUSED);
        ck_assert_int_ne(trees_begin(path_in_place("link")), ST_DONE);
}
END_TEST

static Suite *suite(void)
{
        Suite *s = suite_create("trees");
        TCase *c = tcase_create("trees");

        tcase_set_timeout(c, 60);
        tcase_add_checked_fixture(c, set_up, remove_place);
        tcase_add_loop_test(c, is_the_tree_that_veritysetup_makes, 0, sizeof sizes / sizeof *sizes);
        tcase_add_test(c, is_kept_while_nothing_changes);
        tcase_add_loop_test(c, is_made_anew_after_a_change, 0, sizeof changes / sizeof *changes);
        tcase_add_loop_test(c, a_damaged_folder_is_mended, 0, sizeof damages / sizeof *damages);
        tcase_add_test(c, forgets_and_prunes);
        tcase_add_test(c, takes_no_folder_of_others);
        suite_add_tcase(s, c);
        return s;
}

int main(void)
{
        return run_suite(suite());
}
