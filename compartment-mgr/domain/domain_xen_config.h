/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of a domain, as libxl wants it. Touches memory and descriptors only. */
#ifndef BULKHEAD_COMPARTMENT_MGR_DOMAIN_DOMAIN_XEN_CONFIG_H
#define BULKHEAD_COMPARTMENT_MGR_DOMAIN_DOMAIN_XEN_CONFIG_H

#include "lib/message.h"

#include <libxl.h>
#include <limits.h>

/* Refuses what this back-end does not build (ST_UNSUPPORTED), and a request whose parts do not fit
 * its configuration, which needs a device for each disk, and sealed memfds for kernel and ramdisk.
 */
enum status xen_config_check(const struct domain_create_req *q);
/* Fills in *out, which the caller disposes of, from a checked request. Only devices are named by a
 * path that could come to mean something else; they are compared by number once they are attached.
 * *out tells libxl to do nothing when the guest ends. hotplug: the program that attaches disks. */
void xen_config_build(const struct domain_create_req *q, const char *hotplug,
                      libxl_domain_config *out);

/* The same for one device. number: of the interface in the configuration, from 0. */
enum status xen_config_check_disk(const struct disk *disk, const struct block_device *d);
void xen_config_disk(const struct block_device *d, const char *hotplug, libxl_device_disk *out);
void xen_config_nic(const struct nic *n, int number, libxl_device_nic *out);
/* The program that attaches disks, which is installed beside the worker. */
enum status xen_config_hotplug(char path[static PATH_MAX]);

/* The device of that name, NULL if there is none. */
const struct block_device *xen_config_device(const struct block_device *devices, size_t count,
                                             const char *name);

#endif
