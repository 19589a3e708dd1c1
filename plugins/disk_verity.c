/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root of dm-verity's hash tree (Documentation/admin-guide/device-mapper/verity.rst, hash type
 * 1: the salt stands before the block, digests are padded to a power of two), on all cores. A unit
 * is the data under one hash block. Each thread takes the next unit of a window; when the window is
 * done, the units' digests are added to the tree's open path. So no level is ever held whole, and
 * memory does not depend on the disk's size.
 */
#include "plugins/disk.h"
#include "plugins/disk_hash.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#ifndef WINDOW
#define WINDOW 16384 /* units between two joins: 8 GiB of data; tests have a small one */
#endif

enum {
        LEVELS = 8, /* with at least 64 digests a block: far more than 64 TiB */
        CORES_MOST = 64,
        PIECE = 64 << 10, /* read at once */
        BLOCKS_A_PIECE = PIECE / DISK_BLOCK
};

/* What all threads share. slot: the bytes of a digest in a hash block, a power of two. */
struct verity {
        struct source *source;
        const EVP_MD *md;
        enum disk_hash_way way;
        const uint8_t *salt;
        size_t salt_len, digest_len, slot, per_block;
        uint64_t blocks, units, next, window_end;
        uint8_t *digests; /* of this window's units, slot bytes each */
};

struct worker {
        struct verity *verity;
        struct disk_hash *hash; /* made in the worker's own thread, since that takes a while */
        uint8_t *buffer;
        uint64_t hole;                  /* where the last hole ended */
        uint8_t zeros[EVP_MAX_MD_SIZE]; /* the digest of a whole unit of zeros, once it is known */
        bool knows_zeros;
        pthread_t thread;
        bool failed;
};

static bool worker_ready(struct worker *w)
{
        const struct verity *v = w->verity;

        if (!w->buffer)
                w->buffer = aligned_alloc(DISK_BLOCK, PIECE);
        if (!w->hash)
                w->hash = disk_hash_new(v->md, v->way, v->salt, v->salt_len);
        return w->buffer && w->hash;
}

/* Reads a piece, hashes it while it is in the nearest caches, and goes on with the next. */
static bool hash_data(struct worker *w, uint64_t at, size_t len, uint8_t *out)
{
        const struct verity *v = w->verity;

        for (size_t done = 0; done < len; done += PIECE, out += BLOCKS_A_PIECE * v->slot) {
                size_t piece = len - done < PIECE ? len - done : PIECE;
                int r = disk_read(v->source, w->buffer, piece, at + done);

                if (r) {
                        __atomic_store_n(&v->source->error, r, __ATOMIC_RELAXED);
                        return false;
                }
                if (!disk_hash_blocks(w->hash, w->buffer, piece / DISK_BLOCK, out, v->slot))
                        return false;
        }
        return true;
}

static void tell_progress(const struct verity *v, size_t len)
{
        v->source->host->progress(__atomic_add_fetch(&v->source->done, len, __ATOMIC_RELAXED),
                                  v->source->size);
}

/* The digest that every whole unit in a hole has. Each thread computes it once. */
static bool hash_zeros(struct worker *w, uint8_t *out)
{
        const struct verity *v = w->verity;
        uint8_t block[DISK_BLOCK] = {0};

        if (!w->knows_zeros) {
                memset(w->buffer, 0, DISK_BLOCK);
                if (!disk_hash_blocks(w->hash, w->buffer, 1, block, v->slot))
                        return false;
                for (size_t i = 1; i < v->per_block; i++)
                        memcpy(block + i * v->slot, block, v->digest_len);
                w->knows_zeros = disk_hash_blocks(w->hash, block, 1, w->zeros, v->slot);
        }
        memcpy(out, w->zeros, v->digest_len);
        return w->knows_zeros;
}

/* The hash block over the data blocks of one unit, and its digest. */
static bool hash_unit(struct worker *w, uint64_t unit, uint8_t *out)
{
        const struct verity *v = w->verity;
        size_t size = v->per_block * DISK_BLOCK, len = disk_unit_len(v->source, unit, size);
        uint8_t block[DISK_BLOCK] = {0};

        if (len == size && disk_is_hole(v->source, unit * size, len, &w->hole)) {
                tell_progress(v, len);
                return hash_zeros(w, out);
        }
        if (!hash_data(w, unit * size, len, block))
                return false;
        if (v->blocks == 1) /* no tree: dm-verity's root is that block's digest */
                memcpy(out, block, v->digest_len);
        else if (!disk_hash_blocks(w->hash, block, 1, out, v->slot))
                return false;
        tell_progress(v, len);
        return true;
}

static void *hash_units(void *arg)
{
        struct worker *w = arg;
        struct verity *v = w->verity;
        uint64_t unit;

        w->failed = !worker_ready(w);
        while (!w->failed &&
               (unit = __atomic_fetch_add(&v->next, 1, __ATOMIC_RELAXED)) < v->window_end &&
               !__atomic_load_n(&v->source->error, __ATOMIC_RELAXED))
                w->failed = !hash_unit(w, unit, v->digests + unit % WINDOW * v->slot);
        return NULL;
}

/* The tree's open path: digests that wait for their hash block to fill, level by level. */
struct tree {
        struct {
                uint8_t block[DISK_BLOCK];
                size_t used;
                uint64_t total;
        } level[LEVELS];
};

static bool tree_add(const struct verity *v, struct disk_hash *hash, struct tree *t, int level,
                     const uint8_t *digest);

static bool tree_close(const struct verity *v, struct disk_hash *hash, struct tree *t, int level)
{
        uint8_t digest[EVP_MAX_MD_SIZE];

        if (!disk_hash_blocks(hash, t->level[level].block, 1, digest, sizeof digest))
                return false;
        memset(t->level[level].block, 0, DISK_BLOCK);
        t->level[level].used = 0;
        return tree_add(v, hash, t, level + 1, digest);
}

static bool tree_add(const struct verity *v, struct disk_hash *hash, struct tree *t, int level,
                     const uint8_t *digest)
{
        if (level >= LEVELS)
                return false;
        memcpy(t->level[level].block + t->level[level].used++ * v->slot, digest, v->digest_len);
        t->level[level].total++;
        return t->level[level].used < v->per_block || tree_close(v, hash, t, level);
}

static bool tree_root(const struct verity *v, struct disk_hash *hash, struct tree *t,
                      uint8_t *root_out)
{
        int l;

        for (l = 0; t->level[l].total > 1; l++)
                if (t->level[l].used && !tree_close(v, hash, t, l))
                        return false;
        memcpy(root_out, t->level[l].block, v->digest_len);
        return true;
}

/* All threads over one window. The caller's own thread is the first. */
static bool run_window(struct verity *v, struct worker *workers, unsigned count)
{
        unsigned started = 1;
        bool good;

        while (started < count && !pthread_create(&workers[started].thread, &v->source->thread,
                                                  hash_units, &workers[started]))
                started++; /* fewer threads than wanted only take longer */
        hash_units(&workers[0]);
        good = !workers[0].failed;
        for (unsigned i = 1; i < started; i++) {
                pthread_join(workers[i].thread, NULL);
                good = good && !workers[i].failed;
        }
        return good && !v->source->error;
}

static bool run_windows(struct verity *v, struct worker *workers, unsigned count, uint8_t *root_out)
{
        struct tree tree = {0};

        for (uint64_t at = 0; at < v->units; at = v->window_end) {
                v->next = at;
                v->window_end = v->units - at < WINDOW ? v->units : at + WINDOW;
                if (!run_window(v, workers, count))
                        return false;
                for (uint64_t unit = at; unit < v->window_end; unit++)
                        if (!tree_add(v, workers[0].hash, &tree, 0,
                                      v->digests + unit % WINDOW * v->slot))
                                return false;
        }
        return tree_root(v, workers[0].hash, &tree, root_out);
}

int disk_verity(struct source *s, const EVP_MD *md, const uint8_t *salt, size_t salt_len,
                uint32_t cores, uint8_t *root_out)
{
        struct verity v = {.source = s, .md = md, .salt = salt, .salt_len = salt_len};
        struct worker workers[CORES_MOST] = {0};
        unsigned count = cores < 1 ? 1 : cores > CORES_MOST ? CORES_MOST : cores;
        bool good;

        v.digest_len = (size_t)EVP_MD_get_size(md);
        for (v.slot = 1; v.slot < v.digest_len; v.slot *= 2)
                ;
        v.per_block = DISK_BLOCK / v.slot;
        v.blocks = s->size / DISK_BLOCK;
        v.units = (v.blocks + v.per_block - 1) / v.per_block;
        v.way = disk_hash_best(md, v.blocks / count);
        v.digests = malloc(WINDOW * v.slot);
        for (unsigned i = 0; i < count; i++)
                workers[i].verity = &v;
        good = v.digests && run_windows(&v, workers, count, root_out);
        for (unsigned i = 0; i < count; i++) {
                disk_hash_free(workers[i].hash);
                free(workers[i].buffer);
        }
        free(v.digests);
        return good ? 0 : -1;
}
