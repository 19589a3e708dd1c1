/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices of device-mapper as the kernel has them: found, compared, opened, removed. libcryptsetup
 * makes them (crypt_map.h); this looks whether it made what was meant, and clears up. The device
 * worker comes here. With or without udev.
 */
#ifndef BULKHEAD_SVDM_DEVICE_MAPPER_H
#define BULKHEAD_SVDM_DEVICE_MAPPER_H

#include "lib/message.h"

#include <sys/types.h>

enum { MAPPER_NAME_MOST = 128 };

struct mapped {
        char uuid[130]; /* device-mapper's own; libcryptsetup makes it end in the name */
        dev_t node;
        bool read_only;
        unsigned targets;
        uint64_t sectors;
        const char *type, *table; /* of the first target, in the arena; a key is left out */
};

/* Once in a process. */
void mapper_init(void);
/* "bulkhead-VM-DEVICE", or with device "" what all names of that VM begin with. */
const char *mapper_name(char name[MAPPER_NAME_MOST], const struct uuid *vm, const char *device);

/* ST_NOT_FOUND if there is none of that name. */
enum status mapper_look(const char *name, struct arena *a, struct mapped *out);
/* ST_BUSY, with what to do, if there is one, or one for its dm-integrity. */
enum status mapper_must_be_free(const char *name);
/* The same device still, with the same table? ST_CHANGED with the first difference. */
enum status mapper_compare(const char *path, const char *name, const struct mapped *before);
/* Opens /dev/mapper/NAME read-only if that is the device that the kernel has under that name. */
enum status mapper_open(const char *name, const struct mapped *m, int *fd_out);
/* Has dm-verity met what its tree does not say? */
bool mapper_is_corrupted(const char *name);

/* Removes it, tried again for wait_ms while it is busy: ST_BUSY naming who has it. ST_DONE if there
 * is none that Bulkhead made. */
enum status mapper_remove(const char *name, int wait_ms);

/* All that Bulkhead made for that VM, and nothing else. before: called ahead of each; may be NULL.
 */
typedef void mapper_visitor(const char *name, const struct mapped *m);
enum status mapper_remove_all(const struct uuid *vm, int wait_ms, mapper_visitor *before);
/* The same for every VM but those. What cannot be removed is logged. */
uint32_t mapper_sweep(const struct uuid *but, size_t count, int wait_ms, mapper_visitor *before);

#endif
