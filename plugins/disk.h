/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the disk plug-in share: the disk as a stream of bytes, and the method "verity".
 * None of it is exported (plugin.map).
 */
#ifndef BULKHEAD_PLUGINS_DISK_H
#define BULKHEAD_PLUGINS_DISK_H

#include "bulkhead/measure_plugin.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>

enum {
        DISK_BLOCK = 4096, /* dm-verity's data and hash blocks */
        /* Bytes of one read: so many that the cost of the call does not matter. The buffer begins
         * on a page: to any other address the kernel copies at a quarter of the speed. */
        DISK_UNIT = 512 << 10,
        DISK_SALT_MOST = 256 /* dm-verity's superblock has room for no more */
};

struct source {
        int file, header;
        bool may_have_holes;       /* it is a regular file */
        uint64_t size, header_len; /* the first header_len bytes are read from header */
        const struct bulkhead_host *host;
        const char *name;
        uint64_t done;         /* bytes so far */
        int error;             /* errno of a read that failed; ENODATA: the disk ended early */
        pthread_attr_t thread; /* for new threads: a small stack */
};

/* Reads the bytes [at, at + len) of the disk. Returns 0, or an errno. From any thread. */
int disk_read(const struct source *s, uint8_t *to, size_t len, uint64_t at);
/* Whether the bytes [at, at + len) lie in a hole of a sparse file: they read as zeros, so that
 * nobody has to read them. *to_known: where the last hole ended, 0 at first; a thread's own. */
bool disk_is_hole(const struct source *s, uint64_t at, size_t len, uint64_t *to_known);
/* The length of the unit-th piece of `size` bytes: the last one may be short. */
size_t disk_unit_len(const struct source *s, uint64_t unit, size_t size);

/* The root of dm-verity's tree, hash type 1; the disk's size is a multiple of DISK_BLOCK. Returns
 * 0, or -1: if s->error is set, reading the disk failed; if not, there was no memory or no thread,
 * or OpenSSL failed. */
int disk_verity(struct source *s, const EVP_MD *md, const uint8_t *salt, size_t salt_len,
                uint32_t cores, uint8_t *root_out);

#endif
