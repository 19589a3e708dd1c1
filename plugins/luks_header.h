/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two copies of a LUKS2 header (LUKS2 On-Disk Format Specification 1.1.1, chapter 2), read
 * without libcryptsetup: that library repairs what it reads; this only reads, and refuses two
 * copies that do not agree.
 */
#ifndef BULKHEAD_PLUGINS_LUKS_HEADER_H
#define BULKHEAD_PLUGINS_LUKS_HEADER_H

#include "bulkhead/measure_plugin.h"

enum { LUKS_UUID_LEN = 36 };

struct luks_header {
        uint64_t size;  /* of one copy, its JSON area included */
        uint64_t given; /* bytes in the file or device that was read: header file or disk */
        char uuid[LUKS_UUID_LEN + 1];
        const char *json; /* json_len bytes, then a 0; points into memory */
        size_t json_len;
        uint8_t *memory; /* both copies; the caller frees */
};

/* Reads and checks both copies, by pread64, fstat and ioctl(BLKGETSIZE64). Returns 0, or -1 after
 * host->refuse(); memory is set in both cases, perhaps to NULL. */
int luks_header_read(int fd, const struct bulkhead_target *target, const struct bulkhead_host *host,
                     struct luks_header *header_out);

#endif
