/* SPDX-License-Identifier: Apache-2.0 */
/* disk= of an xl.cfg: each entry as libxlutil splits it, and nothing in it that is not read. */
#include "compartment-mgr/config/xl_disks.h"

#include <string.h>

static enum status refuse_disk(const char *spec, const char *why, const char *remedy)
{
        return FAIL(ST_UNSUPPORTED, .subject = FMT("xl.cfg: disk '%.180s'", spec), .found = why,
                    .remedy = remedy);
}

static bool is_device_name(const char *name)
{
        size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");

        return n > 0 && n <= 15 && !name[n];
}

static enum status disk_allowed(const char *spec, const libxl_device_disk *d)
{
        if (d->script)
                return refuse_disk(spec, "a hotplug script",
                                   "attach the disk in Dom0 and name its block device");
        if (d->format != LIBXL_DISK_FORMAT_RAW)
                return refuse_disk(spec, "a format other than raw",
                                   "convert it: qemu-img convert -O raw OLD NEW");
        if (d->is_cdrom || d->removable)
                return refuse_disk(spec, "a removable disk", "remove it");
        if (d->backend != LIBXL_DISK_BACKEND_UNKNOWN && d->backend != LIBXL_DISK_BACKEND_PHY)
                return refuse_disk(spec, "a back-end other than phy", "remove backendtype=");
        if (d->backend_domname || d->direct_io_safe || d->colo_host || d->colo_export ||
            d->active_disk || d->hidden_disk || d->colo_port ||
            !libxl_defbool_is_default(d->colo_enable) || !libxl_defbool_is_default(d->trusted) ||
            !libxl_defbool_is_default(d->discard_enable) ||
            d->specification != LIBXL_DISK_SPECIFICATION_UNKNOWN)
                return refuse_disk(spec, "a parameter that this version does not know",
                                   "give format=raw, vdev=, access= and target= only");
        if (!d->pdev_path || *d->pdev_path != '/')
                return refuse_disk(spec, "no absolute path", "give the disk's whole path");
        if (!d->vdev || !is_device_name(d->vdev))
                return refuse_disk(spec, "no usable device name", "name it such as xvda");
        return ST_DONE;
}

static enum status read_disk(struct xl_values *c, const char *spec, struct disk *disk_out)
{
        const char *specs[] = {spec};
        libxl_device_disk d;
        enum status s;

        libxl_device_disk_init(&d);
        if (xlu_disk_parse(c->xlu, 1, specs, &d))
                s = xl_values_invalid(c, FMT("disk '%.180s'", spec));
        else
                s = disk_allowed(spec, &d);
        if (!s)
                *disk_out = xl_config_disk(arena_text(c->arena, d.vdev),
                                           arena_text(c->arena, d.pdev_path), d.readwrite != 0);
        libxl_device_disk_dispose(&d);
        return s;
}

/* Two writers of one disk, or one disk under two digests: neither can be sealed. */
static enum status disk_once(const struct disk *disks, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (!strcmp(disks[i].device, disks[n].device) ||
                    !strcmp(disks[i].path, disks[n].path))
                        return FAIL(ST_INVALID, .subject = "xl.cfg: disk",
                                    .found = FMT("%.120s and %.120s twice", disks[n].device,
                                                 disks[n].path),
                                    .remedy = "give each device and each path once");
        return ST_DONE;
}

enum status xl_disks_read(struct xl_values *c, struct json_object *json, struct xl_config *out)
{
        struct json_object *array = json_object_new_array();
        XLU_ConfigList *list = NULL;
        int count = 0;
        enum status s;

        json_object_object_add(json, "disks", array);
        s = xl_values_list(c, "disk", DISKS_MOST, &list, &count);
        if (s)
                return s;
        out->disks = arena_get_many(c->arena, (size_t)count, sizeof *out->disks);
        for (int i = 0; i < count; i++) {
                struct disk *d = &out->disks[i];
                struct json_object *o;

                s = read_disk(c, xlu_cfg_get_listitem(list, i), d);
                if (!s)
                        s = disk_once(out->disks, (size_t)i);
                if (s)
                        return s;
                o = json_object_new_object();
                xl_values_put(o, "device", d->device);
                xl_values_put(o, "path", d->path);
                json_object_object_add(o, "writable", json_object_new_boolean(d->writable));
                json_object_array_add(array, o);
        }
        out->disks_count = (size_t)count;
        return ST_DONE;
}
