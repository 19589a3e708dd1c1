/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices of a VM, whatever their kind: device.c has a table with a line for each kind, and a file
 * in kinds/ has what that kind needs. The device worker reaches a device through its kind alone. A
 * function that a kind has no need of is NULL.
 */
#ifndef BULKHEAD_SVDM_DEVICE_DEVICE_H
#define BULKHEAD_SVDM_DEVICE_DEVICE_H

#include "lib/message.h"
#include "svdm/device/secret.h"

#include <sys/types.h>

struct device_backend;

/* A device that an operation has open. */
struct device {
        const struct device_kind *kind;
        const char *name; /* what the domain calls it: "xvda" */
        bool look;        /* opened for measuring only; the running VM has it */
        void *part;       /* the kind's own, in the operation's arena */
        uint32_t still;   /* after edit(): the slots, a bit each, that the old passphrase opens */
};

/* What a device is opened for. The arena and *vm live as long as the device. */
struct device_use {
        const struct device_backend *backend;
        const struct uuid *vm;
        struct arena *arena;
        bool look;
        dev_t as; /* of a look: the device number of the VM's mapping, or 0 */
};

/* As struct slot_edit (luks_slots.h), for all disks of a VM. */
struct device_edit {
        enum slot_change change;
        uint32_t slot;
        const uint8_t *secret; /* SECRET_LEN bytes, or NULL */
        const struct authority *present, *fresh;
        bool last;
};

struct device_kind {
        const char *name; /* in struct wanted_device */
        /* d is zeroed but for kind, name and look; on error nothing is open. */
        enum status (*open)(struct device *d, const struct wanted_device *w,
                            const struct device_use *use);
        void (*close)(struct device *d);
        /* What is measured of it. The descriptors become the caller's, also on error. */
        enum status (*describe)(const struct device *d, struct open_disk *out);
        /* The file or block device that it lies in. Two devices share one only if neither may write
         * to it. */
        void (*hold)(const struct device *d, struct held_disk *out);
        /* Before a seal: what lies there, as a sample; ST_BUSY if this host uses it. */
        enum status (*sample)(const struct device *d, struct disk_sample *out);
        /* ... and who else has it (disk_users_others()). */
        enum status (*others)(const struct device *d, const struct other_disk *others,
                              size_t count);
        /* Before a seal: makes it, in memory, what it will be under a new secret (svdm_prepare). */
        enum status (*prepare)(struct device *d, bool format, const struct authority *authority,
                               const uint8_t secret[static SECRET_LEN]);
        /* Its key slots, in the arena; and makes its header, in memory, one with that change. */
        enum status (*slots)(const struct device *d, struct arena *a, struct disk_slots *out);
        enum status (*edit)(struct device *d, const struct device_edit *e);
        /* For a start: unlocks it, and adds to p what the domain is given of it. undo: the reverse,
         * also if unlock() failed. */
        enum status (*unlock)(struct device *d, const uint8_t secret[static SECRET_LEN],
                              struct device_unlock_rep *p);
        void (*undo)(struct device *d);
        /* Is it still what was opened? */
        enum status (*check)(const struct device *d);
        const struct file_kind *file; /* for the functions of file_device.h */
};

/* One file in kinds/ each. */
extern const struct device_kind crypt_kind, verity_kind, boot_kind, memory_kind, memory_new_kind;

/* Opens it as its kind does; ST_UNSUPPORTED for a kind that this version has not. The strings of w
 * live as long as the device. */
enum status device_open(struct device *d, const struct wanted_device *w,
                        const struct device_use *use);
/* ST_UNSUPPORTED if there is no such back-end. */
enum status device_backend_of_name(const char *name, const struct device_backend **backend_out);

#endif
