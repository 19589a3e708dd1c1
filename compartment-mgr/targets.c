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

bool targets_is_facts(const char *plugin)
{
        static const char *const plugins[] = {"vm", "hypervisor", "vms"};

        for (size_t i = 0; i < sizeof plugins / sizeof *plugins; i++)
                if (!strcmp(plugin, plugins[i]))
                        return true;
        return false;
}

static enum status open_one(const struct target *t, const struct open_disk *disks, size_t count,
                            targets_opener *open, void *with, struct arena *a,
                            struct open_disk *out)
{
        const struct open_disk *disk;

        *out = (struct open_disk){.path = t->argument, .file = -1, .header = -1};
        if (targets_is_facts(t->plugin))
                return open(with, t, a, out);
        disk = disk_at(t->argument, disks, count);
        if (disk)
                return share(disk, out);
        return *t->argument == '/' ? open(with, t, a, out) : ST_DONE;
}

enum status targets_open(struct targets *t, const struct descriptor *d,
                         const struct open_disk *disks, size_t disks_count, targets_opener *open,
                         void *with, struct arena *a)
{
        enum status s = ST_DONE;

        targets_clear(t);
        if (d->targets.count > TARGETS_MOST)
                return FAIL(ST_TOO_LARGE, .subject = "targets", .expected = "at most 64");
        for (size_t i = 0; i < d->targets.count && !s; i++)
                s = open_one(&d->targets.items[i], disks, disks_count, open, with, a,
                             &t->items[t->count++]);
        if (s)
                targets_clear(t);
        return s;
}
