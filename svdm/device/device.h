/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices of a VM: kinds and back-ends, one file each in devices/. The back-end `dm` maps with
 * device-mapper; `sim` does all but the mapping: it opens, measures and proves keys, and gives a
 * domain "sim:PATH". The device worker alone comes here.
 */
#ifndef BULKHEAD_SVDM_DEVICE_DEVICE_H
#define BULKHEAD_SVDM_DEVICE_DEVICE_H

#include "svdm/device/mapper.h"
#include "svdm/device/open_disk.h"
#include "svdm/device/secret.h"

/* A disk that the device worker holds. */
struct device {
        const char *name; /* what the domain calls it: "xvda" */
        const char *path;
        bool writable;
        const struct device_kind *kind;
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
        /* Only to be measured: others map it. As what it is mapped now; 0: not at all. */
        bool look;
        dev_t as;
};

struct device_backend {
        const char *name;
        bool simulated;
        /* Once in the worker. trees: the folder of hash trees. */
        enum status (*begin)(const char *trees);
        /* After accept: what is to be measured as it will be read. */
        enum status (*open)(struct device *d);
        /* Around the making of a new header: a block device to make it for (d->block; -1: without
         * integrity); then the data as the guest will find them. Undone by device_detach(). */
        enum status (*attach_new)(struct device *d);
        enum status (*fill_new)(struct device *d, int header,
                                const uint8_t key[static DISK_KEY_LEN]);
        /* Unlocks and maps. */
        enum status (*map)(struct device *d, const uint8_t secret[static SECRET_LEN],
                           struct block_device *out);
        void (*unmap)(struct device *d); /* what map() did; logs what it cannot */
        /* Is what is mapped still what was mapped? */
        enum status (*check)(const struct device *d);
        /* All that was mapped for a VM, or one device (not ""), by whichever process; idempotent.
         */
        enum status (*release)(const struct uuid *vm, const char *device);
        /* All that was mapped for any VM but these; how many were. */
        uint32_t (*sweep)(const struct uuid *but, size_t count);
};

struct device_kind {
        const char *name;
        bool sealed; /* has a key: takes part in prepare */
        bool boot;   /* no disk: it is not held, unlocked, mapped or checked */
        bool memory; /* the image of a guest's memory: it must have integrity */
        /* Right after it was opened: is it what this kind can be? May put a copy in its place. */
        enum status (*accept)(struct device *d);
        /* Of what is new each time, right before it is unlocked: makes it, with a key that `secret`
         * opens; d->header is the new one. NULL: it is there. */
        enum status (*make)(struct device *d, const uint8_t secret[static SECRET_LEN]);
        /* Proves that secret opens it (a kind without key does nothing). */
        enum status (*unlock)(const struct device *d, const uint8_t secret[static SECRET_LEN]);
        /* The header that lets `secret` open it, sealed; the header on the disk is not touched.
         * authority: what opens it now; unused when format. d->uuid is set where it is new. */
        enum status (*prepare)(struct device *d, bool format, const struct authority *authority,
                               const uint8_t secret[static SECRET_LEN]);
};

extern const struct device_kind crypt_kind, verity_kind, boot_kind, memory_kind, memory_new_kind;
extern const struct device_backend dm_backend, sim_backend;

/* Refuses what should be a memory image (devices/memory.c): ST_CHANGED. */
enum status memory_is_missing(const char *path, const char *found);

/* ST_UNSUPPORTED for a kind or a back-end that this version has not. */
enum status device_kind_of_name(const char *name, const struct device_kind **kind_out);
enum status device_backend_of_name(const char *name, const struct device_backend **backend_out);

/* Opens w->path; the strings of *w and the arena live as long as *d. What the back-end has mapped
 * when this fails is undone by its release(). */
enum status device_open(const struct disk *w, const struct device_backend *backend,
                        const struct uuid *vm, struct arena *a, struct device *d);
/* The same of a disk of a VM that runs, to look at: nothing is mapped, nor asked whether it is in
 * use. as: what it is mapped as, 0 if it is not. */
enum status device_look(const struct disk *w, const struct device_backend *backend,
                        const struct uuid *vm, dev_t as, struct arena *a, struct device *d);
/* To look at: nothing is mapped. */
enum status device_open_target(const char *path, struct device *d);
void device_detach(struct device *d); /* its block devices, which live on while they are used */
void device_close(struct device *d);

#endif
