/* SPDX-License-Identifier: Apache-2.0 */
/* Digests by OpenSSL. Every process may come here; OpenSSL reads its configuration once. */
#include "lib/digest.h"
#include "lib/arena.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct hash {
        EVP_MD_CTX *ctx;
        enum hash_alg alg;
};

static _Noreturn void openssl_failed(void)
{
        fputs("bulkhead: OpenSSL cannot hash\n", stderr);
        _Exit(3);
}

/* Fetched once: in OpenSSL 3 an implicit fetch at every hash costs more than a short hash. */
static const EVP_MD *md_of(enum hash_alg alg)
{
        static EVP_MD *md_sha256, *md_sha384;
        EVP_MD **md = alg == HASH_SHA256 ? &md_sha256 : alg == HASH_SHA384 ? &md_sha384 : NULL;
        EVP_MD *known;

        if (!md)
                openssl_failed();
        known = __atomic_load_n(md, __ATOMIC_ACQUIRE);
        if (!known) {
                known = EVP_MD_fetch(NULL, alg == HASH_SHA256 ? "SHA256" : "SHA384", NULL);
                if (!known)
                        openssl_failed();
                __atomic_store_n(md, known, __ATOMIC_RELEASE);
        }
        return known;
}

size_t hash_size(enum hash_alg alg)
{
        return alg == HASH_SHA256 ? 32 : alg == HASH_SHA384 ? 48 : 0;
}

const char *hash_name(enum hash_alg alg)
{
        return alg == HASH_SHA256 ? "sha256" : alg == HASH_SHA384 ? "sha384" : "none";
}

enum hash_alg hash_of_name(const char *name)
{
        if (!strcmp(name, "sha256"))
                return HASH_SHA256;
        return !strcmp(name, "sha384") ? HASH_SHA384 : HASH_NONE;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
        size_t size = hash_size(a->alg);

        return size && a->alg == b->alg && !CRYPTO_memcmp(a->bytes, b->bytes, size);
}

void digest_hex(const struct digest *d, char hex[DIGEST_HEX])
{
        hex_write(hex, d->bytes, hash_size(d->alg));
}

struct digest digest_of(enum hash_alg alg, const void *bytes, size_t len)
{
        struct digest d = {.alg = alg};

        if (!EVP_Digest(bytes, len, d.bytes, NULL, md_of(alg), NULL))
                openssl_failed();
        return d;
}

struct hash *hash_begin(enum hash_alg alg)
{
        struct hash *h = memory_new(1, sizeof *h);

        h->alg = alg;
        h->ctx = EVP_MD_CTX_new();
        if (!h->ctx || !EVP_DigestInit_ex2(h->ctx, md_of(alg), NULL))
                openssl_failed();
        return h;
}

void hash_add(struct hash *h, const void *bytes, size_t len)
{
        if (len && !EVP_DigestUpdate(h->ctx, bytes, len))
                openssl_failed();
}

void hash_byte(struct hash *h, uint8_t v)
{
        hash_add(h, &v, 1);
}

void hash_u32(struct hash *h, uint32_t v)
{
        const uint8_t bytes[4] = {v >> 24, v >> 16, v >> 8, v};

        hash_add(h, bytes, sizeof bytes);
}

void hash_field(struct hash *h, const void *bytes, size_t len)
{
        if (len > UINT32_MAX)
                openssl_failed();
        hash_u32(h, (uint32_t)len);
        hash_add(h, bytes, len);
}

void hash_field_text(struct hash *h, const char *text)
{
        hash_field(h, text, strlen(text));
}

void hash_field_digest(struct hash *h, const struct digest *d)
{
        hash_field(h, d->bytes, hash_size(d->alg));
}

struct digest hash_end(struct hash *h)
{
        struct digest d = {.alg = h->alg};

        if (!EVP_DigestFinal_ex(h->ctx, d.bytes, NULL))
                openssl_failed();
        hash_drop(h);
        return d;
}

void hash_drop(struct hash *h)
{
        if (!h)
                return;
        EVP_MD_CTX_free(h->ctx);
        free(h);
}

enum status digest_of_file(enum hash_alg alg, int fd, struct digest *digest_out, uint64_t *size_out)
{
        struct hash *h = hash_begin(alg);
        uint8_t bytes[64 << 10];
        uint64_t at = 0;
        ssize_t r;

        *digest_out = (struct digest){HASH_NONE, {0}};
        while ((r = pread(fd, bytes, sizeof bytes, (off_t)at)) > 0 || (r < 0 && errno == EINTR))
                if (r > 0) {
                        hash_add(h, bytes, (size_t)r);
                        at += (uint64_t)r;
                }
        if (size_out)
                *size_out = at;
        if (r < 0) {
                hash_drop(h);
                return FAIL(status_of_errno(errno), .subject = "a file", .found = strerror(errno));
        }
        *digest_out = hash_end(h);
        return ST_DONE;
}

struct digest digest_extend(const struct digest *value, const struct digest *event)
{
        struct hash *h = hash_begin(value->alg);

        hash_add(h, value->bytes, hash_size(value->alg));
        hash_add(h, event->bytes, hash_size(event->alg));
        return hash_end(h);
}
