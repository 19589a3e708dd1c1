/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests, and the framing that every construction of docs/constructions.md shares: a field is its
 * length (4 bytes, big endian) and its bytes, a tag is a field, an integer is big endian.
 * SHA-256 and SHA-384 only (FIPS 180-4); SHA-1 never. By OpenSSL's EVP interface.
 */
#ifndef BULKHEAD_LIB_DIGEST_H
#define BULKHEAD_LIB_DIGEST_H

#include "lib/buffer.h"
#include "lib/status.h"

/* The numbers are the TPM_ALG_IDs of the TCG Algorithm Registry, table 3. */
enum hash_alg { HASH_NONE = 0, HASH_SHA256 = 0x000b, HASH_SHA384 = 0x000c };

enum { DIGEST_MOST = 48, DIGEST_HEX = 2 * DIGEST_MOST + 1 };

struct digest {
        enum hash_alg alg; /* HASH_NONE: there is no digest here */
        uint8_t bytes[DIGEST_MOST];
};

size_t hash_size(enum hash_alg alg);          /* 0 if unknown */
const char *hash_name(enum hash_alg alg);     /* "sha256", "sha384", or "none" */
enum hash_alg hash_of_name(const char *name); /* HASH_NONE if unknown */

bool digest_equal(const struct digest *a, const struct digest *b); /* constant time */
void digest_hex(const struct digest *d, char hex[DIGEST_HEX]);
struct digest digest_of(enum hash_alg alg, const void *bytes, size_t len);
/* The digest of all of a file, read by pread() whatever its offset. size_out: the file's bytes; may
 * be NULL. */
enum status digest_of_file(enum hash_alg alg, int fd, struct digest *digest_out,
                           uint64_t *size_out);

/* A hash under way. hash_end() gives the digest and frees the hash; hash_drop() only frees it (NULL
 * is fine). Errors of OpenSSL are fatal: there is nothing safe to go on with. */
struct hash;
struct hash *hash_begin(enum hash_alg alg);
void hash_add(struct hash *h, const void *bytes, size_t len);   /* raw */
void hash_byte(struct hash *h, uint8_t v);                      /* raw */
void hash_u32(struct hash *h, uint32_t v);                      /* raw: counts */
void hash_field(struct hash *h, const void *bytes, size_t len); /* with its length before it */
void hash_field_text(struct hash *h, const char *text);
void hash_field_digest(struct hash *h, const struct digest *d);
struct digest hash_end(struct hash *h);
void hash_drop(struct hash *h);

/* What PCR `value` becomes when `event` is extended into it: H(value || event). */
struct digest digest_extend(const struct digest *value, const struct digest *event);

#endif
