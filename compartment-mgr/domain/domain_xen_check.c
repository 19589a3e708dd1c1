/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares a domain with what was asked for. The back-end for Xen comes here between building a
 * domain and letting it run, and after a domain's end, to see what is left of its devices. This
 * file reads xenstore and sysfs.
 */
#include "compartment-mgr/domain/domain_xen_check.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

enum { PATH = 256 };

static enum status same_text(const char *subject, const char *expected, const char *found)
{
        if (found && !strcmp(expected, found))
                return ST_DONE;
        return FAIL(ST_CHANGED, .subject = subject, .expected = expected, .found = QUOTED(found));
}

static enum status same_number(const char *subject, uint64_t expected, uint64_t found)
{
        return same_text(subject, FMT("%" PRIu64, expected), FMT("%" PRIu64, found));
}

static enum status same_stored(struct arena *a, const char *subject, const char *path,
                               const char *expected)
{
        const char *found;
        enum status s = store_read(a, path, &found);

        return s ? s : same_text(subject, expected, found);
}

/* --- the domain itself --------------------------------------------------------------------- */

static enum status check_state(const struct xen_domain *d)
{
        const libxl_dominfo *i = &d->info;
        const char *subject = FMT("domain %s", d->name);

        if (i->shutdown || i->dying || !i->paused)
                return FAIL(ST_CHANGED, .subject = subject, .expected = "paused",
                            .found = i->dying      ? "dying"
                                     : i->shutdown ? "ended"
                                                   : "running");
        if (d->mark.stage != MARK_BUILT || i->cpu_time)
                return FAIL(ST_CHANGED, .subject = subject, .expected = "never run",
                            .found = "it ran before it was compared");
        return ST_DONE;
}

/* A pvh guest has pages beside its memory: those that it shares with Xen, and its ACPI tables.
 * libxl lets a domain have 1 MiB beyond its memory at most (LIBXL_MAXMEM_CONSTANT). */
enum { PVH_OWN_KIB = 1024 };

static enum status check_memory(struct arena *a, const struct xen_domain *d,
                                const struct vm_config *c)
{
        const char *subject = FMT("memory of domain %s, KiB", d->name);
        const uint64_t asked = c->memory << 10, has = d->info.current_memkb;
        char path[PATH];
        enum status s = ST_DONE;

        if (strcmp(c->type, "pvh") || has < asked || has - asked > PVH_OWN_KIB)
                s = same_number(subject, asked, has);
        snprintf(path, sizeof path, "/local/domain/%" PRIu32 "/memory/static-max", d->info.domid);
        return s ? s
                 : same_stored(a, FMT("maxmem of domain %s, KiB", d->name), path,
                               FMT("%" PRIu64, c->maxmem << 10));
}

static enum status check_cpus(struct arena *a, const struct xen_domain *d,
                              const struct vm_config *c)
{
        enum status s = same_number(FMT("maxvcpus of domain %s", d->name), c->maxvcpus,
                                    (uint64_t)d->info.vcpu_max_id + 1);

        for (uint32_t i = 0; i < c->maxvcpus && !s; i++) {
                char path[PATH];

                snprintf(path, sizeof path,
                         "/local/domain/%" PRIu32 "/cpu/%" PRIu32 "/availability", d->info.domid,
                         i);
                s = same_stored(a, FMT("CPU %" PRIu32 " of domain %s", i, d->name), path,
                                i < c->vcpus ? "online" : "offline");
        }
        return s;
}

/* libxl keeps the command line for pv guests only; there it is what the guest was built with. For a
 * guest that was woken it keeps none: the guest has it in its memory. */
static enum status check_command_line(struct arena *a, const struct xen_domain *d,
                                      const struct vm_config *c, bool woken)
{
        char path[PATH], uuid[37];
        const char *found;
        enum status s;

        uuid_write(&c->uuid, uuid);
        snprintf(path, sizeof path, "/vm/%s/image/cmdline", uuid);
        s = store_read(a, path, &found);
        if (s || (!found && (woken || !*c->cmdline || strcmp(c->type, "pv"))))
                return s;
        return same_text(FMT("kernel command line of domain %s", d->name), c->cmdline, found);
}

/* --- its devices ----------------------------------------------------------------------------- */

/* The numbers of the devices of one kind. Each has its back-end in Dom0, nothing else has. */
static enum status list_devices(struct arena *a, const struct xen_domain *d, const char *kind,
                                size_t expected, const char *const **numbers_out)
{
        char path[PATH];
        size_t count, behind;
        const char *const *backends;
        enum status s;

        snprintf(path, sizeof path, "/libxl/%" PRIu32 "/device/%s", d->info.domid, kind);
        s = store_list(a, path, numbers_out, &count);
        if (!s)
                s = same_number(FMT("number of %s devices of domain %s", kind, d->name), expected,
                                count);
        snprintf(path, sizeof path, "/local/domain/0/backend/%s/%" PRIu32, kind, d->info.domid);
        if (!s)
                s = store_list(a, path, &backends, &behind);
        return s ? s
                 : same_number(FMT("number of %s back-ends of domain %s", kind, d->name), expected,
                               behind);
}

static const char *backend_path(char path[PATH], const struct xen_domain *d, const char *kind,
                                const char *number, const char *key)
{
        snprintf(path, PATH, "/local/domain/0/backend/%s/%" PRIu32 "/%s/%s", kind, d->info.domid,
                 number, key);
        return path;
}

/* The number of the disk of that name; NULL in *number_out if there is none. */
static enum status number_of(struct arena *a, const struct xen_domain *d,
                             const char *const *numbers, size_t count, const char *device,
                             const char **number_out)
{
        const char *name;
        char path[PATH];
        enum status s = ST_DONE;

        *number_out = NULL;
        for (size_t i = 0; i < count && !s && !*number_out; i++) {
                s = store_read(a, backend_path(path, d, "vbd", numbers[i], "dev"), &name);
                if (name && !strcmp(name, device))
                        *number_out = numbers[i];
        }
        return s;
}

static enum status check_disk(struct arena *a, const struct xen_domain *d, const char *number,
                              const struct block_device *b)
{
        const char *subject = FMT("device %s of domain %s", b->device, d->name);
        char path[PATH];
        enum status s;

        if (!number)
                return same_text(subject, "attached", NULL);
        s = same_stored(a, subject, backend_path(path, d, "vbd", number, "physical-device"),
                        FMT("%x:%x", major(b->node), minor(b->node)));
        return s ? s
                 : same_stored(a, FMT("access to %s", subject),
                               backend_path(path, d, "vbd", number, "mode"),
                               b->writable ? "w" : "r");
}

static enum status check_disks(struct arena *a, const struct xen_domain *d,
                               const struct domain_unpause_req *q)
{
        const char *const *numbers;
        size_t count = q->devices.count;
        enum status s = list_devices(a, d, "vbd", count, &numbers);

        for (size_t i = 0; i < count && !s; i++) {
                const struct block_device *b = &q->devices.items[i];
                const char *number;

                s = number_of(a, d, numbers, count, b->device, &number);
                if (!s)
                        s = check_disk(a, d, number, b);
        }
        return s;
}

enum status xen_check_nic(struct arena *a, const struct xen_domain *d, const struct nic *n)
{
        const char *number = n->device + strcspn(n->device, "0123456789");
        char path[PATH];
        enum status s = same_stored(a, FMT("bridge of %s of domain %s", n->device, d->name),
                                    backend_path(path, d, "vif", number, "bridge"), n->bridge);

        return s ? s
                 : same_stored(a, FMT("MAC address of %s of domain %s", n->device, d->name),
                               backend_path(path, d, "vif", number, "mac"), n->mac);
}

static enum status check_nics(struct arena *a, const struct xen_domain *d,
                              const struct vm_config *c)
{
        const char *const *numbers;
        enum status s = list_devices(a, d, "vif", c->nics.count, &numbers);

        for (size_t i = 0; i < c->nics.count && !s; i++)
                s = xen_check_nic(a, d, &c->nics.items[i]);
        return s;
}

/* --- of a domain that runs ------------------------------------------------------------------ */

static enum status list_attached(struct arena *a, const struct xen_domain *d, const char *kind,
                                 const char *const **numbers_out, size_t *count_out)
{
        char path[PATH];

        snprintf(path, sizeof path, "/libxl/%" PRIu32 "/device/%s", d->info.domid, kind);
        return store_list(a, path, numbers_out, count_out);
}

enum status xen_check_disk(struct arena *a, const struct xen_domain *d,
                           const struct block_device *device)
{
        const char *const *numbers;
        const char *number = NULL;
        size_t count;
        enum status s = list_attached(a, d, "vbd", &numbers, &count);

        if (!s)
                s = number_of(a, d, numbers, count, device->device, &number);
        return s ? s : check_disk(a, d, number, device);
}

static enum status name_disks(struct arena *a, const struct xen_domain *d,
                              const char *const *numbers, size_t count,
                              struct device_state *devices, size_t *devices_count)
{
        char path[PATH];
        enum status s = ST_DONE;

        for (size_t i = 0; i < count && !s; i++) {
                const char *name;

                s = store_read(a, backend_path(path, d, "vbd", numbers[i], "dev"), &name);
                if (name)
                        devices[(*devices_count)++] = (struct device_state){name, "", true, ""};
        }
        return s;
}

enum status xen_check_devices(struct arena *a, const struct xen_domain *d,
                              struct device_state **devices_out, size_t *count_out)
{
        const char *const *disks, *const *nics;
        size_t disks_count, nics_count = 0;
        enum status s = list_attached(a, d, "vbd", &disks, &disks_count);

        *count_out = 0;
        if (!s)
                s = list_attached(a, d, "vif", &nics, &nics_count);
        if (s)
                return s;
        *devices_out = arena_get_many(a, disks_count + nics_count, sizeof **devices_out);
        for (size_t i = 0; i < nics_count; i++)
                (*devices_out)[(*count_out)++] =
                        (struct device_state){arena_print(a, "vif%s", nics[i]), "", true, ""};
        return name_disks(a, d, disks, disks_count, *devices_out, count_out);
}

static enum status check_kinds(struct arena *a, const struct xen_domain *d)
{
        const char *const *kinds;
        char path[PATH];
        size_t count;
        enum status s;

        snprintf(path, sizeof path, "/libxl/%" PRIu32 "/device", d->info.domid);
        s = store_list(a, path, &kinds, &count);
        for (size_t i = 0; i < count && !s; i++)
                if (strcmp(kinds[i], "vbd") && strcmp(kinds[i], "vif") &&
                    strcmp(kinds[i], "console"))
                        s = FAIL(ST_CHANGED, .subject = FMT("devices of domain %s", d->name),
                                 .expected = "disks, network interfaces and a console",
                                 .found = FMT("unknown: '%.200s'", kinds[i]));
        return s;
}

enum status xen_check(struct arena *a, const struct xen_domain *d,
                      const struct domain_unpause_req *q)
{
        enum status s = same_number(FMT("domid of VM %s", q->config.name), q->domid, d->info.domid);

        if (!s)
                s = same_text(FMT("name of domain %" PRIu32, q->domid), q->config.name, d->name);
        if (!s)
                s = check_state(d);
        if (!s)
                s = check_memory(a, d, &q->config);
        if (!s)
                s = check_cpus(a, d, &q->config);
        if (!s)
                s = check_command_line(a, d, &q->config, q->woken);
        if (!s)
                s = check_kinds(a, d);
        if (!s)
                s = check_disks(a, d, q);
        return s ? s : check_nics(a, d, &q->config);
}

/* --- what is left of its devices ------------------------------------------------------------- */

static void add_left(struct arena *a, const char **left, const char *name)
{
        *left = *left ? arena_print(a, "%s, %s", *left, name) : arena_text(a, name);
}

/* A node without front-end is no device, but something that a late hot-plug script wrote. */
static enum status left_in_store(struct arena *a, uint32_t domid, const char *kind,
                                 const char **left)
{
        const char *const *numbers;
        char path[PATH];
        size_t count;
        enum status s;

        snprintf(path, sizeof path, "/local/domain/0/backend/%s/%" PRIu32, kind, domid);
        s = store_list(a, path, &numbers, &count);
        for (size_t i = 0; i < count && !s; i++) {
                const char *front;

                snprintf(path, sizeof path, "/local/domain/0/backend/%s/%" PRIu32 "/%s/frontend",
                         kind, domid, numbers[i]);
                s = store_read(a, path, &front);
                if (front)
                        add_left(a, left, arena_print(a, "%s %s", kind, numbers[i]));
        }
        return s;
}

/* The kernel lets go of a disk a moment after the store says so. */
static void left_in_kernel(struct arena *a, uint32_t domid, const char **left)
{
        DIR *devices = opendir("/sys/bus/xen-backend/devices");
        const struct dirent *e;
        uint32_t whose;

        while (devices && (e = readdir(devices)))
                if ((sscanf(e->d_name, "vbd-%" SCNu32 "-", &whose) == 1 ||
                     sscanf(e->d_name, "vif-%" SCNu32 "-", &whose) == 1) &&
                    whose == domid)
                        add_left(a, left, e->d_name);
        if (devices)
                closedir(devices);
}

enum status xen_devices_left(struct arena *a, uint32_t domid, const char **left_out)
{
        enum status s;

        *left_out = NULL;
        s = left_in_store(a, domid, "vbd", left_out);
        if (!s)
                s = left_in_store(a, domid, "vif", left_out);
        if (!s && !*left_out)
                left_in_kernel(a, domid, left_out);
        return s;
}

enum status xen_devices_sweep(uint32_t domid)
{
        static const char *const kinds[] = {"vbd", "vif"};
        char path[PATH];
        enum status s = ST_DONE;

        for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !s; i++) {
                snprintf(path, sizeof path, "/local/domain/0/backend/%s/%" PRIu32, kinds[i], domid);
                s = store_remove(path);
        }
        return s;
}
