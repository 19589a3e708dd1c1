/* SPDX-License-Identifier: Apache-2.0 */
/* Which kinds of devices and which back-ends there are, and how a disk is opened for a VM. */
#include "svdm/device.h"
#include "svdm/luks_disk.h"

#include <string.h>
#include <unistd.h>

static enum status sim_map(const struct device *d, struct arena *a, const char **path_out)
{
        *path_out = arena_print(a, "sim:%s", d->path);
        return ST_DONE;
}

static enum status sim_unmap(const char *path)
{
        (void)path;
        return ST_DONE;
}

static const struct device_backend sim = {
        .name = "sim", .simulated = true, .map = sim_map, .unmap = sim_unmap};

static const struct device_kind *const kinds[] = {&crypt_kind, &verity_kind, &boot_kind};

enum status device_backend_of_name(const char *name, const struct device_backend **backend_out)
{
        if (!strcmp(name, sim.name)) {
                *backend_out = &sim;
                return ST_DONE;
        }
        return FAIL(ST_UNSUPPORTED, .subject = "the device back-end", .expected = "sim",
                    .found = name,
                    .remedy = strcmp(name, "dm") ? "--devices sim"
                                                 : "not in this version: --devices sim");
}

enum status device_kind_of_name(const char *name, const struct device_kind **kind_out)
{
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
                if (!strcmp(name, kinds[i]->name)) {
                        *kind_out = kinds[i];
                        return ST_DONE;
                }
        return FAIL(ST_UNSUPPORTED, .subject = "the kind of a disk",
                    .expected = "crypt, verity or boot", .found = name);
}

enum status device_open(const struct disk *w, struct device *d)
{
        enum status s;

        *d = (struct device){.name = w->device,
                             .path = w->path,
                             .writable = w->writable,
                             .file = -1,
                             .header = -1};
        s = device_kind_of_name(w->kind, &d->kind);
        if (!s)
                s = open_disk(d->path, false, &d->file, &d->seen);
        if (!s)
                s = d->kind->accept(d);
        if (!s && !d->kind->boot && luks_probe(d->file) == LUKS_2)
                s = luks_header(d->path, d->file, d->seen.size, &d->header, &d->uuid);
        if (s)
                device_close(d);
        return s;
}

void device_close(struct device *d)
{
        if (d->file >= 0)
                close(d->file);
        if (d->header >= 0)
                close(d->header);
        d->file = d->header = -1;
}
