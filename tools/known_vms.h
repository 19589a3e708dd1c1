/* SPDX-License-Identifier: Apache-2.0 */
/* The VMs that an xl.cfg is compared with when it is checked: those that are defined, and those of
 * the files that are checked together. */
#ifndef BULKHEAD_TOOLS_KNOWN_VMS_H
#define BULKHEAD_TOOLS_KNOWN_VMS_H

#include "lib/message.h"

#include <sys/stat.h>

struct known_disk {
        const char *path;
        bool writable, seen; /* seen: stat is what lies there, through all links */
        struct stat stat;
};

struct known_vm {
        const char *name, *where; /* where: "VM web01", or a file */
        bool defined;
        struct uuid uuid;
        struct known_disk *disks;
        size_t disks_count;
        struct nic_list nics;
};

/* unknown: the VMs that are defined and not among these, and why; or NULL. remedy: for the last of
 * these. */
struct known_vms {
        struct arena *arena;
        struct known_vm *all;
        size_t count, room;
        const char *unknown, *remedy;
};

/* Asks compartment-mgr for the defined ones. Never fails: `unknown` says what was not told. To be
 * freed by known_vms_free(). */
struct known_vms *known_vms_new(void);
void known_vms_free(struct known_vms *k);
/* From now on the VM of that file is known, too. */
void known_vms_add(struct known_vms *k, const char *file, const struct config_check_rep *p);
/* What a file names, with what lies there. The path is that of `disk`, not a copy. */
struct known_disk known_disk_of(const struct disk *disk);

/* Whether it has neither the name nor the UUID of the file's: then the file does not replace it. */
bool known_vm_is_other(const struct known_vm *vm, const struct config_check_rep *p);

#endif
