/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens, describes, unlocks and compares what lies in a file or a block device. The device worker
 * comes here by way of the table of kinds. Each kind and each back-end does itself what is special
 * about it.
 */
#include "svdm/device/file_device.h"
#include "lib/io.h"
#include "svdm/device/disk_sample.h"
#include "svdm/device/disk_users.h"
#include "svdm/device/luks_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void close_one(int *fd)
{
        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}

void file_device_detach(struct file_device *d)
{
        close_one(&d->block);
        close_one(&d->hash);
}

static void close_all(struct file_device *d)
{
        file_device_detach(d);
        close_one(&d->content);
        close_one(&d->file);
        close_one(&d->header);
}

/* --- opening ------------------------------------------------------------------------------- */

/* Called when the back-end has put in place what the guest will read. */
static enum status read_header(struct file_device *d)
{
        const int content = d->content >= 0 ? d->content : d->file;

        if (d->kind->boot || luks_probe(content) != LUKS_2)
                return ST_DONE;
        return luks_header(d->path, content, d->seen.size, &d->header, &d->uuid);
}

static enum status open_as(struct file_device *d, const struct file_kind *kind)
{
        enum status s;

        d->kind = kind;
        d->file = d->header = d->content = d->block = d->hash = -1;
        s = open_disk(d->path, false, &d->file, &d->seen);
        if (s == ST_NOT_FOUND && kind->missing)
                s = kind->missing(d, "no such file");
        if (!s)
                s = kind->accept(d);
        if (!s && d->backend)
                s = d->backend->open(d);
        if (!s)
                s = read_header(d);
        if (s)
                close_all(d);
        return s;
}

enum status file_device_open(struct device *d, const struct wanted_device *w,
                             const struct device_use *use)
{
        struct file_device *f = d->part = arena_get(use->arena, sizeof *f);

        *f = (struct file_device){.name = w->name,
                                  .path = w->path,
                                  .writable = w->writable,
                                  .sealed = w->sealed,
                                  .backend = use->backend,
                                  .vm = *use->vm,
                                  .arena = use->arena,
                                  .look = use->look && !d->kind->file->boot,
                                  .as = use->as};
        return open_as(f, d->kind->file);
}

void file_device_close(struct device *d)
{
        close_all(d->part);
}

/* --- describing ---------------------------------------------------------------------------- */

/* A read-only descriptor for the caller. Opened anew: a memfd's own descriptor can write. */
static enum status hand_out(int fd, int *out)
{
        *out = -1;
        if (fd < 0)
                return ST_DONE;
        *out = io_reopen(fd, O_RDONLY | O_NONBLOCK);
        return *out < 0 ? FAIL(status_of_errno(errno), .subject = "a disk's descriptor",
                               .found = strerror(errno))
                        : ST_DONE;
}

static enum status describe(const struct file_device *d, struct open_disk *out)
{
        enum status s;

        *out = (struct open_disk){.path = d->path,
                                  .uuid = d->uuid,
                                  .encrypted = d->header >= 0,
                                  .writable = d->writable,
                                  .boot = d->kind->boot,
                                  .file = -1,
                                  .header = -1};
        s = hand_out(d->content >= 0 ? d->content : d->file, &out->file);
        return s ? s : hand_out(d->header, &out->header);
}

enum status file_device_describe(const struct device *d, struct open_disk *out)
{
        return describe(d->part, out);
}

static enum status accept_any(struct file_device *d)
{
        (void)d;
        return ST_DONE;
}

enum status file_device_target(const char *path, struct open_disk *out)
{
        static const struct file_kind any = {.accept = accept_any};
        struct file_device d = {.name = "", .path = path};
        enum status s = open_as(&d, &any);

        *out = (struct open_disk){.path = path, .file = -1, .header = -1};
        if (s)
                return s;
        s = describe(&d, out);
        close_all(&d);
        return s;
}

void file_device_hold(const struct device *d, struct held_disk *out)
{
        const struct file_device *f = d->part;

        *out = (struct held_disk){.path = f->path, .writable = f->writable};
        if (S_ISBLK(f->seen.stat.st_mode)) {
                out->node = f->seen.stat.st_rdev;
        } else {
                out->device = f->seen.stat.st_dev;
                out->inode = f->seen.stat.st_ino;
        }
}

/* --- before a seal ------------------------------------------------------------------------- */

enum status file_device_sample(const struct device *d, struct disk_sample *out)
{
        const struct file_device *f = d->part;
        enum status s = open_disk_unused(f->path, f->file);

        if (!s)
                s = disk_users_host(f->path, f->file);
        *out = (struct disk_sample){.path = f->path, .sample = -1};
        if (!s && f->header >= 0)
                s = luks_stranger(f->path, f->header, &f->vm, &out->stranger);
        return s ? s : disk_sample(f->path, f->file, f->seen.size, &out->sample);
}

enum status file_device_others(const struct device *d, const struct other_disk *others,
                               size_t count)
{
        const struct file_device *f = d->part;

        return disk_users_others(f->path, &f->seen.stat, others, count);
}

static int told_of_writes = -1;

void file_device_tell_writes(int written)
{
        told_of_writes = written;
}

enum status file_device_writes(const struct file_device *d)
{
        char line[80];
        int len = snprintf(line, sizeof line, "%s\n", d->name);

        if (told_of_writes < 0 || write(told_of_writes, line, (size_t)len) == len)
                return ST_DONE;
        return FAIL(ST_CANCELLED, .subject = d->path,
                    .found = "whoever asked for --format is gone; the disk was not written to",
                    .remedy = "ask again if it is wanted");
}

/* --- unlocking ----------------------------------------------------------------------------- */

enum status file_device_prepare(struct device *d, bool format, const struct authority *authority,
                                const uint8_t secret[static SECRET_LEN])
{
        struct file_device *f = d->part;

        return f->kind->prepare(f, format, authority, secret);
}

enum status file_device_unlock(struct device *d, const uint8_t secret[static SECRET_LEN],
                               struct device_unlock_rep *p)
{
        struct file_device *f = d->part;
        enum status s = f->kind->make ? f->kind->make(f, secret) : ST_DONE;

        if (!s)
                s = f->backend->map(f, secret, &p->devices.items[p->devices.count]);
        if (!s && f->kind->make) /* the LUKS2 header of an image that was made just now */
                s = hand_out(f->header, &p->memory);
        if (!f->integrity && f->writable)
                p->bare |= (uint64_t)1 << p->devices.count;
        p->devices.count++;
        return s;
}

void file_device_undo(struct device *d)
{
        struct file_device *f = d->part;

        f->backend->unmap(f);
}

enum status file_device_check(const struct device *d)
{
        const struct file_device *f = d->part;

        return f->backend->check(f);
}
