/* SPDX-License-Identifier: Apache-2.0 */
/* disk= of an xl.cfg: each entry as libxlutil splits it, and nothing in it that is not read. */
#include "compartment-mgr/config/xl_disks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status refuse_disk(const char *spec, const char *why, const char *remedy)
{
        return FAIL(ST_UNSUPPORTED, .subject = FMT("xl.cfg: disk '%.180s'", spec), .found = why,
                    .remedy = remedy);
}

/* Which disk of the guest, and which partition of it, a device number means (Xen's
 * xen-vbd-interface(7)). */
static bool read_number(const char *name, unsigned long *disk, unsigned long *partition)
{
        char *end;
        unsigned long n = strtoul(name, &end, 0), minor = n & 0xff;

        if (*end || end == name)
                return false;
        if (n >> 28 == 1) {
                *disk = n >> 8 & 0xfffff;
                *partition = minor;
        } else if (n >> 8 == 202 || n >> 8 == 8) { /* xvd, sd */
                *disk = minor >> 4;
                *partition = minor & 15;
        } else if (n >> 8 == 3 || n >> 8 == 22) { /* hda and hdb, hdc and hdd */
                *disk = (minor >> 6) + (n >> 8 == 22 ? 2 : 0);
                *partition = minor & 63;
        } else {
                return false;
        }
        return true;
}

/* The same of a name: xvdb1, hdb, sdb, d1p1. A guest shows hda as the same disk as xvda. */
static bool read_device(const char *name, unsigned long *disk, unsigned long *partition)
{
        size_t prefix = !strncmp(name, "xvd", 3) ? 3 : name[0] && name[1] == 'd' ? 2 : 0;
        const char *p = name + prefix;
        int n = 0;

        if (name[0] >= '0' && name[0] <= '9')
                return read_number(name, disk, partition);
        *partition = 0;
        if (sscanf(name, "d%4lup%3lu%n", disk, partition, &n) == 2 && !name[n])
                return true;
        if ((prefix == 2 && !strchr("hs", name[0])) || !prefix || *p < 'a' || *p > 'z')
                return false;
        for (*disk = 0; *p >= 'a' && *p <= 'z' && p - name < 8; p++)
                *disk = *disk * 26 + (unsigned long)(*p - 'a') + 1;
        --*disk;
        n = 0;
        if (*p && (sscanf(p, "%3lu%n", partition, &n) != 1 || p[n]))
                return false;
        return true;
}

static bool is_device_name(const char *name)
{
        size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");
        unsigned long disk, partition;

        return n > 0 && n <= 15 && !name[n] && read_device(name, &disk, &partition);
}

static bool same_device(const char *a, const char *b)
{
        unsigned long disks[2], partitions[2];

        return read_device(a, &disks[0], &partitions[0]) &&
               read_device(b, &disks[1], &partitions[1]) && disks[0] == disks[1] &&
               partitions[0] == partitions[1];
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
                return refuse_disk(
                        spec, d->vdev ? FMT("'%.60s', no device name", d->vdev) : "no device name",
                        "name it such as xvda");
        return ST_DONE;
}

static enum status read_disk(struct xl_values *c, const char *spec, struct disk *disk_out)
{
        const char *specs[] = {spec};
        libxl_device_disk d;
        const char *path;
        enum status s;

        libxl_device_disk_init(&d);
        if (xlu_disk_parse(c->xlu, 1, specs, &d))
                s = xl_values_invalid(c, FMT("disk '%.180s'", spec));
        else
                s = disk_allowed(spec, &d);
        if (!s)
                s = xl_values_plain(c, FMT("disk '%.180s'", spec), d.pdev_path, &path);
        if (!s)
                *disk_out = xl_config_disk(arena_text(c->arena, d.vdev), path, d.readwrite != 0);
        libxl_device_disk_dispose(&d);
        return s;
}

/* Two writers of one disk, or one disk under two digests: neither can be sealed. */
static enum status disk_once(const struct disk *disks, size_t n)
{
        const struct disk *d = &disks[n];

        for (const struct disk *o = disks; o < d; o++) {
                if (!strcmp(o->path, d->path))
                        return FAIL(ST_INVALID, .subject = "xl.cfg: disk",
                                    .found = FMT("'%.200s' twice", d->path),
                                    .remedy = "give each path once");
                if (same_device(o->device, d->device))
                        return FAIL(ST_INVALID, .subject = "xl.cfg: disk",
                                    .found = strcmp(o->device, d->device)
                                                     ? FMT("'%s' and '%s', which are one device "
                                                           "to the guest",
                                                           o->device, d->device)
                                                     : FMT("'%s' twice", d->device),
                                    .remedy = "give each device once");
        }
        return ST_DONE;
}

static void put_disk(struct json_object *array, const struct disk *d)
{
        struct json_object *o = json_object_new_object();

        xl_values_put(o, "device", d->device);
        xl_values_put(o, "path", d->path);
        json_object_object_add(o, "writable", json_object_new_boolean(d->writable));
        json_object_array_add(array, o);
}

void xl_disks_read(struct xl_values *c, struct json_object *json, struct xl_config *out)
{
        struct json_object *array = json_object_new_array();
        XLU_ConfigList *list = NULL;
        const char *spec;
        int count;

        json_object_object_add(json, "disks", array);
        xl_scan_failed(c->scan, -1, xl_values_list(c, "disk", DISKS_MOST, &list, &count));
        out->disks = arena_get_many(c->arena, (size_t)count, sizeof *out->disks);
        for (int i = 0; i < count; i++) {
                struct disk *d = &out->disks[out->disks_count];
                enum status s = xl_values_item(c, "disk", list, i, &spec);

                if (!s)
                        s = read_disk(c, spec, d);
                if (!s)
                        s = disk_once(out->disks, out->disks_count);
                if (xl_scan_failed(c->scan, i, s))
                        continue;
                put_disk(array, d);
                out->disks_count++;
        }
}
