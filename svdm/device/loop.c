/* SPDX-License-Identifier: Apache-2.0 */
/* Loop devices by ioctl(2): /dev/loop-control and /dev/loopN are all that is opened here. */
#include "svdm/device/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { TRIES = 64 /* somebody else may take a free number first */ };

static enum status failed(const char *path, const char *what)
{
        return FAIL(status_of_errno(errno), .subject = path, .expected = "a loop device for it",
                    .found = FMT("%s: %s", what, strerror(errno)),
                    .remedy = errno == ENOENT || errno == ENXIO
                                      ? "modprobe loop"
                                      : "losetup --list shows those in use");
}

static enum status open_free(const char *path, bool writable, int *loop_out)
{
        char node[32];
        int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
        int number;

        if (control < 0)
                return failed(path, "/dev/loop-control");
        number = ioctl(control, LOOP_CTL_GET_FREE);
        close(control);
        if (number < 0)
                return failed(path, "/dev/loop-control");
        snprintf(node, sizeof node, "/dev/loop%d", number);
        *loop_out = open(node, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW);
        return *loop_out < 0 ? failed(path, node) : ST_DONE;
}

enum status loop_attach(const char *path, const char *label, int file, bool writable, int *loop_out)
{
        struct loop_config config = {
                .fd = (unsigned)file,
                .info = {.lo_flags = LO_FLAGS_AUTOCLEAR | (writable ? 0 : LO_FLAGS_READ_ONLY)}};
        enum status s;

        *loop_out = -1;
        snprintf((char *)config.info.lo_file_name, LO_NAME_SIZE, "%s", label);
        for (int i = 0; i < TRIES; i++) {
                int loop = -1, error;

                s = open_free(path, writable, &loop);
                if (s)
                        return s;
                if (!ioctl(loop, LOOP_CONFIGURE, &config)) {
                        *loop_out = loop;
                        return ST_DONE;
                }
                error = errno;
                s = failed(path, "LOOP_CONFIGURE");
                close(loop);
                if (error != EBUSY)
                        break;
        }
        return s;
}

static enum status changed(const char *path, const char *found)
{
        return FAIL(ST_CHANGED, .subject = path, .expected = "the loop device on what was opened",
                    .found = found, .remedy = "see who uses losetup, then try again");
}

enum status loop_check(const char *path, int loop, const struct stat *file, bool writable)
{
        struct loop_info64 now;

        if (ioctl(loop, LOOP_GET_STATUS64, &now))
                return changed(path, strerror(errno));
        if (now.lo_device != file->st_dev || now.lo_inode != file->st_ino)
                return changed(path, FMT("device %u:%u, inode %llu", major(now.lo_device),
                                         minor(now.lo_device), (unsigned long long)now.lo_inode));
        if (now.lo_offset || now.lo_sizelimit)
                return changed(path, "another part of it");
        if (!writable != !!(now.lo_flags & LO_FLAGS_READ_ONLY))
                return changed(path, writable ? "a read-only one" : "a writable one");
        return ST_DONE;
}
