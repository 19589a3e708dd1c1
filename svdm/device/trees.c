/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of hash trees. A tree is made in a file without a name, which gets one when it is
 * whole: a kill leaves nothing. Names and state files change under the folder's lock alone.
 */
#include "svdm/device/trees.h"
#include "lib/io.h"
#include "lib/report.h"
#include "lib/state_kinds.h"
#include "lib/state_record.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NAME_SIZE = 72, FAN_OUT = VERITY_BLOCK / VERITY_ROOT_LEN };

static int folder = -1;

enum status trees_begin(const char *path)
{
        const struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                                     .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
        struct stat st;

        if (mkdir(path, 0700) && errno != EEXIST)
                return FAIL(status_of_errno(errno), .subject = path, .found = strerror(errno));
        folder = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
        if (folder < 0 || fstat(folder, &st))
                return FAIL(status_of_errno(errno), .subject = path, .found = strerror(errno),
                            .remedy = FMT("rm -r %s", path));
        if (st.st_uid != geteuid() || st.st_mode & 077)
                return FAIL(ST_REFUSED, .subject = path, .expected = "a folder of root's own",
                            .found = FMT("owner %u, mode %o", st.st_uid, st.st_mode & 07777),
                            .remedy = FMT("rm -r %s", path));
        return ST_DONE;
}

/* flock(2) locks an open file, and all jobs share their parent's: so each lock opens its own. */
static int lock(void)
{
        int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd >= 0)
                flock(fd, LOCK_EX);
        return fd;
}

static void unlock(int fd)
{
        if (fd >= 0)
                close(fd);
}

static const char *state_name(char name[NAME_SIZE], const struct stat *st)
{
        snprintf(name, NAME_SIZE, "of-%llx-%llx", (unsigned long long)st->st_dev,
                 (unsigned long long)st->st_ino);
        return name;
}

static struct hash_tree describe(const char *path, const struct stat *st)
{
        return (struct hash_tree){.path = path,
                                  .device = st->st_dev,
                                  .inode = st->st_ino,
                                  .size = (uint64_t)st->st_size,
                                  .mtime = (uint64_t)st->st_mtim.tv_sec,
                                  .mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
                                  .ctime = (uint64_t)st->st_ctim.tv_sec,
                                  .ctime_ns = (uint32_t)st->st_ctim.tv_nsec};
}

static bool same_file(const struct hash_tree *a, const struct hash_tree *b)
{
        return a->device == b->device && a->inode == b->inode && a->size == b->size &&
               a->mtime == b->mtime && a->mtime_ns == b->mtime_ns && a->ctime == b->ctime &&
               a->ctime_ns == b->ctime_ns;
}

static bool find_kept(const char *path, const struct stat *st, int *tree_out,
                      uint8_t root_out[static VERITY_ROOT_LEN])
{
        const struct hash_tree now = describe(path, st);
        struct arena *a = arena_new();
        struct hash_tree kept;
        char name[NAME_SIZE], root[2 * VERITY_ROOT_LEN + 1];

        *tree_out = -1;
        if (!state_read_record(folder, state_name(name, st), &state_kind_tree, a, &kept) &&
            same_file(&kept, &now) && kept.root.alg == HASH_SHA256) {
                memcpy(root_out, kept.root.bytes, VERITY_ROOT_LEN);
                hex_write(root, root_out, VERITY_ROOT_LEN);
                *tree_out = openat(folder, root, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        }
        error_clear(); /* no tree, or a damaged one: a new one is made */
        arena_free(a);
        return *tree_out >= 0;
}

/* Bytes of the superblock and all levels, each in whole blocks. */
static uint64_t tree_size(uint64_t size)
{
        uint64_t blocks = size / VERITY_BLOCK, all = 1;

        do {
                blocks = (blocks + FAN_OUT - 1) / FAN_OUT;
                all += blocks;
        } while (blocks > 1);
        return all * VERITY_BLOCK;
}

static enum status no_room(const char *path, uint64_t size)
{
        return FAIL(status_of_errno(errno), .subject = path,
                    .expected =
                            FMT("room for its hash tree, %llu KiB", (unsigned long long)size >> 10),
                    .found = strerror(errno), .remedy = "free space in svdm's state folder");
}

static enum status refuse_changing(const char *path)
{
        return FAIL(ST_CHANGED, .subject = path, .expected = "a disk that nobody writes",
                    .found = "it was written while its hash tree was made",
                    .remedy = "see who writes to it, then try again");
}

/* Makes the tree in a file that has no name yet. */
static enum status make(const char *path, int fd, const struct disk_identity *seen, int *tree_out,
                        uint8_t root_out[static VERITY_ROOT_LEN])
{
        const uint64_t size = tree_size(seen->size);
        struct hash_tree before, after;
        struct stat now;
        enum status s;

        *tree_out = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (*tree_out < 0 || fallocate(*tree_out, 0, 0, (off_t)size))
                s = no_room(path, size);
        else
                s = crypt_map_make_tree(path, fd, seen->size, *tree_out, root_out);
        if (!s && fstat(fd, &now))
                s = FAIL(status_of_errno(errno), .subject = path, .found = strerror(errno));
        if (!s && S_ISREG(now.st_mode)) {
                before = describe(path, &seen->stat);
                after = describe(path, &now);
                if (!same_file(&before, &after))
                        s = refuse_changing(path);
        }
        if (s && *tree_out >= 0) {
                close(*tree_out);
                *tree_out = -1;
        }
        return s;
}

static void prune_locked(void);

/* Gives the tree its name, so that the next start finds it. If that fails, this start goes on. */
static void keep(const char *path, const struct stat *st, int tree,
                 const uint8_t root[static VERITY_ROOT_LEN])
{
        struct hash_tree kept = describe(path, st);
        char name[NAME_SIZE], root_text[2 * VERITY_ROOT_LEN + 1], from[IO_PATH];

        kept.root.alg = HASH_SHA256;
        memcpy(kept.root.bytes, root, VERITY_ROOT_LEN);
        hex_write(root_text, root, VERITY_ROOT_LEN);
        unlinkat(folder, root_text, 0); /* of an image with the same content */
        if (fsync(tree) ||
            linkat(AT_FDCWD, io_path(from, tree), folder, root_text, AT_SYMLINK_FOLLOW) ||
            state_write_record(folder, state_name(name, st), &state_kind_tree, &kept))
                report_warning("the hash tree of %s is not kept: it is made again at each start",
                               path);
        error_clear();
        prune_locked();
}

enum status trees_get(const char *path, int fd, const struct disk_identity *seen, int *tree_out,
                      uint8_t root_out[static VERITY_ROOT_LEN])
{
        const bool file = S_ISREG(seen->stat.st_mode);
        int held = lock();
        bool found = file && find_kept(path, &seen->stat, tree_out, root_out);
        enum status s;

        unlock(held); /* making one takes as long as reading the disk */
        if (found)
                return ST_DONE;
        s = make(path, fd, seen, tree_out, root_out);
        if (s || !file)
                return s;
        held = lock();
        keep(path, &seen->stat, *tree_out, root_out);
        unlock(held);
        return ST_DONE;
}

void trees_forget(const char *root)
{
        int held;

        if (folder < 0 || strlen(root) != 2 * VERITY_ROOT_LEN || strchr(root, '/'))
                return;
        held = lock();
        unlinkat(folder, root, 0);
        unlock(held);
}

/* --- pruning ------------------------------------------------------------------------------- */

/* The root hash that this state file names, if the image is as it was; else NULL. */
static const char *still_needed(const char *name, struct arena *a)
{
        struct hash_tree kept, now;
        struct stat st;
        char *root;

        if (state_read_record(folder, name, &state_kind_tree, a, &kept) || lstat(kept.path, &st))
                return NULL;
        now = describe(kept.path, &st);
        if (!same_file(&kept, &now) || kept.root.alg != HASH_SHA256)
                return NULL;
        root = arena_get(a, 2 * VERITY_ROOT_LEN + 1);
        hex_write(root, kept.root.bytes, VERITY_ROOT_LEN);
        return root;
}

static bool is_in(const char *name, const char *const *roots, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (!strcmp(name, roots[i]))
                        return true;
        return false;
}

static void prune_locked(void)
{
        struct arena *a = arena_new();
        const char **names, **needed;
        size_t count, needed_count = 0;

        if (!state_list(folder, a, &names, &count)) {
                needed = arena_get_many(a, count + 1, sizeof *needed);
                for (size_t i = 0; i < count; i++) {
                        const char *root;

                        if (strncmp(names[i], "of-", 3))
                                continue;
                        root = still_needed(names[i], a);
                        if (root)
                                needed[needed_count++] = root;
                        else
                                unlinkat(folder, names[i], 0);
                }
                for (size_t i = 0; i < count; i++)
                        if (strncmp(names[i], "of-", 3) && !is_in(names[i], needed, needed_count))
                                unlinkat(folder, names[i], 0);
        }
        error_clear();
        arena_free(a);
}

void trees_prune(void)
{
        int held = lock();

        prune_locked();
        unlock(held);
}
