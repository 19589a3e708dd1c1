/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes libxl's configuration from a VM's. The back-end for Xen comes here before it builds a
 * domain; only memory and the descriptors of the boot files are touched.
 */
#include "compartment-mgr/domain/domain_xen_config.h"
#include "lib/io.h"

#include <errno.h>
#include <fcntl.h>
#include <libxl_utils.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* --- checking ---------------------------------------------------------------------------- */

const struct block_device *xen_config_device(const struct block_device *devices, size_t count,
                                             const char *name)
{
        for (size_t i = 0; i < count; i++)
                if (!strcmp(devices[i].device, name))
                        return &devices[i];
        return NULL;
}

static bool has_boot_file(const struct vm_config *c, const char *name)
{
        for (size_t i = 0; i < c->boot.count; i++)
                if (!strcmp(c->boot.items[i].name, name))
                        return true;
        return false;
}

/* Insists on bytes that nobody can change any more: what runs is what was measured. */
static enum status check_boot_file(const struct vm_config *c, const char *name, int fd)
{
        const int needed = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;
        bool wanted = has_boot_file(c, name);
        int seals;

        if (!wanted && fd < 0)
                return ST_DONE;
        if (!wanted || fd < 0)
                return FAIL(ST_INVALID, .subject = FMT("%s of VM %s", name, c->name),
                            .expected = wanted ? "the file that was measured" : "none",
                            .found = wanted ? "none" : "a file");
        seals = fcntl(fd, F_GET_SEALS);
        if (seals < 0 || (seals & needed) != needed)
                return FAIL(ST_INVALID, .subject = FMT("%s of VM %s", name, c->name),
                            .expected = "a sealed copy in memory",
                            .found = "a file that can still change");
        return ST_DONE;
}

/* The path has to lead to the block device with the number that svdm gave. */
enum status xen_config_check_disk(const struct disk *disk, const struct block_device *d)
{
        struct stat st;

        if (d->writable != disk->writable)
                return FAIL(ST_INVALID, .subject = FMT("device %s", d->device),
                            .expected = disk->writable ? "writable" : "read-only",
                            .found = d->writable ? "writable" : "read-only");
        if (stat(d->path, &st))
                return FAIL(status_of_errno(errno), .subject = d->path, .found = strerror(errno));
        if (!d->node || !S_ISBLK(st.st_mode))
                return FAIL(ST_UNSUPPORTED, .subject = FMT("device %s", d->device),
                            .expected = "a block device that Xen can hand to a guest",
                            .found = FMT("'%.200s', simulated", d->path),
                            .remedy = "start svdm without --devices sim");
        if (st.st_rdev != d->node)
                return FAIL(ST_CHANGED, .subject = FMT("%s, device %s", d->path, d->device),
                            .expected = FMT("%u:%u", major(d->node), minor(d->node)),
                            .found = FMT("%u:%u", major(st.st_rdev), minor(st.st_rdev)));
        return ST_DONE;
}

static enum status check_devices(const struct domain_create_req *q)
{
        const struct vm_config *c = &q->config;
        enum status s = ST_DONE;

        for (size_t i = 0; i < c->disks.count && !s; i++) {
                const struct disk *disk = &c->disks.items[i];
                const struct block_device *d =
                        xen_config_device(q->devices.items, q->devices.count, disk->device);

                s = d ? xen_config_check_disk(disk, d)
                      : FAIL(ST_INVALID, .subject = FMT("disk %s of VM %s", disk->device, c->name),
                             .expected = "a device", .found = "none");
        }
        if (!s && c->disks.count != q->devices.count)
                s = FAIL(ST_INVALID, .subject = FMT("devices of VM %s", c->name),
                         .expected = FMT("%zu", c->disks.count),
                         .found = FMT("%zu", q->devices.count));
        return s;
}

static bool read_mac(const char *text, uint8_t mac[6])
{
        int end = 0;

        return sscanf(text, LIBXL_MAC_FMT "%n", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
                      &mac[5], &end) == 6 &&
               end == LIBXL_MAC_FMTLEN && !text[end];
}

static enum status check_nics(const struct vm_config *c)
{
        uint8_t mac[6];

        for (size_t i = 0; i < c->nics.count; i++)
                if (!read_mac(c->nics.items[i].mac, mac))
                        return FAIL(ST_INVALID,
                                    .subject = FMT("%s of VM %s", c->nics.items[i].device, c->name),
                                    .expected = "a MAC address",
                                    .found = QUOTED(c->nics.items[i].mac));
        return ST_DONE;
}

static enum status check_sizes(const struct vm_config *c)
{
        if (!c->memory || c->memory > c->maxmem || c->maxmem > UINT64_MAX >> 10 || !c->vcpus ||
            c->vcpus > c->maxvcpus || c->maxvcpus > INT_MAX)
                return FAIL(ST_INVALID, .subject = FMT("VM %s", c->name),
                            .expected = "memory up to maxmem, vcpus up to maxvcpus");
        return ST_DONE;
}

enum status xen_config_check(const struct domain_create_req *q)
{
        const struct vm_config *c = &q->config;
        enum status s;

        if (strcmp(c->type, "pv") && strcmp(c->type, "pvh"))
                return FAIL(ST_UNSUPPORTED, .subject = FMT("VM %s", c->name),
                            .expected = "type pv or pvh", .found = FMT("type '%s'", c->type),
                            .remedy = "define it with type=\"pvh\": an hvm guest needs a device "
                                      "model in Dom0, which is not measured");
        if (!has_boot_file(c, "kernel"))
                return FAIL(ST_UNSUPPORTED, .subject = FMT("VM %s", c->name),
                            .expected = "a kernel", .found = "none",
                            .remedy = "name a kernel in its xl.cfg, and define it again");
        s = check_sizes(c);
        if (!s)
                s = check_boot_file(c, "kernel", q->kernel);
        if (!s)
                s = check_boot_file(c, "ramdisk", q->ramdisk);
        if (!s)
                s = check_devices(q);
        return s ? s : check_nics(c);
}

enum status xen_config_hotplug(char path[static PATH_MAX])
{
        ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
        char *name;

        path[n < 0 ? 0 : n] = 0;
        name = strrchr(path, '/');
        if (!name || (size_t)(name + 1 - path) + sizeof "disk_hotplug" > PATH_MAX)
                return FAIL(ST_INTERNAL, .subject = "domain_worker", .found = "it has no path");
        strcpy(name + 1, "disk_hotplug");
        if (access(path, X_OK))
                return FAIL(status_of_errno(errno), .subject = path, .found = strerror(errno),
                            .remedy = "install Bulkhead anew");
        return ST_DONE;
}

/* --- building ---------------------------------------------------------------------------- */

/* libxl frees what it is given. */
static char *text(const char *t)
{
        size_t len = strlen(t) + 1;

        return memcpy(memory_new(1, len), t, len);
}

static char *descriptor_path(int fd)
{
        char path[IO_PATH];

        return text(io_path(path, fd));
}

static void build_info(const struct vm_config *c, libxl_domain_create_info *info)
{
        info->type = strcmp(c->type, "pv") ? LIBXL_DOMAIN_TYPE_PVH : LIBXL_DOMAIN_TYPE_PV;
        info->name = text(c->name);
        memcpy(info->uuid.uuid, c->uuid.bytes, sizeof c->uuid.bytes);
        libxl_defbool_set(&info->run_hotplug_scripts, true);
}

static void build_cpus(const struct vm_config *c, libxl_domain_build_info *b)
{
        b->max_vcpus = (int)c->maxvcpus;
        b->avail_vcpus.size = (c->maxvcpus + 7) / 8;
        b->avail_vcpus.map = memory_new(b->avail_vcpus.size, 1);
        for (uint32_t i = 0; i < c->vcpus; i++)
                libxl_bitmap_set(&b->avail_vcpus, (int)i);
}

void xen_config_disk(const struct block_device *d, const char *hotplug, libxl_device_disk *out)
{
        libxl_device_disk_init(out);
        out->backend = LIBXL_DISK_BACKEND_PHY;
        out->format = LIBXL_DISK_FORMAT_RAW;
        out->pdev_path = text(d->path);
        out->vdev = text(d->device);
        out->script = text(hotplug);
        out->readwrite = d->writable;
}

void xen_config_nic(const struct nic *n, int number, libxl_device_nic *out)
{
        libxl_device_nic_init(out);
        out->devid = number;
        out->nictype = LIBXL_NIC_TYPE_VIF;
        out->bridge = text(n->bridge);
        out->script = text("vif-bridge");
        read_mac(n->mac, out->mac);
}

/* What becomes of a guest that ends is compartment-mgr's to say. */
static void build_ends(libxl_domain_config *out)
{
        out->on_poweroff = LIBXL_ACTION_ON_SHUTDOWN_PRESERVE;
        out->on_reboot = LIBXL_ACTION_ON_SHUTDOWN_PRESERVE;
        out->on_watchdog = LIBXL_ACTION_ON_SHUTDOWN_PRESERVE;
        out->on_crash = LIBXL_ACTION_ON_SHUTDOWN_PRESERVE;
        out->on_soft_reset = LIBXL_ACTION_ON_SHUTDOWN_PRESERVE;
}

void xen_config_build(const struct domain_create_req *q, const char *hotplug,
                      libxl_domain_config *out)
{
        const struct vm_config *c = &q->config;
        libxl_domain_build_info *b = &out->b_info;

        libxl_domain_config_init(out);
        build_info(c, &out->c_info);
        libxl_domain_build_info_init_type(b, out->c_info.type);
        build_cpus(c, b);
        b->target_memkb = c->memory << 10;
        b->max_memkb = c->maxmem << 10;
        b->kernel = descriptor_path(q->kernel);
        b->ramdisk = q->ramdisk < 0 ? NULL : descriptor_path(q->ramdisk);
        b->cmdline = *c->cmdline ? text(c->cmdline) : NULL;
        out->num_disks = (int)q->devices.count;
        out->disks = memory_new(q->devices.count, sizeof *out->disks);
        for (size_t i = 0; i < q->devices.count; i++)
                xen_config_disk(&q->devices.items[i], hotplug, &out->disks[i]);
        out->num_nics = (int)c->nics.count;
        out->nics = memory_new(c->nics.count, sizeof *out->nics);
        for (size_t i = 0; i < c->nics.count; i++)
                xen_config_nic(&c->nics.items[i], (int)i, &out->nics[i]);
        build_ends(out);
}
