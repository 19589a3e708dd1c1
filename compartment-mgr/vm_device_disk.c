/* SPDX-License-Identifier: Apache-2.0 */
/* Disks as devices of a VM. vm_device.c comes here. */
#include "compartment-mgr/vm_device.h"

static bool get(const struct vm_config *c, size_t n, struct vm_device *d_out)
{
        const struct disk *d;

        if (n >= c->disks.count)
                return false;
        d = &c->disks.items[n];
        d_out->name = d->device;
        d_out->where = d->path;
        d_out->part = d;
        return true;
}

static void tell(const struct vm_device *d, struct node *node)
{
        const struct disk *disk = d->part;

        vm_device_value(node, "path", disk->path);
        vm_device_value(node, "protection", disk->kind);
        vm_device_value(node, "writable", disk->writable ? "true" : "false");
}

const struct vm_device_kind vm_device_disk = {.name = "disk",
                                              .noun = "disk",
                                              .naming = "a disk by its device (xvda)",
                                              .mapped = true,
                                              .get = get,
                                              .tell = tell};
