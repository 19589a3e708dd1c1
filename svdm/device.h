/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices of a VM: kinds (one file each in devices/) and the back-end that maps them. `sim` does
 * all but the mapping: it opens, measures and proves keys, and gives a domain "sim:PATH". The
 * device worker alone comes here.
 */
#ifndef BULKHEAD_SVDM_DEVICE_H
#define BULKHEAD_SVDM_DEVICE_H

#include "svdm/open_disk.h"
#include "svdm/secret.h"

/* A disk that the device worker holds. */
struct device {
        const char *name; /* what the domain calls it: "xvda" */
        const char *path;
        bool writable;
        const struct device_kind *kind;
        int file;         /* read-only; of a boot file a sealed memory file with its bytes */
        int header;       /* the LUKS2 header in a sealed memfd, or -1 */
        struct uuid uuid; /* the LUKS UUID; zero without header */
        struct disk_identity seen;
};

struct device_backend {
        const char *name;
        bool simulated;
        /* Maps an unlocked disk; path_out is what the domain is given. */
        enum status (*map)(const struct device *d, struct arena *a, const char **path_out);
        enum status (*unmap)(const char *path); /* idempotent */
};

struct device_kind {
        const char *name;
        bool sealed; /* has a key: takes part in prepare */
        bool boot;   /* no disk: it is not held, unlocked, mapped or checked */
        /* Right after it was opened: is it what this kind can be? May put a copy in its place. */
        enum status (*accept)(struct device *d);
        /* Proves that secret opens it (a kind without key does nothing). */
        enum status (*unlock)(const struct device *d, const uint8_t secret[static SECRET_LEN]);
        /* The header that lets `secret` open it, sealed; what stands on the disk is not touched.
         * authority: what opens it now; unused when format. d->uuid is set where it is new. */
        enum status (*prepare)(struct device *d, const struct uuid *vm, bool format,
                               const struct authority *authority,
                               const uint8_t secret[static SECRET_LEN]);
};

extern const struct device_kind crypt_kind, verity_kind, boot_kind;

/* ST_UNSUPPORTED for a kind or a back-end that this version has not. */
enum status device_kind_of_name(const char *name, const struct device_kind **kind_out);
enum status device_backend_of_name(const char *name, const struct device_backend **backend_out);

/* Opens w->path; the strings of *w live as long as *d. */
enum status device_open(const struct disk *w, struct device *d);
void device_close(struct device *d);

#endif
