/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that come to a domain while it runs, and go. The back-end for Xen comes here, in a child
 * of the domain worker. libxl speaks to Xen and runs the hot-plug programs. The devices of a domain
 * are read where guests cannot write.
 */
#include "compartment-mgr/domain/domain_xen_attach.h"
#include "compartment-mgr/domain/domain_xen_check.h"
#include "compartment-mgr/domain/domain_xen_config.h"
#include "lib/report.h"

#include <inttypes.h>
#include <libxl_utils.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { NO_NIC = -1 };

/* --- which ----------------------------------------------------------------------------------- */

enum status xen_devices(const struct uuid *uuid, struct arena *a, struct device_state **devices_out,
                        size_t *count_out)
{
        struct xen_domain d;
        enum status s = xen_domain_ours(a, uuid, &d);

        return s ? s : xen_check_devices(a, &d, devices_out, count_out);
}

static enum status find(struct arena *a, const struct xen_domain *d, const char *device,
                        bool *found_out)
{
        struct device_state *devices;
        size_t count;
        enum status s = xen_check_devices(a, d, &devices, &count);

        *found_out = false;
        for (size_t i = 0; i < count && !s; i++)
                *found_out |= !strcmp(devices[i].device, device);
        return s;
}

/* The device's number among the interfaces of the configuration, or NO_NIC. */
static int nic_of(const struct vm_config *c, const char *device)
{
        for (size_t i = 0; i < c->nics.count; i++)
                if (!strcmp(c->nics.items[i].device, device))
                        return (int)i;
        return NO_NIC;
}

static const struct disk *disk_of(const struct vm_config *c, const char *device)
{
        for (size_t i = 0; i < c->disks.count; i++)
                if (!strcmp(c->disks.items[i].device, device))
                        return &c->disks.items[i];
        return NULL;
}

static const char *subject(const struct xen_domain *d, const char *device)
{
        static char text[160]; /* until the next call: a job has one thread */

        snprintf(text, sizeof text, "%s of domain %s (%" PRIu32 ")", device, d->name,
                 d->info.domid);
        return text;
}

/* --- taking away ----------------------------------------------------------------------------- */

/* force: takes it even if the guest does not answer; for a disk that was just refused. */
static enum status take_disk(const struct xen_domain *d, const char *device, bool force)
{
        libxl_device_disk disk;
        libxl_ctx *ctx;
        int r;
        enum status s = xen_open(&ctx);

        if (s)
                return s;
        libxl_device_disk_init(&disk);
        r = libxl_vdev_to_device_disk(ctx, d->info.domid, device, &disk);
        if (!r)
                r = force ? libxl_device_disk_destroy(ctx, d->info.domid, &disk, NULL)
                          : libxl_device_disk_safe_remove(ctx, d->info.domid, &disk, NULL);
        libxl_device_disk_dispose(&disk);
        if (r == ERROR_TIMEDOUT)
                return FAIL(ST_TIMEOUT, .subject = subject(d, device),
                            .expected = "a guest that lets go of it", .found = "it does not",
                            .remedy = "have the guest unmount it, then repeat this");
        return r ? xen_failed(r, FMT("detaching %s", subject(d, device))) : ST_DONE;
}

/* An interface has no key and nothing to lose: after 10 s libxl takes it without the guest. */
static enum status take_nic(const struct xen_domain *d, const char *device)
{
        libxl_device_nic nic;
        libxl_ctx *ctx;
        int r;
        enum status s = xen_open(&ctx);

        if (s)
                return s;
        libxl_device_nic_init(&nic);
        r = libxl_devid_to_device_nic(ctx, d->info.domid, atoi(device + strlen("vif")), &nic);
        if (!r)
                r = libxl_device_nic_remove(ctx, d->info.domid, &nic, NULL);
        libxl_device_nic_dispose(&nic);
        return r ? xen_failed(r, FMT("detaching %s", subject(d, device))) : ST_DONE;
}

static bool is_nic(const char *device)
{
        return !strncmp(device, "vif", 3) && device[3] &&
               !device[3 + strspn(device + 3, "0123456789")];
}

enum status xen_detach(const struct uuid *uuid, const char *device, struct arena *a)
{
        struct xen_domain d;
        bool found = false;
        enum status s = xen_domain_ours(a, uuid, &d);

        if (!s)
                s = find(a, &d, device, &found);
        if (!s && !found)
                s = FAIL(ST_NOT_FOUND, .subject = subject(&d, device));
        if (s)
                return s;
        return is_nic(device) ? take_nic(&d, device) : take_disk(&d, device, false);
}

/* --- giving ---------------------------------------------------------------------------------- */

static enum status give_disk(const struct xen_domain *d, const struct block_device *device)
{
        char hotplug[PATH_MAX];
        libxl_device_disk disk;
        libxl_ctx *ctx;
        int r;
        enum status s = xen_config_hotplug(hotplug);

        if (!s)
                s = xen_open(&ctx);
        if (s)
                return s;
        xen_config_disk(device, hotplug, &disk);
        r = libxl_device_disk_add(ctx, d->info.domid, &disk, NULL);
        libxl_device_disk_dispose(&disk);
        return r ? xen_failed(r, FMT("attaching %s", subject(d, device->device))) : ST_DONE;
}

static enum status give_nic(const struct xen_domain *d, const struct nic *n, int number)
{
        libxl_device_nic nic;
        libxl_ctx *ctx;
        int r;
        enum status s = xen_open(&ctx);

        if (s)
                return s;
        xen_config_nic(n, number, &nic);
        r = libxl_device_nic_add(ctx, d->info.domid, &nic, NULL);
        libxl_device_nic_dispose(&nic);
        return r ? xen_failed(r, FMT("attaching %s", subject(d, n->device))) : ST_DONE;
}

static enum status attach_disk(struct arena *a, const struct xen_domain *d,
                               const struct domain_attach_req *q)
{
        const struct disk *disk = disk_of(&q->config, q->device);
        const struct block_device *device =
                xen_config_device(q->devices.items, q->devices.count, q->device);
        enum status s;

        if (!disk || !device)
                return FAIL(ST_INVALID, .subject = subject(d, q->device),
                            .expected = "a disk of the VM, and its device");
        s = xen_config_check_disk(disk, device);
        if (!s)
                s = give_disk(d, device);
        return s ? s : xen_check_disk(a, d, device);
}

static enum status attach_nic(struct arena *a, const struct xen_domain *d,
                              const struct domain_attach_req *q, int number)
{
        const struct nic *nic = &q->config.nics.items[number];
        enum status s = give_nic(d, nic, number);

        return s ? s : xen_check_nic(a, d, nic);
}

static void take_back(struct arena *a, const struct xen_domain *d, const char *device)
{
        struct error why = *error_last();
        bool found = false;
        enum status s = find(a, d, device, &found);

        if (!s && found)
                s = is_nic(device) ? take_nic(d, device) : take_disk(d, device, true);
        if (s)
                report_error("taking back a device whose attaching failed");
        error_keep(&why);
}

static enum status must_run(const struct xen_domain *d)
{
        const libxl_dominfo *i = &d->info;

        if (!i->paused && !i->shutdown && !i->dying)
                return ST_DONE;
        return FAIL(ST_WRONG_STATE, .subject = FMT("domain %s", d->name), .expected = "running",
                    .found = i->dying      ? "dying"
                             : i->shutdown ? "ended"
                                           : "paused");
}

enum status xen_attach(const struct domain_attach_req *q, struct arena *a)
{
        const int number = nic_of(&q->config, q->device);
        struct xen_domain d;
        bool found = false;
        enum status s = xen_domain_ours(a, &q->config.uuid, &d);

        if (!s)
                s = must_run(&d);
        if (!s)
                s = find(a, &d, q->device, &found);
        if (!s && found)
                s = FAIL(ST_EXISTS, .subject = subject(&d, q->device));
        if (s)
                return s;
        s = number == NO_NIC ? attach_disk(a, &d, q) : attach_nic(a, &d, q, number);
        if (s)
                take_back(a, &d, q->device);
        return s;
}
