/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The redo journal. Faults are swept over its file operations, which the linker routes through
 * here: the Nth fails, or the process dies there, for every N. Afterwards there is no journal or
 * the whole one. Then each bit and each length of its files.
 */
#include "svdm/journal.h"
#include "lib/state_file.h"
#include "svdm/device/header_diff.h"
#include "tests/unit/svdm_test.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* --- faults -------------------------------------------------------------------------------- */

static struct {
        int countdown; /* 0: none */
        bool die;
} faults;

static bool due(void)
{
        if (!faults.countdown || --faults.countdown)
                return false;
        if (faults.die)
                _exit(77);
        errno = ENOSPC;
        return true;
}

ssize_t __real_write(int fd, const void *bytes, size_t len);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __real_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags);

ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
        if (fd > 2 && due()) { /* half of it arrives first */
                if (len > 1 && __real_write(fd, bytes, len / 2) < 0)
                        return -1;
                errno = ENOSPC;
                return -1;
        }
        return __real_write(fd, bytes, len);
}

int __wrap_fsync(int fd)
{
        return due() ? -1 : __real_fsync(fd);
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
        return due() ? -1 : __real_renameat(from_dir, from, to_dir, to);
}

int __wrap_unlinkat(int dir, const char *name, int flags)
{
        return due() ? -1 : __real_unlinkat(dir, name, flags);
}

/* --- a VM with two disks ------------------------------------------------------------------- */

static const struct uuid vm = {{0xab, 0xcd}}, other_vm = {{0xab, 0xce}};
static int dir;
static struct staged_disk disks[2];
static struct digest staged, loaded; /* what the last call told */
enum { GENERATION = 7, HEADER_SIZE = 64 << 10 };

static void set_up(void)
{
        make_place();
        ck_assert_int_eq(run("mkdir state; truncate -s 1M one two; "
                             "head -c 65536 /dev/urandom > new"),
                         0);
        dir = open_in_place("state", O_RDONLY | O_DIRECTORY);
        for (int i = 0; i < 2; i++) {
                int new = open_in_place("new", O_RDONLY);

                disks[i] = (struct staged_disk){.path = i ? "/dev/two" : "/dev/one",
                                                .size = 1 << 20,
                                                .disk = open_in_place(i ? "two" : "one", O_RDONLY),
                                                .old = open_in_place(i ? "two" : "one", O_RDONLY)};
                ck_assert_int_eq(header_copy(new, HEADER_SIZE, &disks[i].new), ST_DONE);
                close(new);
        }
}

static enum status stage(void)
{
        return journal_stage(dir, &vm, GENERATION, disks, 2, &staged);
}

/* None (false), or whole: anything else fails the test. */
static bool whole_or_none(void)
{
        struct arena *a = arena_new();
        struct journal j;
        bool found;

        ck_assert_int_eq(journal_load(dir, &vm, a, &found, &j, &loaded), ST_DONE);
        if (found) {
                ck_assert_uint_eq(j.generation, GENERATION);
                ck_assert_uint_eq(j.disks.count, 2);
                ck_assert_str_eq(j.disks.items[0].path, "/dev/one");
                ck_assert_str_eq(j.disks.items[1].path, "/dev/two");
                for (size_t i = 0; i < 2; i++) {
                        struct bytes runs;

                        ck_assert_uint_eq(j.disks.items[i].size, 1 << 20);
                        ck_assert_int_eq(journal_runs(dir, &j, i, a, &runs), ST_DONE);
                        ck_assert_uint_eq(runs.len, HEADER_SIZE + 12);
                }
        }
        arena_free(a);
        return found;
}

static int files_left(void)
{
        const char **names;
        struct arena *a = arena_new();
        size_t count;

        ck_assert_int_eq(state_list(dir, a, &names, &count), ST_DONE);
        arena_free(a);
        return (int)count;
}

/* --- tests --------------------------------------------------------------------------------- */

START_TEST(stages_loads_drops)
{
        struct arena *a = arena_new();
        struct journal j;
        bool found;

        ck_assert(!whole_or_none());
        ck_assert_int_eq(stage(), ST_DONE);
        ck_assert(whole_or_none());
        ck_assert_int_eq(stage(), ST_WRONG_STATE); /* settle it first */
        ck_assert_int_eq(journal_load(dir, &other_vm, a, &found, &j, &loaded), ST_DONE);
        ck_assert(!found);
        ck_assert_int_eq(journal_drop(dir, &other_vm), ST_DONE);
        ck_assert(whole_or_none());
        ck_assert_int_eq(journal_drop(dir, &vm), ST_DONE);
        ck_assert(!whole_or_none());
        ck_assert_int_eq(journal_drop(dir, &vm), ST_DONE);
        ck_assert_int_eq(files_left(), 0);
        arena_free(a);
}
END_TEST

START_TEST(holds_heads_and_runs)
{
        struct arena *a = arena_new();
        struct digest old, new;
        struct bytes runs;
        struct journal j;
        uint8_t head[512];
        bool found;

        ck_assert_int_eq(stage(), ST_DONE);
        ck_assert_int_eq(journal_load(dir, &vm, a, &found, &j, &loaded), ST_DONE);
        memset(head, 0, sizeof head);
        old = digest_of(HASH_SHA256, head, sizeof head);
        ck_assert_int_eq(pread(disks[1].new, head, sizeof head, 0), sizeof head);
        new = digest_of(HASH_SHA256, head, sizeof head);
        ck_assert(digest_equal(&j.disks.items[1].old_head, &old));
        ck_assert(digest_equal(&j.disks.items[1].new_head, &new));
        ck_assert_int_eq(journal_runs(dir, &j, 1, a, &runs), ST_DONE);
        ck_assert_int_eq(header_apply(open_in_place("two", O_RDWR), 1 << 20, runs), ST_DONE);
        ck_assert_int_eq(run("cmp -n 65536 two new && test $(stat -c %%s two) = 1048576"), 0);
        arena_free(a);
}
END_TEST

/* One step with a fault at its Nth file operation; false when it has no Nth one. */
static bool with_fault(enum status (*step)(void), int n, bool die)
{
        int how;
        pid_t pid;

        if (!die) {
                enum status s;

                faults.countdown = n;
                s = step();
                if (faults.countdown) {
                        faults.countdown = 0;
                        ck_assert_int_eq(s, ST_DONE);
                        return false;
                }
                ck_assert_msg(s == ST_NO_SPACE || s == ST_DONE, "%d", s);
                return true;
        }
        pid = fork();
        if (!pid) {
                faults.countdown = n;
                faults.die = true;
                _exit(step() ? 1 : 0);
        }
        ck_assert_int_eq(waitpid(pid, &how, 0), pid);
        ck_assert(WIFEXITED(how) && (!WEXITSTATUS(how) || WEXITSTATUS(how) == 77));
        return WEXITSTATUS(how) == 77;
}

static enum status drop(void)
{
        return journal_drop(dir, &vm);
}

START_TEST(staging_survives_faults)
{
        int n = 0;

        while (with_fault(stage, ++n, _i)) {
                ck_assert(!whole_or_none() || _i); /* a failed one leaves none */
                if (!_i)
                        ck_assert_int_eq(files_left(), 0);
                ck_assert_int_eq(drop(), ST_DONE);
                ck_assert_int_eq(files_left(), 0);
                ck_assert_int_lt(n, 100);
        }
        ck_assert_int_gt(n, 10);
        ck_assert(whole_or_none());
}
END_TEST

START_TEST(dropping_survives_faults)
{
        int n = 0;

        do {
                ck_assert_int_eq(stage(), ST_DONE);
                if (!with_fault(drop, ++n, _i))
                        break;
                whole_or_none();
                ck_assert_int_eq(drop(), ST_DONE);
                ck_assert_int_eq(files_left(), 0);
        } while (n < 200);
        ck_assert_int_gt(n, 3);
        ck_assert_int_lt(n, 200);
}
END_TEST

/* A file of the journal, changed in memory and written back. */
static void with_file(const char *name, void (*each)(const char *name, uint8_t *bytes, size_t len))
{
        char path[400];
        struct stat st;
        uint8_t *bytes;
        int fd;

        snprintf(path, sizeof path, "state/%s", name);
        fd = open_in_place(path, O_RDWR);
        ck_assert_int_eq(fstat(fd, &st), 0);
        bytes = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        ck_assert_ptr_ne(bytes, MAP_FAILED);
        close(fd);
        each(path, bytes, (size_t)st.st_size);
        munmap(bytes, (size_t)st.st_size);
}

static enum status load_all(void)
{
        struct arena *a = arena_new();
        struct journal j;
        struct bytes runs;
        bool found = false;
        enum status s = journal_load(dir, &vm, a, &found, &j, &loaded);

        for (size_t i = 0; !s && found && i < j.disks.count; i++)
                s = journal_runs(dir, &j, i, a, &runs);
        ck_assert(s || found);
        arena_free(a);
        return s;
}

static void flip_each(const char *name, uint8_t *bytes, size_t len)
{
        for (size_t i = 0; i<len; i += len> 4096 ? 997 : 1)
                for (int bit = 1; bit<256; bit <<= len> 4096 ? 4 : 1) {
                        bytes[i] ^= (uint8_t)bit;
                        ck_assert_msg(load_all() == ST_DAMAGED, "%s byte %zu", name, i);
                        bytes[i] ^= (uint8_t)bit;
                }
        ck_assert_int_eq(load_all(), ST_DONE);
}

static void cut_each(const char *name, uint8_t *bytes, size_t len)
{
        uint8_t *copy = malloc(len);

        memcpy(copy, bytes, len);
        for (size_t i = 0; i<len; i += len> 4096 ? 4099 : 1) {
                int fd = open_in_place(name, O_WRONLY | O_TRUNC);

                ck_assert_int_eq(write(fd, copy, i), i);
                close(fd);
                ck_assert_msg(load_all() == ST_DAMAGED, "%s cut to %zu", name, i);
        }
        free(copy);
}

static const char *const names[] = {
        "journal-abcd0000-0000-0000-0000-000000000000",
        "header-abcd0000-0000-0000-0000-000000000000-1",
};

START_TEST(sees_damage)
{
        ck_assert_int_eq(stage(), ST_DONE);
        with_file(names[_i], flip_each);
        with_file(names[_i], cut_each);
}
END_TEST

#define KEPT_VM "0f0e0d0c-0b0a-4908-8706-050403020100"

/* tests/data/state/README.md says how it was made. */
START_TEST(reads_what_an_older_version_wrote)
{
        struct arena *a = arena_new();
        struct bytes runs;
        struct journal j;
        struct uuid kept;
        char data[PATH_MAX];
        bool found;

        ck_assert_ptr_nonnull(realpath("tests/data/state", data));
        uuid_read(KEPT_VM, &kept);
        ck_assert_int_eq(
                run("cp '%s'/journal-1 state/journal-%s; cp '%s'/header-1 state/header-%s-0", data,
                    KEPT_VM, data, KEPT_VM),
                0);
        ck_assert_int_eq(journal_load(dir, &kept, a, &found, &j, &loaded), ST_DONE);
        ck_assert(found);
        ck_assert_uint_eq(j.generation, 7);
        ck_assert_int_eq(journal_runs(dir, &j, 0, a, &runs), ST_DONE);
        ck_assert_ptr_nonnull(memmem(runs.data, runs.len, "a new key slot", 14));
        ck_assert_int_eq(journal_drop(dir, &kept), ST_DONE);
        ck_assert_int_eq(files_left(), 0);
        arena_free(a);
}
END_TEST

/* Runs of another time under the same name are not this journal's. */
START_TEST(sees_swapped_runs)
{
        ck_assert_int_eq(stage(), ST_DONE);
        ck_assert_int_eq(run("cp state/%s kept && rm state/journal-*", names[1]), 0);
        ck_assert_int_eq(pwrite(disks[1].new, "x", 1, 60000), 1);
        ck_assert_int_eq(stage(), ST_DONE);
        ck_assert_int_eq(load_all(), ST_DONE);
        ck_assert_int_eq(run("cp kept state/%s", names[1]), 0);
        ck_assert_int_eq(load_all(), ST_DAMAGED);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("journal");
        TCase *c = tcase_create("journal");

        tcase_add_checked_fixture(c, set_up, remove_place);
        tcase_set_timeout(c, 120);
        tcase_add_test(c, stages_loads_drops);
        tcase_add_test(c, holds_heads_and_runs);
        tcase_add_loop_test(c, staging_survives_faults, 0, 2);
        tcase_add_loop_test(c, dropping_survives_faults, 0, 2);
        tcase_add_loop_test(c, sees_damage, 0, sizeof names / sizeof *names);
        tcase_add_test(c, sees_swapped_runs);
        tcase_add_test(c, reads_what_an_older_version_wrote);
        suite_add_tcase(s, c);
        return run_suite(s);
}
