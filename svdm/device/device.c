/* SPDX-License-Identifier: Apache-2.0 */
/* Which kinds of devices and which back-ends there are, and how a disk is opened for a VM. */
#include "svdm/device/device.h"
#include "svdm/device/luks_disk.h"

#include <string.h>
#include <unistd.h>

static const struct device_kind *const kinds[] = {&crypt_kind, &verity_kind, &boot_kind,
                                                  &memory_kind, &memory_new_kind};
static const struct device_backend *const backends[] = {&dm_backend, &sim_backend};

enum status device_backend_of_name(const char *name, const struct device_backend **backend_out)
{
        for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
                if (!strcmp(name, backends[i]->name)) {
                        *backend_out = backends[i];
                        return ST_DONE;
                }
        return FAIL(ST_UNSUPPORTED, .subject = "the device back-end", .expected = "dm or sim",
                    .found = name, .remedy = "--devices sim");
}

enum status device_kind_of_name(const char *name, const struct device_kind **kind_out)
{
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
                if (!strcmp(name, kinds[i]->name)) {
                        *kind_out = kinds[i];
                        return ST_DONE;
                }
        return FAIL(ST_UNSUPPORTED, .subject = "the kind of a disk",
                    .expected = "crypt, verity, boot or memory", .found = name);
}

/* After the back-end has put what will be read in place. */
static enum status read_header(struct device *d)
{
        const int content = d->content >= 0 ? d->content : d->file;

        if (d->kind->boot || luks_probe(content) != LUKS_2)
                return ST_DONE;
        return luks_header(d->path, content, d->seen.size, &d->header, &d->uuid);
}

static enum status open_as(struct device *d, const char *kind)
{
        enum status s = device_kind_of_name(kind, &d->kind);

        d->file = d->header = d->content = d->block = d->hash = -1;
        if (!s)
                s = open_disk(d->path, false, &d->file, &d->seen);
        if (s == ST_NOT_FOUND && d->kind->memory)
                s = memory_is_missing(d->path, "no such file");
        if (!s)
                s = d->kind->accept(d);
        if (!s && d->backend)
                s = d->backend->open(d);
        if (!s)
                s = read_header(d);
        if (s)
                device_close(d);
        return s;
}

enum status device_open(const struct disk *w, const struct device_backend *backend,
                        const struct uuid *vm, struct arena *a, struct device *d)
{
        *d = (struct device){.name = w->device,
                             .path = w->path,
                             .writable = w->writable,
                             .backend = backend,
                             .vm = *vm,
                             .arena = a};
        return open_as(d, w->kind);
}

enum status device_look(const struct disk *w, const struct device_backend *backend,
                        const struct uuid *vm, dev_t as, struct arena *a, struct device *d)
{
        *d = (struct device){.name = w->device,
                             .path = w->path,
                             .writable = w->writable,
                             .backend = backend,
                             .vm = *vm,
                             .arena = a,
                             .look = true,
                             .as = as};
        return open_as(d, w->kind);
}

enum status device_open_target(const char *path, struct device *d)
{
        *d = (struct device){.name = "", .path = path};
        return open_as(d, verity_kind.name);
}

static void close_one(int *fd)
{
        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}

void device_detach(struct device *d)
{
        close_one(&d->block);
        close_one(&d->hash);
}

void device_close(struct device *d)
{
        device_detach(d);
        close_one(&d->content);
        close_one(&d->file);
        close_one(&d->header);
}
