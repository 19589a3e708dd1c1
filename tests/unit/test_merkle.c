/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merkle trees against the published vectors of Certificate Transparency: the eight leaves, their
 * roots and proofs as in google/certificate-transparency's merkle tests (RFC 6962, 2.1).
 */
#include "proof/merkle.h"
#include "proof/commitment.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const char *const leaves[8] = {
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
};
static const char *const roots[9] = {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

static struct digest of_hex(const char *hex)
{
        struct digest d = {.alg = HASH_SHA256};

        ck_assert_int_eq(hex_read(hex, strlen(hex), d.bytes, 32), 32);
        return d;
}

/* H(0x00 || leaf), as the vectors have it. */
static struct digest leaf_of(const char *hex)
{
        uint8_t bytes[1 + 32] = {0};
        long len = hex_read(hex, strlen(hex), bytes + 1, 32);

        return digest_of(HASH_SHA256, bytes, 1 + (size_t)len);
}

static struct merkle *tree_of(size_t count)
{
        struct merkle *t = merkle_new_in(HASH_SHA256, memfd_create("tree", MFD_CLOEXEC));

        for (size_t i = 0; i < count; i++) {
                struct digest d = i < 8 ? leaf_of(leaves[i]) : digest_of(HASH_SHA256, &i, sizeof i);

                merkle_append(t, &d);
        }
        return t;
}

static void same_hex(const struct digest *d, const char *expected)
{
        char hex[DIGEST_HEX];

        digest_hex(d, hex);
        ck_assert_str_eq(hex, expected);
}

START_TEST(known_roots)
{
        struct merkle *t = tree_of(8);
        struct digest root = merkle_root(t, (uint64_t)_i);

        same_hex(&root, roots[_i]);
        merkle_free(t);
}
END_TEST

static const struct {
        uint64_t index, count;
        size_t nodes;
        const char *path[3];
} known_inclusions[] = {
        {0, 1, 0, {0}},
        {0,
         8,
         3,
         {"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
          "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
          "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
        {5,
         8,
         3,
         {"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
          "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
          "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
        {2, 3, 1, {"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"}},
        {1,
         5,
         3,
         {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
          "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
          "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}},
};

START_TEST(known_inclusion)
{
        struct merkle *t = tree_of(8);
        struct digest leaf = leaf_of(leaves[known_inclusions[_i].index]);
        struct digest root = of_hex(roots[known_inclusions[_i].count]);
        struct merkle_path path;

        merkle_inclusion(t, known_inclusions[_i].index, known_inclusions[_i].count, &path);
        ck_assert_uint_eq(path.count, known_inclusions[_i].nodes);
        for (size_t i = 0; i < path.count; i++)
                same_hex(&path.nodes[i], known_inclusions[_i].path[i]);
        ck_assert(merkle_is_included(&leaf, known_inclusions[_i].index, known_inclusions[_i].count,
                                     path.nodes, path.count, &root));
        merkle_free(t);
}
END_TEST

static const struct {
        uint64_t from, count;
        size_t nodes;
        const char *path[3];
} known_consistencies[] = {
        {1, 1, 0, {0}},
        {1,
         8,
         3,
         {"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
          "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
          "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
        {6,
         8,
         3,
         {"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
          "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
          "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
        {2,
         5,
         2,
         {"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
          "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}},
};

START_TEST(known_consistency)
{
        struct merkle *t = tree_of(8);
        struct digest from = of_hex(roots[known_consistencies[_i].from]);
        struct digest root = of_hex(roots[known_consistencies[_i].count]);
        struct merkle_path path;

        merkle_consistency(t, known_consistencies[_i].from, known_consistencies[_i].count, &path);
        ck_assert_uint_eq(path.count, known_consistencies[_i].nodes);
        for (size_t i = 0; i < path.count; i++)
                same_hex(&path.nodes[i], known_consistencies[_i].path[i]);
        ck_assert(merkle_is_consistent(known_consistencies[_i].from, &from,
                                       known_consistencies[_i].count, &root, path.nodes,
                                       path.count));
        merkle_free(t);
}
END_TEST

/* Every leaf of every tree of up to 33 leaves opens, and nowhere but at its own place. */
START_TEST(inclusion_everywhere)
{
        uint64_t count = (uint64_t)_i;
        struct merkle *t = tree_of(33);
        struct digest root = merkle_root(t, count);

        for (uint64_t i = 0; i < count; i++) {
                struct digest leaf =
                        i < 8 ? leaf_of(leaves[i]) : digest_of(HASH_SHA256, &i, sizeof i);
                struct merkle_path path;

                merkle_inclusion(t, i, count, &path);
                for (uint64_t at = 0; at < count + 2; at++)
                        ck_assert_int_eq(at == i, merkle_is_included(&leaf, at, count, path.nodes,
                                                                     path.count, &root));
                if (path.count) {
                        ck_assert(!merkle_is_included(&leaf, i, count, path.nodes, path.count - 1,
                                                      &root));
                        path.nodes[path.count - 1].bytes[7] ^= 1;
                        ck_assert(!merkle_is_included(&leaf, i, count, path.nodes, path.count,
                                                      &root));
                        path.nodes[path.count - 1].bytes[7] ^= 1;
                }
                path.nodes[path.count] = root;
                ck_assert(!merkle_is_included(&leaf, i, count, path.nodes, path.count + 1, &root));
                ck_assert(!merkle_is_included(&leaf, i, 0, path.nodes, path.count, &root));
                path.nodes[path.count].alg = HASH_SHA384;
                ck_assert(!merkle_is_included(&leaf, i, count, path.nodes, path.count + 1, &root));
        }
        merkle_free(t);
}
END_TEST

START_TEST(consistency_everywhere)
{
        uint64_t count = (uint64_t)_i;
        struct merkle *t = tree_of(33);
        struct digest root = merkle_root(t, count), forged = digest_of(HASH_SHA256, "forged", 6);

        for (uint64_t from = 1; from <= count; from++) {
                struct digest old = merkle_root(t, from);
                struct merkle_path path;

                merkle_consistency(t, from, count, &path);
                ck_assert(merkle_is_consistent(from, &old, count, &root, path.nodes, path.count));
                ck_assert(
                        !merkle_is_consistent(from, &forged, count, &root, path.nodes, path.count));
                ck_assert(
                        !merkle_is_consistent(from, &old, count, &forged, path.nodes, path.count));
                ck_assert(!merkle_is_consistent(0, &old, count, &root, path.nodes, path.count));
                ck_assert(!merkle_is_consistent(count + 1, &old, count, &root, path.nodes,
                                                path.count));
                if (path.count)
                        ck_assert(!merkle_is_consistent(from, &old, count, &root, path.nodes,
                                                        path.count - 1));
                path.nodes[path.count] = root;
                ck_assert(!merkle_is_consistent(from, &old, count, &root, path.nodes,
                                                path.count + 1));
        }
        merkle_free(t);
}
END_TEST

/* Expected values: python3 hashlib over the bytes that docs/evidence.md says. */
START_TEST(commitments)
{
        static const uint8_t random[32] = "0123456789abcdef0123456789abcdef";
        struct digest d =
                commitment_of(HASH_SHA256, random, (struct bytes){(uint8_t *)"<m></m>", 7});
        struct digest a = digest_of(HASH_SHA256, "a", 1), b = digest_of(HASH_SHA256, "b", 1), leaf;

        same_hex(&d, "dd15817241f8df079377c8ac9094b27e838d2cc808665ed9d51de097408ce7e7");
        leaf = commitment_leaf(&d);
        same_hex(&leaf, "456e3816c495374a32480a1a0c5f147ee74027153b217d501dcbb213c2f51bb1");
        leaf = commitment_request(random, (struct bytes){(uint8_t *)"challenge", 9}, &a, &b);
        same_hex(&leaf, "ee44927b307a243578392a22ac5c1c9b3ebe85386a1f31220c7d7bfa4bebfd2e");
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("merkle");
        TCase *tc = tcase_create("merkle");
        SRunner *runner = srunner_create(suite);
        int failures;

        tcase_add_loop_test(tc, known_roots, 0, 9);
        tcase_add_loop_test(tc, known_inclusion, 0,
                            sizeof known_inclusions / sizeof *known_inclusions);
        tcase_add_loop_test(tc, known_consistency, 0,
                            sizeof known_consistencies / sizeof *known_consistencies);
        tcase_add_loop_test(tc, inclusion_everywhere, 1, 34);
        tcase_add_loop_test(tc, consistency_everywhere, 1, 34);
        tcase_add_test(tc, commitments);
        suite_add_tcase(suite, tc);
        srunner_run_all(runner, CK_NORMAL);
        failures = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
