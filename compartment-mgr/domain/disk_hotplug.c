/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot-plug program for the disks of VMs, which libxl runs, as root, for each disk that it
 * attaches or detaches. It tells the kernel's back-end the number of the block device, and does
 * nothing else. Xen's own script forks some thirty times for that, and looks for sharing, which
 * svdm rules out.
 *
 *   disk_hotplug add|remove       XENBUS_PATH in the environment: the device, below Dom0's folder
 */
#include "compartment-mgr/domain/domain_xen_store.h"
#include "lib/report.h"
#include "lib/sandbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static enum status find_number(struct arena *a, const char *device, const char **path_out,
                               const char **number_out)
{
        struct stat st;
        enum status s = store_read(a, arena_print(a, "%s/params", device), path_out);

        if (s)
                return s;
        if (!*path_out || **path_out != '/')
                return FAIL(ST_INVALID, .subject = device, .expected = "the path of a block device",
                            .found = QUOTED(*path_out));
        if (stat(*path_out, &st))
                return FAIL(status_of_errno(errno), .subject = *path_out, .found = strerror(errno));
        if (!S_ISBLK(st.st_mode))
                return FAIL(ST_INVALID, .subject = *path_out, .found = "no block device");
        *number_out = arena_print(a, "%x:%x", major(st.st_rdev), minor(st.st_rdev));
        return ST_DONE;
}

static enum status attach(struct arena *a, const char *device)
{
        const char *path = NULL, *number = NULL;
        enum status s = find_number(a, device, &path, &number);

        if (!s)
                s = store_write(arena_print(a, "%s/physical-device-path", device), path);
        if (!s)
                s = store_write(arena_print(a, "%s/physical-device", device), number);
        return s ? s : store_write(arena_print(a, "%s/hotplug-status", device), "connected");
}

/* Leaves the reason where libxl reads it. */
static void tell(struct arena *a, const char *device)
{
        const struct error *e = error_last();

        report_error("attaching a disk");
        store_write(arena_print(a, "%s/hotplug-error", device),
                    arena_print(a, "%s: %s", e->subject, e->found));
        store_write(arena_print(a, "%s/hotplug-status", device), "error");
}

int main(int argc, char **argv)
{
        struct arena *a = arena_new();
        const char *given = getenv("XENBUS_PATH");
        const char *device = given ? arena_text(a, given) : "";

        process_harden();
        report_open("disk_hotplug");
        if (argc != 2 || strncmp(device, "backend/vbd/", 12))
                fatal("libxl starts this program, with XENBUS_PATH, as add or remove");
        if (!strcmp(argv[1], "add") && attach(a, device)) {
                tell(a, device);
                return 1;
        }
        return 0;
}
