/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets that are open disks are those very disks; nothing leaks. The table of kinds is the test's
 * own: with one line more, all else follows.
 */
#include "compartment-mgr/compartment.h"
#include "compartment-mgr/targets.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct arena *a;
static struct open_disk disks[2];
static const char *opened[8];
static size_t opened_count;
static int opener_file;

static size_t descriptors(void)
{
        DIR *d = opendir("/proc/self/fd");
        size_t n = 0;

        while (readdir(d))
                n++;
        closedir(d);
        return n;
}

static void begin(void)
{
        a = arena_new();
        for (size_t i = 0; i < 2; i++)
                disks[i] = (struct open_disk){.path = i ? "/b" : "/a",
                                              .encrypted = !i,
                                              .file = memfd_create("file", MFD_CLOEXEC),
                                              .header = i ? -1 : memfd_create("h", MFD_CLOEXEC)};
        opened_count = 0;
}

static void end(void)
{
        open_disks_close(disks, 2);
        arena_free(a);
}

static enum status opens(void *with, const char *path, struct arena *arena,
                         struct open_disk *disk_out)
{
        (void)arena;
        ck_assert_ptr_eq(with, &opener_file);
        opened[opened_count++] = path;
        if (!strcmp(path, "/missing"))
                return ST_NOT_FOUND;
        *disk_out = (struct open_disk){
                .path = path, .file = memfd_create("x", MFD_CLOEXEC), .header = -1};
        opener_file = disk_out->file;
        return ST_DONE;
}

const char *compartment_disk_at(const char *path, struct arena *arena)
{
        (void)arena;
        return strcmp(path, "/a") ? NULL : "host/vms/u/xvda";
}

static const struct targets_from from = {.open = opens, .with = &opener_file};

/* --- a kind of target that is new ------------------------------------------------------------ */

static bool of_lower_uids(const struct principal *p, const struct target *t)
{
        return strlen(p->name) < 4 && !strcmp(t->argument, "web01");
}

static enum status facts_of_vtpm(const struct facts_scope *scope, const struct target *t,
                                 struct arena *arena, struct open_target *open_out)
{
        (void)arena;
        ck_assert_ptr_eq(scope, from.scope);
        opened[opened_count++] = t->argument;
        open_out->file = memfd_create("facts", MFD_CLOEXEC);
        open_out->component = "host/vms/web01/vtpm";
        return ST_DONE;
}

const struct target_kind target_kinds[] = {
        {"disk", "host", COVERS_CONTENT, true, NULL, NULL},
        {"vtpm", "host/vms", COVERS_NOTHING, false, of_lower_uids, facts_of_vtpm},
        {NULL, "host/other", COVERS_NOTHING, true, NULL, NULL},
};

static struct descriptor descriptor(const char *const *arguments, size_t count)
{
        struct descriptor d = {0};

        d.targets.items = arena_get_many(a, count, sizeof *d.targets.items);
        d.targets.count = count;
        for (size_t i = 0; i < count; i++)
                d.targets.items[i] = (struct target){.plugin = "disk", .argument = arguments[i]};
        return d;
}

static bool same(int x, int y)
{
        struct stat sx, sy;

        return !fstat(x, &sx) && !fstat(y, &sy) && sx.st_ino == sy.st_ino && sx.st_dev == sy.st_dev;
}

START_TEST(in_order)
{
        static const char *const arguments[] = {"/c", "/b", "", "/a"};
        struct descriptor d = descriptor(arguments, 4);
        struct targets t = TARGETS_NONE;
        size_t before = descriptors();

        d.targets.items[2].plugin = "another"; /* which needs nothing opened */
        ck_assert_int_eq(targets_open(&t, &d, disks, 2, &from, a), ST_DONE);
        ck_assert_uint_eq(t.count, 4);
        ck_assert_uint_eq(opened_count, 1);
        ck_assert_str_eq(opened[0], "/c");
        ck_assert_int_eq(t.items[0].file, opener_file);
        ck_assert(same(t.items[1].file, disks[1].file));
        ck_assert_int_eq(t.items[1].header, -1);
        ck_assert_int_eq(t.items[2].file, -1);
        ck_assert(same(t.items[3].file, disks[0].file));
        ck_assert(same(t.items[3].header, disks[0].header));
        ck_assert_int_ne(t.items[3].file, disks[0].file); /* its own to close */
        targets_clear(&t);
        targets_clear(&t);
        ck_assert_uint_eq(descriptors(), before);
        ck_assert(same(disks[0].file, disks[0].file));
}
END_TEST

START_TEST(failure_closes_all)
{
        static const char *const arguments[] = {"/a", "/c", "/missing", "/d"};
        struct descriptor d = descriptor(arguments, 4);
        struct targets t = TARGETS_NONE;
        size_t before = descriptors();

        ck_assert_int_eq(targets_open(&t, &d, disks, 2, &from, a), ST_NOT_FOUND);
        ck_assert_uint_eq(opened_count, 2);
        ck_assert_uint_eq(t.count, 0);
        ck_assert_uint_eq(descriptors(), before);
}
END_TEST

START_TEST(opening_again_closes_the_first)
{
        static const char *const arguments[] = {"/a", "/b"};
        struct descriptor d = descriptor(arguments, 2);
        struct targets t = TARGETS_NONE;
        size_t before = descriptors();

        for (int i = 0; i < 3; i++)
                ck_assert_int_eq(targets_open(&t, &d, disks, 2, &from, a), ST_DONE);
        targets_clear(&t);
        ck_assert_uint_eq(descriptors(), before);
}
END_TEST

/* Its argument is no path, also where it looks like that of an open disk. */
START_TEST(facts_are_never_disks)
{
        static const char *const arguments[] = {"/a", "web01"};
        struct descriptor d = descriptor(arguments, 2);
        struct targets t = TARGETS_NONE;

        d.targets.items[0].plugin = d.targets.items[1].plugin = "vtpm";
        ck_assert_int_eq(targets_open(&t, &d, disks, 2, &from, a), ST_DONE);
        ck_assert_uint_eq(opened_count, 2);
        ck_assert(!same(t.items[0].file, disks[0].file));
        targets_clear(&t);
}
END_TEST

/* The kind's component; the disk of a VM where the path is one; what the facts say. */
START_TEST(each_has_its_component)
{
        static const struct {
                const char *plugin, *argument, *component;
                enum covers covers;
        } named[] = {
                {"disk", "/a", "host/vms/u/xvda", COVERS_CONTENT},
                {"disk", "/c", "host", COVERS_CONTENT},
                {"size", "/a", "host/vms/u/xvda", COVERS_NOTHING},
                {"size", "/c", "host/other", COVERS_NOTHING},
                {"vtpm", "/a", "host/vms/web01/vtpm", COVERS_NOTHING},
        };
        const char *arguments[5];
        struct targets t = TARGETS_NONE;
        struct descriptor d;

        for (size_t i = 0; i < 5; i++)
                arguments[i] = named[i].argument;
        d = descriptor(arguments, 5);
        for (size_t i = 0; i < 5; i++)
                d.targets.items[i].plugin = named[i].plugin;
        ck_assert_int_eq(targets_open(&t, &d, disks, 2, &from, a), ST_DONE);
        for (size_t i = 0; i < 5; i++) {
                ck_assert_str_eq(t.items[i].component, named[i].component);
                ck_assert_int_eq(t.items[i].covers, named[i].covers);
        }
        targets_clear(&t);
}
END_TEST

START_TEST(a_new_kind_is_permitted_as_its_line_says)
{
        struct caller p = {.roles = VERIFIER, .principal = {PRINCIPAL_USER, "7"}};
        struct target t = {.name = "vtpm:web01", .plugin = "vtpm", .argument = "web01"};

        ck_assert_int_eq(targets_permit(&p, &t, 1), ST_DONE);
        p.principal.name = "1001";
        ck_assert_int_eq(targets_permit(&p, &t, 1), ST_DENIED);
        p.principal.name = "7";
        t.plugin = "disk";
        ck_assert_int_eq(targets_permit(&p, &t, 1), ST_DENIED);
        p.roles = ADMIN;
        ck_assert_int_eq(targets_permit(&p, &t, 1), ST_DONE);
}
END_TEST

START_TEST(unknown_names_are_refused_with_those_that_are_known)
{
        static const char *const arguments[] = {"/a", "web01"};
        struct descriptor d = descriptor(arguments, 2);
        struct targets t = TARGETS_NONE;

        d.targets.items[1].plugin = "vtmp";
        d.targets.items[1].name = "vtmp:web01";
        ck_assert_int_eq(targets_open(&t, &d, disks, 2, &from, a), ST_INVALID);
        ck_assert_str_eq(error_last()->subject, "vtmp:web01");
        ck_assert_str_eq(error_last()->expected, "disk, vtpm");
}
END_TEST

START_TEST(a_disk_has_an_absolute_path)
{
        static const char *const arguments[] = {"/a", "relative.img"};
        struct descriptor d = descriptor(arguments, 2);
        struct targets t = TARGETS_NONE;

        d.targets.items[1].name = "disk:relative.img";
        ck_assert_int_eq(targets_open(&t, &d, disks, 2, &from, a), ST_INVALID);
        ck_assert_str_eq(error_last()->subject, "disk:relative.img");
        ck_assert_str_eq(error_last()->found, "'relative.img'");
}
END_TEST

START_TEST(too_many)
{
        const char *arguments[TARGETS_MOST + 1];
        struct targets t = TARGETS_NONE;
        struct descriptor d;

        for (size_t i = 0; i <= TARGETS_MOST; i++)
                arguments[i] = "/a";
        d = descriptor(arguments, TARGETS_MOST + 1);
        ck_assert_int_eq(targets_open(&t, &d, NULL, 0, &from, a), ST_TOO_LARGE);
        d.targets.count--;
        ck_assert_int_eq(targets_open(&t, &d, disks, 2, &from, a), ST_DONE);
        targets_clear(&t);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("targets");
        TCase *t = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_checked_fixture(t, begin, end);
        tcase_add_test(t, in_order);
        tcase_add_test(t, failure_closes_all);
        tcase_add_test(t, opening_again_closes_the_first);
        tcase_add_test(t, facts_are_never_disks);
        tcase_add_test(t, each_has_its_component);
        tcase_add_test(t, a_new_kind_is_permitted_as_its_line_says);
        tcase_add_test(t, unknown_names_are_refused_with_those_that_are_known);
        tcase_add_test(t, a_disk_has_an_absolute_path);
        tcase_add_test(t, too_many);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed != 0;
}
