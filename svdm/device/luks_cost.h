/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to try a passphrase on a LUKS2 disk stands in the disk's own header (LUKS2 on-disk
 * format, 3.2: kdf; 3.4: digests), where whoever wrote the disk put it: memory up to 4 TiB, time
 * without end. This says, before anything is tried, whether it is within bounds.
 */
#ifndef BULKHEAD_SVDM_DEVICE_LUKS_COST_H
#define BULKHEAD_SVDM_DEVICE_LUKS_COST_H

#include "lib/status.h"

enum {
        /* KiB for one key slot: the most that cryptsetup chooses by itself. Dom0 has not much. */
        LUKS_COST_MEMORY = 1 << 20,
        LUKS_COST_THREADS = 16,
        /* GiB that Argon2 goes through, time times memory: some ten seconds. cryptsetup aims at
         * two. One slot; and all slots together, since one after the other is tried. */
        LUKS_COST_PASSES = 32,
        LUKS_COST_ALL_PASSES = 256,
        /* of PBKDF2, in a slot or in a digest of the volume key: some ten seconds; all of them */
        LUKS_COST_ITERATIONS = 64000000,
        LUKS_COST_ALL_ITERATIONS = 512000000
};

/* json: the metadata of the header, as crypt_dump_json() gives it. ST_TOO_LARGE names the slot or
 * digest, and how it is made cheaper. */
enum status luks_cost_check(const char *path, const char *json);

#endif
