/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merkle trees: integrity-mgr builds one (the log's), the verifier checks paths. Plain computation
 * over digests; nothing here knows what they stand for.
 */
#include "proof/merkle.h"
#include "lib/arena.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEVELS = 64 };

/* Level k holds the hashes of the complete subtrees of 2^k leaves, from the left. */
struct level {
        uint64_t count;
        struct digest last[2]; /* the newest two, which appending needs */
};

struct merkle {
        enum hash_alg alg;
        int fd; /* the file with the hashes */
        bool failed;
        struct level levels[LEVELS];
};

struct merkle *merkle_new_in(enum hash_alg alg, int fd)
{
        struct merkle *t = memory_new(1, sizeof *t);

        assert(hash_size(alg) && fd >= 0);
        t->alg = alg;
        t->fd = fd;
        return t;
}

bool merkle_failed(const struct merkle *t)
{
        return t->failed;
}

void merkle_free(struct merkle *t)
{
        free(t);
}

uint64_t merkle_count(const struct merkle *t)
{
        return t->levels[0].count;
}

static struct digest node(const struct digest *left, const struct digest *right)
{
        size_t size = hash_size(left->alg);
        uint8_t bytes[1 + 2 * DIGEST_MOST] = {0x01};

        assert(size && left->alg == right->alg);
        memcpy(bytes + 1, left->bytes, size);
        memcpy(bytes + 1 + size, right->bytes, size);
        return digest_of(left->alg, bytes, 1 + 2 * size);
}

/* The offset of a hash in the file. Hashes are ordered by the last leaf below them, and those with
 * the same last leaf from the bottom up. */
static off_t place(const struct merkle *t, int level, uint64_t at)
{
        uint64_t leaf = ((at + 1) << level) - 1;
        uint64_t before = 2 * leaf - (uint64_t)__builtin_popcountll(leaf);

        return (off_t)((before + (uint64_t)level) * hash_size(t->alg));
}

static struct digest hash_at(const struct merkle *t, int level, uint64_t at)
{
        size_t size = hash_size(t->alg);
        struct digest d = {.alg = t->alg};

        assert(at < t->levels[level].count);
        if (at + 2 >= t->levels[level].count)
                d = t->levels[level].last[at % 2];
        else if (pread(t->fd, d.bytes, size, place(t, level, at)) != (ssize_t)size)
                ((struct merkle *)t)->failed = true;
        return d;
}

static void add_hash(struct merkle *t, int level, const struct digest *d)
{
        struct level *l = &t->levels[level];

        l->last[l->count++ % 2] = *d;
}

/* Writes the hashes that one leaf completed, from level 0 to `top`: they are adjacent in the
 * file. */
static void write_hashes(struct merkle *t, int top)
{
        size_t size = hash_size(t->alg), len = 0;
        uint8_t bytes[LEVELS * DIGEST_MOST];

        for (int k = 0; k <= top; k++, len += size)
                memcpy(bytes + len, t->levels[k].last[(t->levels[k].count - 1) % 2].bytes, size);
        if (pwrite(t->fd, bytes, len, place(t, 0, t->levels[0].count - 1)) != (ssize_t)len)
                t->failed = true;
}

void merkle_append(struct merkle *t, const struct digest *leaf)
{
        struct digest d = *leaf;
        int k;

        assert(leaf->alg == t->alg);
        add_hash(t, 0, &d);
        for (k = 0; t->levels[k].count % 2 == 0; k++) {
                struct digest left = hash_at(t, k, t->levels[k].count - 2);

                d = node(&left, &d);
                add_hash(t, k + 1, &d);
        }
        write_hashes(t, k);
}

/* The greatest power of two below n, for n > 1. */
static uint64_t split(uint64_t n)
{
        return (uint64_t)1 << (63 - __builtin_clzll(n - 1));
}

/* The hash over n leaves from `start` on. By RFC 6962's way to split, start is a multiple of the
 * greatest power of two in n. */
static struct digest subtree(const struct merkle *t, uint64_t start, uint64_t n)
{
        struct digest left, right;
        uint64_t k;

        if ((n & (n - 1)) == 0)
                return hash_at(t, __builtin_ctzll(n), start / n);
        k = split(n);
        left = subtree(t, start, k);
        right = subtree(t, start + k, n - k);
        return node(&left, &right);
}

struct digest merkle_root(const struct merkle *t, uint64_t count)
{
        assert(count <= merkle_count(t));
        return count ? subtree(t, 0, count) : digest_of(t->alg, "", 0);
}

static void path_add(struct merkle_path *p, struct digest d)
{
        assert(p->count < MERKLE_PATH_MOST);
        p->nodes[p->count++] = d;
}

/* PATH(index, D[n]) of RFC 6962, 2.1.1. */
static void inclusion(const struct merkle *t, uint64_t start, uint64_t index, uint64_t n,
                      struct merkle_path *out)
{
        uint64_t k;

        if (n == 1)
                return;
        k = split(n);
        if (index < k) {
                inclusion(t, start, index, k, out);
                path_add(out, subtree(t, start + k, n - k));
        } else {
                inclusion(t, start + k, index - k, n - k, out);
                path_add(out, subtree(t, start, k));
        }
}

void merkle_inclusion(const struct merkle *t, uint64_t index, uint64_t count,
                      struct merkle_path *out)
{
        assert(index < count && count <= merkle_count(t));
        out->count = 0;
        inclusion(t, 0, index, count, out);
}

/* SUBPROOF(from, D[n], known) of RFC 6962, 2.1.2. known: the verifier has this subtree's hash. */
static void consistency(const struct merkle *t, uint64_t start, uint64_t from, uint64_t n,
                        bool known, struct merkle_path *out)
{
        uint64_t k;

        if (from == n) {
                if (!known)
                        path_add(out, subtree(t, start, n));
                return;
        }
        k = split(n);
        if (from <= k) {
                consistency(t, start, from, k, known, out);
                path_add(out, subtree(t, start + k, n - k));
        } else {
                consistency(t, start + k, from - k, n - k, false, out);
                path_add(out, subtree(t, start, k));
        }
}

void merkle_consistency(const struct merkle *t, uint64_t from, uint64_t count,
                        struct merkle_path *out)
{
        assert(from && from <= count && count <= merkle_count(t));
        out->count = 0;
        consistency(t, 0, from, count, true, out);
}

static bool same_alg(enum hash_alg alg, const struct digest *path, size_t path_count)
{
        for (size_t i = 0; i < path_count; i++)
                if (path[i].alg != alg)
                        return false;
        return hash_size(alg) != 0;
}

/* Goes up the right edge past the levels at which the node has no sibling, and so no hash of its
 * own. */
static void skip_lone_levels(uint64_t *at, uint64_t *last)
{
        while (!(*at & 1) && *at) {
                *at >>= 1;
                *last >>= 1;
        }
}

bool merkle_root_of_path(const struct digest *leaf, uint64_t index, uint64_t count,
                         const struct digest *path, size_t path_count, struct digest *root_out)
{
        uint64_t at = index, last = count - 1;
        struct digest d = *leaf;

        if (index >= count || !same_alg(leaf->alg, path, path_count))
                return false;
        for (size_t i = 0; i < path_count; i++) {
                if (!last)
                        return false;
                if (at & 1 || at == last) {
                        d = node(&path[i], &d);
                        skip_lone_levels(&at, &last);
                } else {
                        d = node(&d, &path[i]);
                }
                at >>= 1;
                last >>= 1;
        }
        *root_out = d;
        return last == 0;
}

bool merkle_is_included(const struct digest *leaf, uint64_t index, uint64_t count,
                        const struct digest *path, size_t path_count, const struct digest *root)
{
        struct digest found;

        return merkle_root_of_path(leaf, index, count, path, path_count, &found) &&
               digest_equal(&found, root);
}

bool merkle_is_consistent(uint64_t from, const struct digest *from_root, uint64_t count,
                          const struct digest *root, const struct digest *path, size_t path_count)
{
        uint64_t at = from - 1, last = count - 1;
        struct digest old, new;
        size_t i = 0;

        if (!from || from > count || from_root->alg != root->alg ||
            !same_alg(root->alg, path, path_count))
                return false;
        if (from == count)
                return !path_count && digest_equal(from_root, root);
        while (at & 1) {
                at >>= 1;
                last >>= 1;
        }
        if (at == 0) /* from is a power of two: its root is the first node */
                old = *from_root;
        else if (path_count)
                old = path[i++];
        else
                return false;
        for (new = old; i < path_count; i++) {
                if (!last)
                        return false;
                if (at & 1 || at == last) {
                        old = node(&path[i], &old);
                        new = node(&path[i], &new);
                        skip_lone_levels(&at, &last);
                } else {
                        new = node(&new, &path[i]);
                }
                at >>= 1;
                last >>= 1;
        }
        return last == 0 && digest_equal(&old, from_root) && digest_equal(&new, root);
}
