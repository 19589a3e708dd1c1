/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that lie in a file or a block device: disks, boot files, memory images. They are opened
 * so that they stay what was opened, described, unlocked, mapped and compared. Each kind of them is
 * a file in kinds/. The back-end `dm` maps with device-mapper. `sim` does all but the mapping: it
 * opens devices and proves keys, and a domain gets "sim:PATH". The device worker comes here by way
 * of the table of kinds (device.h).
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
        bool sealed; /* the VM's present seal has the key of what lies there */
        const struct file_kind *kind;
        const struct device_backend *backend;
        struct uuid vm;
        struct arena *arena; /* of the operation */
        int file;            /* read-only; for a boot file a sealed memory file with its bytes */
        int header;          /* the LUKS2 header in a sealed memfd, or -1 */
        struct uuid uuid;    /* the LUKS UUID; zero if there is no header */
        struct disk_identity seen;
        /* What the back-end `dm` has made; -1 and NULL until then: */
        int content;           /* the mapped device, read-only, if that is what is measured */
        int block, hash;       /* the disk and its hash tree as block devices */
        struct mapping *top;   /* as it was when it was mapped */
        struct mapping *below; /* dm-integrity under dm-crypt */
        bool integrity;        /* a block that is changed outside cannot be read */
        /* Opened for measuring only; the running VM has it mapped. `as` is that mapping's device
         * number, or 0. */
        bool look;
        dev_t as;
};

struct device_backend {
        const char *name;
        bool simulated;
        /* Once in the worker. trees: the folder of hash trees. */
        enum status (*begin)(const char *trees);
        /* After accept(): makes of it what the guest will read, to be measured. */
        enum status (*open)(struct file_device *d);
        /* Before and after a new header is made. attach_new() sets d->block to the block device
         * that the header is for; -1 means one without integrity. fill_new() writes the data as the
         * guest will find them. file_device_detach() undoes both. */
        enum status (*attach_new)(struct file_device *d);
        enum status (*fill_new)(struct file_device *d, int header,
                                const uint8_t key[static DISK_KEY_LEN]);
        /* Unlocks and maps. */
        enum status (*map)(struct file_device *d, const uint8_t secret[static SECRET_LEN],
                           struct block_device *out);
        void (*unmap)(struct file_device *d); /* undoes map(); reports what it cannot undo */
        /* Is what is mapped still what was mapped? */
        enum status (*check)(const struct file_device *d);
        /* Unmaps all that any process mapped for a VM, or one device (not ""). ST_DONE if there is
         * nothing. */
        enum status (*release)(const struct uuid *vm, const char *device);
        /* Unmaps all that was mapped for any VM but these; returns how many devices. */
        uint32_t (*sweep)(const struct uuid *but, size_t count);
};

/* What the kinds of such devices differ in. */
struct file_kind {
        bool sealed; /* has a key */
        bool boot;   /* VMs get copies; it has no LUKS2 header */
        bool memory; /* the image of a guest's memory: it must have integrity */
        bool tree;   /* read through a hash tree */
        /* The error for a path that names nothing. NULL: ST_NOT_FOUND, as it is. */
        enum status (*missing)(const struct file_device *d, const char *found);
        /* Right after opening: can this be of the kind? May put a copy in the place of d->file. */
        enum status (*accept)(struct file_device *d);
        /* For a device that is new each time: makes it right before it is unlocked, so that
         * `secret` opens it; d->header is its new header. NULL: the device is there already. */
        enum status (*make)(struct file_device *d, const uint8_t secret[static SECRET_LEN]);
        /* Proves that `secret` opens it. A kind without key does nothing. */
        enum status (*unlock)(const struct file_device *d, const uint8_t secret[static SECRET_LEN]);
        /* Makes d->header one that `secret` opens, in a sealed memfd, and d->uuid its UUID. The
         * header on the disk is not touched. authority: what opens the disk now; with format only a
         * passphrase counts, which then gets a slot, too. */
        enum status (*prepare)(struct file_device *d, bool format,
                               const struct authority *authority,
                               const uint8_t secret[static SECRET_LEN]);
};
extern const struct file_kind crypt_file; /* memory images use it, too */
extern const struct device_backend dm_backend, sim_backend;

/* For the table of kinds; device.h has the contracts. If opening fails, release() of the back-end
 * undoes what was mapped. */
enum status file_device_open(struct device *d, const struct wanted_device *w,
                             const struct device_use *use);
void file_device_close(struct device *d);
enum status file_device_describe(const struct device *d, struct open_disk *out);
void file_device_hold(const struct device *d, struct held_disk *out);
enum status file_device_sample(const struct device *d, struct disk_sample *out);
enum status file_device_others(const struct device *d, const struct other_disk *others,
                               size_t count);
enum status file_device_prepare(struct device *d, bool format, const struct authority *authority,
                                const uint8_t secret[static SECRET_LEN]);
enum status file_device_unlock(struct device *d, const uint8_t secret[static SECRET_LEN],
                               struct device_unlock_rep *p);
void file_device_undo(struct device *d);
enum status file_device_check(const struct device *d);

/* Names the pipe that gets a line with the device of each disk before that disk is first written to
 * (svdm_prepare); -1 for none. There is one, since a process serves one operation. The pipe is the
 * caller's. */
void file_device_tell_writes(int written);
/* Called before the disk is first written to. ST_CANCELLED if nobody reads the pipe any more: then
 * nothing may be written. */
enum status file_device_writes(const struct file_device *d);

/* A target that is named by its path alone: opens, describes and closes it. */
enum status file_device_target(const char *path, struct open_disk *out);
/* Closes its block devices, which live on as long as something uses them. */
void file_device_detach(struct file_device *d);

#endif
