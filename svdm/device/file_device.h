/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that lie in a file or a block device: disks, boot files, memory images. How they are
 * opened so that they stay what was opened, described, unlocked, mapped and compared. Each of their
 * kinds is a file in kinds/; the back-end `dm` maps with device-mapper; `sim` does all but the
 * mapping: it opens, measures and proves keys, and gives a domain "sim:PATH". Comes here from the
 * table of kinds (device.h).
 */
#ifndef BULKHEAD_SVDM_DEVICE_FILE_DEVICE_H
#define BULKHEAD_SVDM_DEVICE_FILE_DEVICE_H

#include "svdm/device/device.h"
#include "svdm/device/mapper.h"
#include "svdm/device/open_disk.h"

struct file_device {
        const char *name; /* what the domain calls it: "xvda" */
        const char *path;
        bool writable;
        const struct file_kind *kind;
        const struct device_backend *backend;
        struct uuid vm;
        struct arena *arena; /* of the operation */
        int file;            /* read-only; of a boot file a sealed memory file with its bytes */
        int header;          /* the LUKS2 header in a sealed memfd, or -1 */
        struct uuid uuid;    /* the LUKS UUID; zero without header */
        struct disk_identity seen;
        /* Of the back-end that maps; -1, NULL while there is none: */
        int content;          /* what is mapped, read-only, where that is what is measured */
        int block, hash;      /* the disk and its hash tree as block devices */
        struct mapped *top;   /* as it was when it was mapped */
        struct mapped *below; /* dm-integrity under dm-crypt */
        bool integrity;       /* what is changed outside cannot be read */
        /* Opened for measuring only; the running VM has it mapped. as: the device number of that
         * mapping, or 0. */
        bool look;
        dev_t as;
};

struct device_backend {
        const char *name;
        bool simulated;
        /* Once in the worker. trees: the folder of hash trees. */
        enum status (*begin)(const char *trees);
        /* After accept: what is to be measured as it will be read. */
        enum status (*open)(struct file_device *d);
        /* Around the making of a new header: a block device to make it for (d->block; -1: without
         * integrity); then the data as the guest will find them. Undone by file_device_detach(). */
        enum status (*attach_new)(struct file_device *d);
        enum status (*fill_new)(struct file_device *d, int header,
                                const uint8_t key[static DISK_KEY_LEN]);
        /* Unlocks and maps. */
        enum status (*map)(struct file_device *d, const uint8_t secret[static SECRET_LEN],
                           struct block_device *out);
        void (*unmap)(struct file_device *d); /* what map() did; logs what it cannot */
        /* Is what is mapped still what was mapped? */
        enum status (*check)(const struct file_device *d);
        /* All that was mapped for a VM, or one device (not ""), by whichever process; idempotent.
         */
        enum status (*release)(const struct uuid *vm, const char *device);
        /* All that was mapped for any VM but these; how many were. */
        uint32_t (*sweep)(const struct uuid *but, size_t count);
};

/* What the kinds of such devices differ in. */
struct file_kind {
        bool sealed; /* has a key */
        bool boot;   /* of which VMs get copies; it has no header */
        bool memory; /* the image of a guest's memory: it must have integrity */
        bool tree;   /* read through a hash tree */
        /* What a path that names nothing means. NULL: what it says. */
        enum status (*missing)(const char *path, const char *found);
        /* Right after it was opened: is it what this kind can be? May put a copy in its place. */
        enum status (*accept)(struct file_device *d);
        /* Of what is new each time, right before it is unlocked: makes it, with a key that `secret`
         * opens; d->header is the new one. NULL: it is there. */
        enum status (*make)(struct file_device *d, const uint8_t secret[static SECRET_LEN]);
        /* Proves that secret opens it (a kind without key does nothing). */
        enum status (*unlock)(const struct file_device *d, const uint8_t secret[static SECRET_LEN]);
        /* The header that lets `secret` open it, sealed; the header on the disk is not touched.
         * authority: what opens it now; unused when format. d->uuid is set where it is new. */
        enum status (*prepare)(struct file_device *d, bool format,
                               const struct authority *authority,
                               const uint8_t secret[static SECRET_LEN]);
};
extern const struct file_kind crypt_file; /* which the image of a memory is, too */
extern const struct device_backend dm_backend, sim_backend;

/* For the table of kinds, as device.h has them. What the back-end has mapped when opening fails is
 * undone by its release(). */
enum status file_device_open(struct device *d, const struct wanted_device *w,
                             const struct device_use *use);
void file_device_close(struct device *d);
enum status file_device_describe(const struct device *d, struct open_disk *out);
void file_device_hold(const struct device *d, struct held_disk *out);
enum status file_device_prepare(struct device *d, bool format, const struct authority *authority,
                                const uint8_t secret[static SECRET_LEN]);
enum status file_device_unlock(struct device *d, const uint8_t secret[static SECRET_LEN],
                               struct device_unlock_rep *p);
void file_device_undo(struct device *d);
enum status file_device_check(const struct device *d);

/* What is named by its path alone, to be measured: opened, described, closed. */
enum status file_device_target(const char *path, struct open_disk *out);
/* Its block devices, which live on while they are used. */
void file_device_detach(struct file_device *d);

#endif
