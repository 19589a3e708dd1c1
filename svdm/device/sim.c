/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The back-end for machines without device-mapper: does everything but the mapping. So there is
 * nothing to undo, and disks that are formatted get no integrity.
 */
#include "svdm/device/file_device.h"

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

static enum status fill_new(struct file_device *d, int header,
                            const uint8_t key[static DISK_KEY_LEN])
{
        (void)d, (void)header, (void)key;
        return ST_DONE;
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
