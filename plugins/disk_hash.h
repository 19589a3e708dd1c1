/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The digests of many blocks at once: H(salt || block), as dm-verity's hash type 1 has them. The
 * blocks of a hash tree do not depend on each other, so a processor's vector units can hash several
 * side by side (libipsec-mb's hash jobs); OpenSSL hashes one after the other.
 */
#ifndef BULKHEAD_PLUGINS_DISK_HASH_H
#define BULKHEAD_PLUGINS_DISK_HASH_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How blocks are hashed. In comments: how many side by side, with SHA-256 and with SHA-384. */
enum disk_hash_way {
        DISK_HASH_OPENSSL,
        DISK_HASH_SHANI,  /* 2, none */
        DISK_HASH_AVX2,   /* 8, 4 */
        DISK_HASH_AVX512, /* 16, 8 */
        DISK_HASH_WAYS
};

struct disk_hash; /* for one thread */

/* "OpenSSL", "SHA-NI", ... */
const char *disk_hash_name(enum disk_hash_way way);
/* Whether this processor, under this kernel, can hash with `md` in that way. */
bool disk_hash_can(enum disk_hash_way way, const EVP_MD *md);
/* The fastest way here for so many blocks a thread. */
enum disk_hash_way disk_hash_best(const EVP_MD *md, uint64_t blocks);

/* Hashes in that way, or by OpenSSL if libipsec-mb does not pass its self test. Opens no file;
 * copies the salt. NULL if there is no memory, or if OpenSSL fails. */
struct disk_hash *disk_hash_new(const EVP_MD *md, enum disk_hash_way way, const uint8_t *salt,
                                size_t salt_len);
void disk_hash_free(struct disk_hash *h);
enum disk_hash_way disk_hash_way(const struct disk_hash *h);

/* Hashes `count` adjacent blocks of DISK_BLOCK bytes; the digest of block i goes to out + i * slot.
 * False if the library failed; then `out` means nothing. */
bool disk_hash_blocks(struct disk_hash *h, const uint8_t *blocks, size_t count, uint8_t *out,
                      size_t slot);

#endif
