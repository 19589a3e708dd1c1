/* SPDX-License-Identifier: Apache-2.0 */
/* Compares what a seal has keys of with what is there, by LUKS UUID. Nothing is asked. */
#include "compartment-mgr/sealed_disks.h"

#include <string.h>

static bool has_key(const struct disk_seen *d)
{
        return !uuid_is_zero(&d->uuid);
}

bool sealed_disks_at(const struct im_sealed_rep *sealed, const char *path)
{
        for (size_t i = 0; i < sealed->disks.count; i++)
                if (has_key(&sealed->disks.items[i]) && !strcmp(sealed->disks.items[i].path, path))
                        return true;
        return false;
}

static const struct open_disk *at_path(const struct open_disk_list *open, const char *path)
{
        for (size_t i = 0; i < open->count; i++)
                if (!strcmp(open->items[i].path, path))
                        return &open->items[i];
        return NULL;
}

static bool knows(const struct im_sealed_rep *sealed, const struct uuid *uuid)
{
        for (size_t i = 0; i < sealed->disks.count; i++)
                if (uuid_equal(&sealed->disks.items[i].uuid, uuid))
                        return true;
        return false;
}

void sealed_disks_mark(const struct im_sealed_rep *sealed, const struct open_disk_list *open,
                       struct disk_slots_list *disks)
{
        for (size_t i = 0; sealed->disks.count && i < disks->count; i++) {
                const struct open_disk *there = at_path(open, disks->items[i].path);

                disks->items[i].foreign = there && there->encrypted && !knows(sealed, &there->uuid);
        }
}

static bool is_open(const struct open_disk_list *open, const struct uuid *uuid)
{
        for (size_t i = 0; i < open->count; i++)
                if (open->items[i].encrypted && uuid_equal(&open->items[i].uuid, uuid))
                        return true;
        return false;
}

enum status sealed_disks_present(const struct im_sealed_rep *sealed,
                                 const struct open_disk_list *open, const char *command)
{
        for (size_t i = 0; i < sealed->disks.count; i++) {
                const struct disk_seen *d = &sealed->disks.items[i];
                const struct open_disk *there = at_path(open, d->path);

                if (!has_key(d) || is_open(open, &d->uuid))
                        continue;
                return FAIL(
                        ST_REFUSED, .subject = FMT("disk %.200s", d->path),
                        .expected = FMT("LUKS UUID %s: the seal has its key", UUID_TEXT(&d->uuid)),
                        .found = there && there->encrypted ? FMT("another disk: LUKS UUID %s",
                                                                 UUID_TEXT(&there->uuid))
                                                           : "the VM does not have that disk now",
                        .remedy = FMT_LONG("put that disk back, or mount what it lies on; or, "
                                           "to give up the key that the seal has of it, and "
                                           "its data if no passphrase opens it: %s",
                                           command));
        }
        return ST_DONE;
}
