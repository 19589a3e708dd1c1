/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merkle trees of RFC 6962, section 2.1: an append-only tree with its roots and proofs, and the
 * checks of such proofs (RFC 9162, 2.1.3.2 and 2.1.4.2). A node is H(0x01 || left || right), the
 * root of nothing H(""). What a leaf's hash covers is the caller's matter: see commitment.h.
 *
 * Every complete subtree is kept, so that roots and proofs of any past size take O(log n) hashes.
 */
#ifndef BULKHEAD_PROOF_MERKLE_H
#define BULKHEAD_PROOF_MERKLE_H

#include "lib/digest.h"

enum { MERKLE_PATH_MOST = 65 }; /* a consistency proof of 2^64 leaves */

struct merkle_path {
        size_t count;
        struct digest nodes[MERKLE_PATH_MOST];
};

struct merkle;
/* A tree whose hashes lie in the file fd, two hashes a leaf, so that memory stays constant. The
 * file is the caller's, and empty. If reading or writing it ever fails, merkle_failed() is true
 * from then on and no result is to be used. */
struct merkle *merkle_new_in(enum hash_alg alg, int fd);
bool merkle_failed(const struct merkle *t);
void merkle_free(struct merkle *t); /* NULL is fine */
void merkle_append(struct merkle *t, const struct digest *leaf);
uint64_t merkle_count(const struct merkle *t);

/* The root of the first `count` leaves. Here and below count is at most merkle_count()
 * (asserted). */
struct digest merkle_root(const struct merkle *t, uint64_t count);
/* The proof that leaf `index` (< count) is among the first `count`. */
void merkle_inclusion(const struct merkle *t, uint64_t index, uint64_t count,
                      struct merkle_path *out);
/* The proof that the tree of `count` leaves begins with the tree of `from` (1 to count). */
void merkle_consistency(const struct merkle *t, uint64_t from, uint64_t count,
                        struct merkle_path *out);

/* Does the path lead from this leaf hash at this index to this root, with no node missing or left
 * over? False for digests of another algorithm, for index >= count and for count 0. */
bool merkle_is_included(const struct digest *leaf, uint64_t index, uint64_t count,
                        const struct digest *path, size_t path_count, const struct digest *root);
/* The root that the path leads to; false if the path does not fit. */
bool merkle_root_of_path(const struct digest *leaf, uint64_t index, uint64_t count,
                         const struct digest *path, size_t path_count, struct digest *root_out);
/* Does the path prove that the tree of `count` leaves begins with the tree of `from`? False for
 * from 0: nothing can be proved of an empty tree. */
bool merkle_is_consistent(uint64_t from, const struct digest *from_root, uint64_t count,
                          const struct digest *root, const struct digest *path, size_t path_count);

#endif
