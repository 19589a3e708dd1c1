/* SPDX-License-Identifier: Apache-2.0 */
/* From a path to the file that it names (lib/file_at.h). */
#include "lib/file_at.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* File systems whose files are made up as they are read. */
static const long made_up[] = {
        PROC_SUPER_MAGIC, SYSFS_MAGIC,        DEBUGFS_MAGIC,       TRACEFS_MAGIC,
        SECURITYFS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, BPF_FS_MAGIC,
        EFIVARFS_MAGIC,   PSTOREFS_MAGIC,     SELINUX_MAGIC,       0x62656570 /* configfs */,
        BINFMTFS_MAGIC,
};

static enum status failed(const char *path)
{
        return FAIL(status_of_errno(errno), .subject = path, .found = strerror(errno));
}

static int open_path_only(const char *path)
{
        const struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                                     .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};

        return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
}

static enum status refuse_link(const char *path, const char *real)
{
        return FAIL(ST_REFUSED, .subject = path, .expected = "a path without symbolic links",
                    .found = real ? "a symbolic link" : "a symbolic link that leads nowhere",
                    .remedy = real ? FMT("name the real path: %s", real)
                                   : "name the real path of what it should lead to");
}

enum status file_at(const char *path, int *fd_out)
{
        char *real;
        enum status s;

        *fd_out = -1;
        *fd_out = open_path_only(path);
        if (*fd_out >= 0)
                return ST_DONE;
        if (errno != ELOOP)
                return failed(path);
        real = realpath(path, NULL);
        if (!real || strncmp(path, "/dev/", 5) || strncmp(real, "/dev/", 5)) {
                s = !real && errno == EACCES ? failed(path) : refuse_link(path, real);
        } else {
                *fd_out = open_path_only(real);
                s = *fd_out < 0 ? failed(path) : ST_DONE;
        }
        free(real);
        return s;
}

static const char *kind_of(mode_t mode)
{
        return S_ISFIFO(mode)   ? "a FIFO"
               : S_ISSOCK(mode) ? "a socket"
               : S_ISDIR(mode)  ? "a folder"
               : S_ISCHR(mode)  ? "a character device"
                                : "something else";
}

enum status file_at_is_disk(const char *path, int fd, struct stat *st_out)
{
        struct statfs fs;

        if (fstat(fd, st_out) || fstatfs(fd, &fs))
                return failed(path);
        if (!S_ISREG(st_out->st_mode) && !S_ISBLK(st_out->st_mode))
                return FAIL(ST_REFUSED, .subject = path, .expected = "a file or a block device",
                            .found = kind_of(st_out->st_mode));
        for (size_t i = 0; S_ISREG(st_out->st_mode) && i < sizeof made_up / sizeof *made_up; i++)
                if (fs.f_type == made_up[i])
                        return FAIL(ST_REFUSED, .subject = path, .expected = "a file on a disk",
                                    .found = "a file of the kernel's own");
        return ST_DONE;
}

enum status file_at_is_boot(const char *path, const struct stat *st)
{
        if (!S_ISREG(st->st_mode))
                return FAIL(ST_REFUSED, .subject = path, .expected = "a regular file",
                            .found = S_ISBLK(st->st_mode) ? "a block device" : kind_of(st->st_mode),
                            .remedy = "copy the kernel or ramdisk into a file and name that");
        if (st->st_size <= 0 || st->st_size > BOOT_FILE_MOST)
                return FAIL(ST_REFUSED, .subject = path,
                            .expected = FMT("1 byte to %d MiB", BOOT_FILE_MOST >> 20),
                            .found = FMT("%lld bytes", (long long)st->st_size),
                            .remedy = "name a kernel or ramdisk");
        return ST_DONE;
}

bool file_at_same(const struct stat *a, const struct stat *b)
{
        if (S_ISBLK(a->st_mode) != S_ISBLK(b->st_mode))
                return false;
        if (S_ISBLK(a->st_mode))
                return a->st_rdev == b->st_rdev;
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}
