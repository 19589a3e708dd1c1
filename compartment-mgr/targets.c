/* SPDX-License-Identifier: Apache-2.0 */
/* Matches a descriptor's targets to open disks. The stories come here; descriptors are duplicated.
 */
#include "compartment-mgr/targets.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void close_one(int *fd)
{
        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}

void open_disks_close(struct open_disk *disks, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                close_one(&disks[i].file);
                close_one(&disks[i].header);
        }
}

void targets_clear(struct targets *t)
{
        open_disks_close(t->items, t->count);
        t->count = 0;
}

static enum status duplicate(int fd, int *fd_out)
{
        *fd_out = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (fd >= 0 && *fd_out < 0)
                return FAIL(status_of_errno(errno), .subject = "descriptors",
                            .found = strerror(errno));
        return ST_DONE;
}

static const struct open_disk *disk_at(const char *path, const struct open_disk *disks, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (!strcmp(disks[i].path, path))
                        return &disks[i];
        return NULL;
}

static enum status share(const struct open_disk *disk, struct open_disk *target)
{
        enum status s;

        *target = *disk;
        target->file = target->header = -1;
        s = duplicate(disk->file, &target->file);
        return s ? s : duplicate(disk->header, &target->header);
}

enum status targets_open(struct targets *t, const struct descriptor *d,
                         const struct open_disk *disks, size_t disks_count, targets_opener *open,
                         void *with, struct arena *a)
{
        enum status s = ST_DONE;

        targets_clear(t);
        if (d->targets.count > TARGETS_MOST)
                return FAIL(ST_TOO_LARGE, .subject = "targets", .expected = "at most 64");
        for (size_t i = 0; i < d->targets.count && !s; i++) {
                const char *path = d->targets.items[i].argument;
                const struct open_disk *disk = disk_at(path, disks, disks_count);
                struct open_disk *target = &t->items[t->count++];

                *target = (struct open_disk){.path = path, .file = -1, .header = -1};
                if (disk)
                        s = share(disk, target);
                else if (*path == '/')
                        s = open(with, path, a, target);
        }
        if (s)
                targets_clear(t);
        return s;
}
