/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a path to a descriptor that is surely what was meant. The device worker comes here, for
 * disks and for targets. It opens files and block devices, and reads nothing.
 */
#include "svdm/device/open_disk.h"
#include "lib/file_at.h"
#include "lib/io.h"
#include "svdm/device/disk_users.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef BLKGETDISKSEQ
#define BLKGETDISKSEQ _IOR(0x12, 128, __u64)
#endif

/* As systemd's ProtectSystem= says it, where the unit's ReadWritePaths= do not name the place. */
static enum status not_writable(const char *path)
{
        static const char plain[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-";
        const int folder = (int)(strrchr(path, '/') - path);

        /* What is pasted as root has neither quotes nor blanks of somebody else, nor all of "/". */
        if (!folder || strlen(path) > 120 || path[strspn(path, plain)])
                return FAIL(ST_DENIED, .subject = path, .expected = "a disk that svdm may write",
                            .found = "a file system that is read-only for it",
                            .remedy = "name the disk's folder in ReadWritePaths= of "
                                      "bulkhead-svdm.service");
        return FAIL(ST_DENIED, .subject = path, .expected = "a disk that svdm may write",
                    .found = "a file system that is read-only for it",
                    .remedy = FMT_LONG("if findmnt -T '%s' says rw, svdm's unit has to name "
                                       "the place: D=/etc/systemd/system/bulkhead-svdm.service.d; "
                                       "mkdir -p $D && printf '[Service]\\nReadWritePaths=%%s\\n' "
                                       "'%.*s' >>$D/disks.conf && systemctl daemon-reload && "
                                       "systemctl restart bulkhead-svdm",
                                       path, folder, path));
}

static enum status not_opened(const char *path)
{
        if (errno == EROFS)
                return not_writable(path);
        return FAIL(status_of_errno(errno), .subject = path, .found = strerror(errno));
}

static enum status identify(const char *path, int fd, struct disk_identity *out)
{
        *out = (struct disk_identity){0};
        if (fstat(fd, &out->stat))
                return not_opened(path);
        out->size = (uint64_t)out->stat.st_size;
        if (!S_ISBLK(out->stat.st_mode))
                return ST_DONE;
        if (ioctl(fd, BLKGETSIZE64, &out->size))
                return not_opened(path);
        if (ioctl(fd, BLKGETDISKSEQ, &out->sequence))
                out->sequence = 0; /* kernels before 5.15 */
        return ST_DONE;
}

/* Opens by the descriptor, not by the name a second time: this is the inode that was looked at. */
static int reopen(int fd, int flags)
{
        return io_reopen(fd, flags | O_NONBLOCK);
}

enum status open_disk_unused(const char *path, int fd)
{
        char text[256];
        struct stat st;
        int exclusive;

        if (fstat(fd, &st))
                return not_opened(path);
        if (!S_ISBLK(st.st_mode))
                return ST_DONE;
        exclusive = reopen(fd, O_RDONLY | O_EXCL); /* open(2): refused while mounted or claimed */
        if (exclusive >= 0)
                return close(exclusive) ? not_opened(path) : ST_DONE;
        if (errno != EBUSY)
                return not_opened(path);
        return FAIL(ST_BUSY, .subject = path, .expected = "a device that the host does not use",
                    .found = disk_users_of(st.st_rdev, text),
                    .remedy = FMT("lsblk %s shows by what; free it", path));
}

enum status open_disk(const char *path, bool writable, int *fd_out, struct disk_identity *seen_out)
{
        int place = -1, fd = -1;
        struct stat st;
        enum status s;

        *fd_out = -1;
        s = *path == '/' ? file_at(path, &place)
                         : FAIL(ST_INVALID, .subject = path, .expected = "an absolute path");
        if (!s)
                s = file_at_is_disk(path, place, &st);
        if (!s) {
                fd = reopen(place, writable ? O_RDWR : O_RDONLY);
                s = fd < 0 ? not_opened(path) : identify(path, fd, seen_out);
        }
        if (!s && writable)
                s = open_disk_unused(path, fd);
        if (place >= 0)
                close(place);
        if (s && fd >= 0)
                close(fd);
        else
                *fd_out = fd;
        return s;
}

bool open_disk_same(const struct disk_identity *a, const struct disk_identity *b)
{
        return file_at_same(&a->stat, &b->stat);
}

static bool same_time(struct timespec a, struct timespec b)
{
        return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static enum status compare(const char *path, const struct disk_identity *seen,
                           const struct disk_identity *now, bool written)
{
        const bool times = !written && !S_ISBLK(seen->stat.st_mode);
        const char *what = NULL;

        if (!open_disk_same(seen, now))
                what = "another file or device";
        else if (seen->sequence != now->sequence)
                what = "another medium under the same device";
        else if (seen->size != now->size)
                what = "another size";
        else if (times && !same_time(seen->stat.st_mtim, now->stat.st_mtim))
                what = "written to since";
        else if (times && !same_time(seen->stat.st_ctim, now->stat.st_ctim))
                what = "changed since (attributes, links or content)";
        if (!what)
                return ST_DONE;
        return FAIL(ST_CHANGED, .subject = path, .expected = "what was opened and measured",
                    .found = what, .remedy = "see who writes to it, then try again");
}

enum status open_disk_check(const char *path, int fd, const struct disk_identity *seen,
                            bool written)
{
        struct disk_identity now;
        int again;
        enum status s = identify(path, fd, &now);

        if (!s)
                s = compare(path, seen, &now, written);
        if (!s)
                s = open_disk(path, false, &again, &now);
        if (s)
                return s;
        close(again);
        return compare(path, seen, &now, written);
}
