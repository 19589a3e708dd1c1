/* SPDX-License-Identifier: Apache-2.0 */
/* Closes and duplicates descriptors. Every story that holds open disks comes here. */
#include "compartment-mgr/open_disks.h"

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

static enum status duplicate(int fd, int *fd_out)
{
        *fd_out = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (fd >= 0 && *fd_out < 0)
                return FAIL(status_of_errno(errno), .subject = "descriptors",
                            .found = strerror(errno));
        return ST_DONE;
}

enum status open_disks_share(const struct open_disk *disk, struct open_disk *twin_out)
{
        enum status s;

        *twin_out = *disk;
        twin_out->file = twin_out->header = -1;
        s = duplicate(disk->file, &twin_out->file);
        return s ? s : duplicate(disk->header, &twin_out->header);
}

struct wanted_device_list open_disks_boot(struct arena *a, const struct vm_config *c)
{
        struct wanted_device_list list = {arena_get_many(a, OPEN_DISKS_MOST, sizeof *list.items),
                                          c->boot.count};

        for (size_t i = 0; i < c->boot.count; i++)
                list.items[i] = (struct wanted_device){.name = c->boot.items[i].name,
                                                       .kind = "boot",
                                                       .path = c->boot.items[i].path};
        return list;
}

struct wanted_device_list open_disks_all(struct arena *a, const struct vm_config *c,
                                         const struct wanted_device *more)
{
        struct wanted_device_list list = open_disks_boot(a, c);

        for (size_t i = 0; i < c->disks.count; i++) {
                const struct disk *d = &c->disks.items[i];

                list.items[list.count++] = (struct wanted_device){.name = d->device,
                                                                  .kind = d->kind,
                                                                  .path = d->path,
                                                                  .writable = d->writable};
        }
        if (more)
                list.items[list.count++] = *more;
        return list;
}
