/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The back-end for machines without device-mapper: does everything but the mapping. So there is
 * nothing to undo, and disks that are formatted get no integrity.
 */
#include "lib/io.h"
#include "svdm/device/file_device.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static enum status begin(const char *trees)
{
        (void)trees;
        return ST_DONE;
}

static enum status nothing(struct file_device *d)
{
        (void)d;
        return ST_DONE;
}

enum { FILL_MOST = 64 * 1024 };

/* Destroys what is there as `dm` does: what dm-crypt makes of zeros looks random. The beginning
 * will do. The data lie where the header ends. */
static enum status fill_new(struct file_device *d, int header,
                            const uint8_t key[static DISK_KEY_LEN])
{
        static uint8_t noise[FILL_MOST];
        int fd = io_reopen(d->file, O_RDWR | O_CLOEXEC);
        off_t data = lseek(header, 0, SEEK_END);
        size_t room = d->seen.size - (uint64_t)data;
        bool filled;

        (void)key;
        if (fd < 0)
                return FAIL(status_of_errno(errno), .subject = d->path, .found = strerror(errno));
        room = room < sizeof noise ? room : sizeof noise;
        filled = !getentropy(noise, 256) && pwrite(fd, noise, room, data) == (ssize_t)room;
        close(fd);
        return filled ? ST_DONE
                      : FAIL(ST_IO, .subject = d->path, .found = "it could not be filled");
}

static enum status map(struct file_device *d, const uint8_t secret[static SECRET_LEN],
                       struct block_device *out)
{
        enum status s = d->kind->unlock(d, secret);

        *out = (struct block_device){.device = d->name,
                                     .path = arena_print(d->arena, "sim:%s", d->path),
                                     .writable = d->writable};
        d->integrity = true; /* nothing is ever written, so there is nothing to warn of */
        return s;
}

static void unmap(struct file_device *d)
{
        (void)d;
}

static enum status check(const struct file_device *d)
{
        return open_disk_check(d->path, d->file, &d->seen, false);
}

static enum status release(const struct uuid *vm, const char *device)
{
        (void)vm, (void)device;
        return ST_DONE;
}

static uint32_t sweep(const struct uuid *but, size_t count)
{
        (void)but, (void)count;
        return 0;
}

const struct device_backend sim_backend = {.name = "sim",
                                           .simulated = true,
                                           .begin = begin,
                                           .open = nothing,
                                           .attach_new = nothing,
                                           .fill_new = fill_new,
                                           .map = map,
                                           .unmap = unmap,
                                           .check = check,
                                           .release = release,
                                           .sweep = sweep};
