/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices of device-mapper as the kernel has them: found, compared, opened, removed. libcryptsetup
 * makes them (crypt_map.h); the functions here tell what it made, and clear up. They work with and
 * without udev. The device worker comes here.
 */
#ifndef BULKHEAD_SVDM_DEVICE_MAPPER_H
#define BULKHEAD_SVDM_DEVICE_MAPPER_H

#include "lib/message.h"

#include <sys/types.h>

enum { MAPPER_NAME_MOST = 128 };

struct mapping {
        char uuid[130]; /* device-mapper's own; libcryptsetup makes it end in the name */
        dev_t node;
        bool read_only;
        unsigned targets;
        uint64_t sectors;
        const char *type, *table; /* of the first target, in the arena; a key in it is hidden */
};

/* Once in a process. */
void mapper_init(void);
/* Writes "bulkhead-VM-DEVICE" and returns it. */
const char *mapper_name(char name[MAPPER_NAME_MOST], const struct uuid *vm, const char *device);

/* Tells what the kernel has under that name. ST_NOT_FOUND if there is no such device. */
enum status mapper_look(const char *name, struct arena *a, struct mapping *out);
/* ST_BUSY, with what to do, if there is a device of that name, or of its dm-integrity's. */
enum status mapper_must_be_free(const char *name);
/* The same device still, with the same table? ST_CHANGED with the first difference. */
enum status mapper_compare(const char *path, const char *name, const struct mapping *before);
/* Opens /dev/mapper/NAME read-only if that is the device that the kernel has under that name. */
enum status mapper_open(const char *name, const struct mapping *m, int *fd_out);
/* Has dm-verity met a block that is not what its tree says? */
bool mapper_is_corrupted(const char *name);

/* Removes the device, and tries for wait_ms as long as it is busy; ST_BUSY then names what has it.
 * ST_DONE if there is no such device, or one that Bulkhead did not make. */
enum status mapper_remove(const char *name, int wait_ms);

/* Is called ahead of each removal; NULL for no call. */
typedef void mapper_visitor(const char *name, const struct mapping *m);
/* Removes all devices that Bulkhead made for that VM, and nothing else. */
enum status mapper_remove_all(const struct uuid *vm, int wait_ms, mapper_visitor *before);
/* The same for every VM but those; returns how many went. Reports what cannot be removed. */
uint32_t mapper_sweep(const struct uuid *but, size_t count, int wait_ms, mapper_visitor *before);

#endif
