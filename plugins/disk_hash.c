/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ways to hash blocks behind one call: libipsec-mb's jobs, which hash several blocks side by
 * side, and OpenSSL, block by block. disk_verity.c comes here, in a measure worker; it touches
 * nothing but memory.
 */
#include "plugins/disk_hash.h"
#include "plugins/disk.h"

#include <intel-ipsec-mb.h>
#include <stdlib.h>
#include <string.h>

enum {
        BATCH = 32, /* jobs between two flushes: a multiple of every number of lanes */
        /* Making a manager takes a third of a millisecond, most of it for its self test. So much
         * time is saved by hashing this many blocks side by side. */
        BLOCKS_WORTH_A_MANAGER = 256
};

struct disk_hash {
        enum disk_hash_way way;
        const struct lanes *lanes; /* NULL: OpenSSL alone */
        IMB_MGR *manager;
        EVP_MD_CTX *ctx;
        size_t salt_len, digest_len;
        uint8_t *messages; /* BATCH times: the salt, and room for a block behind it */
};

/* --- which ways there are -------------------------------------------------------------------- */

/* The fastest first. A job alone costs as much as all lanes full, so OpenSSL is faster for fewer
 * than `fewest` blocks. */
static const struct lanes {
        enum disk_hash_way way;
        const char *hash;
        IMB_HASH_ALG job;
        size_t fewest;
        uint64_t features;
        void (*init)(IMB_MGR *);
} all_lanes[] = {
        {DISK_HASH_AVX512, "SHA256", IMB_AUTH_SHA_256, 8, IMB_CPUFLAGS_AVX512, init_mb_mgr_avx512},
        {DISK_HASH_SHANI, "SHA256", IMB_AUTH_SHA_256, 2, IMB_CPUFLAGS_SSE_T2, init_mb_mgr_sse},
        {DISK_HASH_AVX2, "SHA256", IMB_AUTH_SHA_256, 4, IMB_CPUFLAGS_AVX2, init_mb_mgr_avx2},
        {DISK_HASH_AVX512, "SHA384", IMB_AUTH_SHA_384, 4, IMB_CPUFLAGS_AVX512, init_mb_mgr_avx512},
        {DISK_HASH_AVX2, "SHA384", IMB_AUTH_SHA_384, 3, IMB_CPUFLAGS_AVX2, init_mb_mgr_avx2},
};

enum { ALL_LANES = sizeof all_lanes / sizeof *all_lanes };

const char *disk_hash_name(enum disk_hash_way way)
{
        static const char *const names[DISK_HASH_WAYS] = {"OpenSSL", "SHA-NI", "AVX2", "AVX-512"};

        return names[way];
}

/* libipsec-mb asks only the processor. An instruction is still illegal if the kernel does not save
 * its registers; the compiler's run-time library asks for that, too. */
static bool registers_kept(enum disk_hash_way way)
{
        if (way == DISK_HASH_AVX512)
                return __builtin_cpu_supports("avx512f");
        return way != DISK_HASH_AVX2 || __builtin_cpu_supports("avx2");
}

static bool usable(const struct lanes *l, const EVP_MD *md)
{
        return EVP_MD_is_a(md, l->hash) && (imb_get_feature_flags() & l->features) == l->features &&
               registers_kept(l->way);
}

static const struct lanes *lanes_of(enum disk_hash_way way, const EVP_MD *md)
{
        for (size_t i = 0; i < ALL_LANES; i++)
                if (all_lanes[i].way == way && usable(&all_lanes[i], md))
                        return &all_lanes[i];
        return NULL;
}

bool disk_hash_can(enum disk_hash_way way, const EVP_MD *md)
{
        return way == DISK_HASH_OPENSSL || lanes_of(way, md);
}

enum disk_hash_way disk_hash_best(const EVP_MD *md, uint64_t blocks)
{
        for (size_t i = 0; i < ALL_LANES && blocks >= BLOCKS_WORTH_A_MANAGER; i++)
                if (usable(&all_lanes[i], md))
                        return all_lanes[i].way;
        return DISK_HASH_OPENSSL;
}

/* --- making one ------------------------------------------------------------------------------ */

/* libipsec-mb has one error number for the whole process, so this asks the manager itself whether
 * its self test passed. */
static IMB_MGR *new_manager(const struct lanes *l)
{
        IMB_MGR *m = alloc_mb_mgr(0);

        if (!m)
                return NULL;
        l->init(m);
        if (m->features & IMB_FEATURE_SELF_TEST_PASS)
                return m;
        free_mb_mgr(m);
        return NULL;
}

static bool put_salts(struct disk_hash *h, const uint8_t *salt)
{
        size_t message = h->salt_len + DISK_BLOCK;

        h->messages = malloc(BATCH * message);
        for (size_t i = 0; h->messages && h->salt_len && i < BATCH; i++)
                memcpy(h->messages + i * message, salt, h->salt_len);
        return h->messages;
}

struct disk_hash *disk_hash_new(const EVP_MD *md, enum disk_hash_way way, const uint8_t *salt,
                                size_t salt_len)
{
        struct disk_hash *h = calloc(1, sizeof *h);

        if (!h)
                return NULL;
        h->salt_len = salt_len;
        h->digest_len = (size_t)EVP_MD_get_size(md);
        h->lanes = lanes_of(way, md);
        h->manager = h->lanes ? new_manager(h->lanes) : NULL;
        h->way = h->manager ? way : DISK_HASH_OPENSSL;
        h->ctx = EVP_MD_CTX_new();
        if (put_salts(h, salt) && h->ctx && EVP_DigestInit_ex2(h->ctx, md, NULL))
                return h;
        disk_hash_free(h);
        return NULL;
}

void disk_hash_free(struct disk_hash *h)
{
        if (!h)
                return;
        if (h->manager)
                free_mb_mgr(h->manager);
        EVP_MD_CTX_free(h->ctx);
        free(h->messages);
        free(h);
}

enum disk_hash_way disk_hash_way(const struct disk_hash *h)
{
        return h->way;
}

/* --- hashing --------------------------------------------------------------------------------- */

/* To restart a context without a type is the cheapest supported way: no fetch, no copy. */
static bool hash_one(struct disk_hash *h, const uint8_t *block, uint8_t *out)
{
        return EVP_DigestInit_ex2(h->ctx, NULL, NULL) &&
               EVP_DigestUpdate(h->ctx, h->messages, h->salt_len) &&
               EVP_DigestUpdate(h->ctx, block, DISK_BLOCK) && EVP_DigestFinal_ex(h->ctx, out, NULL);
}

/* A job takes one contiguous message, so a block is copied behind the salt. The copy stays in the
 * nearest caches and costs a twentieth of the hashing. */
static const uint8_t *message_of(struct disk_hash *h, const uint8_t *block, size_t i)
{
        uint8_t *message = h->messages + i * (h->salt_len + DISK_BLOCK);

        if (!h->salt_len)
                return block;
        memcpy(message + h->salt_len, block, DISK_BLOCK);
        return message;
}

static void fill_job(const struct disk_hash *h, IMB_JOB *job, const uint8_t *message, uint8_t *out)
{
        job->cipher_mode = IMB_CIPHER_NULL;
        job->cipher_direction = IMB_DIR_ENCRYPT;
        job->chain_order = IMB_ORDER_HASH_CIPHER;
        job->hash_alg = h->lanes->job;
        job->src = message;
        job->hash_start_src_offset_in_bytes = 0;
        job->msg_len_to_hash_in_bytes = h->salt_len + DISK_BLOCK;
        job->auth_tag_output = out;
        job->auth_tag_output_len_in_bytes = h->digest_len;
}

/* A job is done when all lanes are full, or at the flush. */
static bool hash_batch(struct disk_hash *h, const uint8_t *blocks, size_t count, uint8_t *out,
                       size_t slot)
{
        IMB_MGR *m = h->manager;
        size_t good = 0;
        IMB_JOB *job;

        for (size_t i = 0; i < count; i++) {
                job = IMB_GET_NEXT_JOB(m);
                fill_job(h, job, message_of(h, blocks + i * DISK_BLOCK, i), out + i * slot);
                for (job = IMB_SUBMIT_JOB(m); job; job = IMB_GET_COMPLETED_JOB(m))
                        good += job->status == IMB_STATUS_COMPLETED;
        }
        while ((job = IMB_FLUSH_JOB(m)))
                good += job->status == IMB_STATUS_COMPLETED;
        return good == count;
}

bool disk_hash_blocks(struct disk_hash *h, const uint8_t *blocks, size_t count, uint8_t *out,
                      size_t slot)
{
        size_t batch;

        for (; count; count -= batch, blocks += batch * DISK_BLOCK, out += batch * slot) {
                batch = count < BATCH ? count : BATCH;
                if (!h->manager || batch < h->lanes->fewest) {
                        batch = 1;
                        if (!hash_one(h, blocks, out))
                                return false;
                } else if (!hash_batch(h, blocks, batch, out, slot)) {
                        return false;
                }
        }
        return true;
}
