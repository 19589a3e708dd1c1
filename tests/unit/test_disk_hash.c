/* SPDX-License-Identifier: Apache-2.0 */
/* Hashing many blocks at once: every way gives OpenSSL's digests, and where a way is not to be had
 * OpenSSL takes its place. */
#include "plugins/disk_hash.h"
#include "lib/worker.h"
#include "plugins/disk.h"
#include "tests/unit/plugin_test.h"

#include <fcntl.h>
#include <intel-ipsec-mb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCKS = 65, SLOT = 80 };

static const size_t salts[] = {0, 1, 31, 32, 55, 64, 128, 255, 256};
static const char *const hashes[] = {"SHA256", "SHA384"};
static EVP_MD *md;
static uint8_t blocks[BLOCKS][DISK_BLOCK], salt[DISK_SALT_MOST];

static void set_up(void)
{
        uint32_t x = 1;

        for (size_t i = 0; i < sizeof blocks; i++, x = x * 1664525 + 1013904223)
                blocks[i / DISK_BLOCK][i % DISK_BLOCK] = (uint8_t)(x >> 24);
        for (size_t i = 0; i < sizeof salt; i++, x = x * 1664525 + 1013904223)
                salt[i] = (uint8_t)(x >> 24);
        md = NULL;
}

static void tear_down(void)
{
        EVP_MD_free(md);
}

/* False, and said, if this processor has no such way. */
static bool fetch(const char *hash, enum disk_hash_way way)
{
        EVP_MD_free(md);
        md = EVP_MD_fetch(NULL, hash, NULL);
        ck_assert_ptr_nonnull(md);
        if (disk_hash_can(way, md))
                return true;
        printf("skipped: %s by %s: not to be had here\n", hash, disk_hash_name(way));
        return false;
}

static void check_block(const uint8_t *block, size_t salt_len, const uint8_t *found)
{
        uint8_t message[DISK_SALT_MOST + DISK_BLOCK], expected[EVP_MAX_MD_SIZE];
        unsigned len;

        memcpy(message, salt, salt_len);
        memcpy(message + salt_len, block, DISK_BLOCK);
        ck_assert(EVP_Digest(message, salt_len + DISK_BLOCK, expected, &len, md, NULL));
        ck_assert_mem_eq(found, expected, len);
        for (size_t i = len; i < SLOT; i++)
                ck_assert_uint_eq(found[i], 0xee);
}

static void check_blocks(struct disk_hash *h, size_t count, size_t salt_len)
{
        uint8_t out[BLOCKS + 1][SLOT];

        memset(out, 0xee, sizeof out);
        ck_assert(disk_hash_blocks(h, blocks[0], count, out[0], SLOT));
        for (size_t i = 0; i < count; i++)
                check_block(blocks[i], salt_len, out[i]);
        for (size_t i = 0; i < SLOT; i++)
                ck_assert_uint_eq(out[count][i], 0xee);
}

static const struct {
        const char *hash;
        enum disk_hash_way way;
} ways[] = {
        {"SHA256", DISK_HASH_OPENSSL}, {"SHA256", DISK_HASH_SHANI},   {"SHA256", DISK_HASH_AVX2},
        {"SHA256", DISK_HASH_AVX512},  {"SHA384", DISK_HASH_OPENSSL}, {"SHA384", DISK_HASH_AVX2},
        {"SHA384", DISK_HASH_AVX512},
};

START_TEST(every_way_is_openssls)
{
        enum disk_hash_way way = ways[_i].way;
        struct disk_hash *h;

        if (!fetch(ways[_i].hash, way))
                return;
        for (size_t s = 0; s < sizeof salts / sizeof *salts; s++) {
                h = disk_hash_new(md, way, salt, salts[s]);
                ck_assert_ptr_nonnull(h);
                ck_assert_int_eq(disk_hash_way(h), way);
                for (size_t count = 0; count <= 17; count++)
                        check_blocks(h, count, salts[s]);
                for (size_t count = 31; count <= BLOCKS; count += count < 33 ? 1 : 31)
                        check_blocks(h, count, salts[s]);
                disk_hash_free(h);
        }
}
END_TEST

/* What is not to be had is asked for all the same: OpenSSL's digests again. */
START_TEST(no_such_way_is_openssl)
{
        struct disk_hash *h;

        fetch("SHA384", DISK_HASH_OPENSSL);
        ck_assert(!disk_hash_can(DISK_HASH_SHANI, md));
        h = disk_hash_new(md, DISK_HASH_SHANI, salt, 32);
        ck_assert_int_eq(disk_hash_way(h), DISK_HASH_OPENSSL);
        check_blocks(h, 17, 32);
        disk_hash_free(h);
}
END_TEST

START_TEST(best_is_the_first_that_can)
{
        static const enum disk_hash_way order[2][4] = {
                {DISK_HASH_AVX512, DISK_HASH_SHANI, DISK_HASH_AVX2, DISK_HASH_OPENSSL},
                {DISK_HASH_AVX512, DISK_HASH_AVX2, DISK_HASH_OPENSSL}};
        size_t first = 0;

        fetch(hashes[_i], DISK_HASH_OPENSSL);
        while (!disk_hash_can(order[_i][first], md))
                first++;
        ck_assert_int_eq(disk_hash_best(md, 1 << 20), order[_i][first]);
        ck_assert_int_eq(disk_hash_best(md, 1), DISK_HASH_OPENSSL); /* not worth the set-up */
        printf("%s: %s\n", hashes[_i], disk_hash_name(disk_hash_best(md, 1 << 20)));
}
END_TEST

/* --- a library that breaks ------------------------------------------------------------------- */

static enum { SOUND, NO_MEMORY, FAILS_ITS_TEST, LOSES_A_JOB, REFUSES_A_JOB, NO_CONTEXT } fault;

IMB_MGR *__real_alloc_mb_mgr(uint64_t flags);
IMB_MGR *__wrap_alloc_mb_mgr(uint64_t flags);
IMB_MGR *__wrap_alloc_mb_mgr(uint64_t flags)
{
        return fault == NO_MEMORY ? NULL : __real_alloc_mb_mgr(flags);
}

static IMB_JOB *flush_nothing(IMB_MGR *m)
{
        (void)m;
        return NULL;
}

static IMB_JOB *refuse_job(IMB_MGR *m)
{
        static IMB_JOB refused = {.status = IMB_STATUS_INVALID_ARGS};

        (void)m;
        return &refused;
}

static IMB_JOB *no_job(IMB_MGR *m)
{
        (void)m;
        return NULL;
}

static void break_manager(IMB_MGR *m)
{
        if (fault == FAILS_ITS_TEST)
                m->features &= ~IMB_FEATURE_SELF_TEST_PASS;
        if (fault == LOSES_A_JOB)
                m->flush_job = flush_nothing;
        if (fault == REFUSES_A_JOB) {
                m->submit_job = refuse_job;
                m->get_completed_job = no_job;
                m->flush_job = flush_nothing;
        }
}

#define BREAKABLE(init)                                                                            \
        void __real_##init(IMB_MGR *m);                                                            \
        void __wrap_##init(IMB_MGR *m);                                                            \
        void __wrap_##init(IMB_MGR *m)                                                             \
        {                                                                                          \
                __real_##init(m);                                                                  \
                break_manager(m);                                                                  \
        }
BREAKABLE(init_mb_mgr_sse)
BREAKABLE(init_mb_mgr_avx2)
BREAKABLE(init_mb_mgr_avx512)

EVP_MD_CTX *__real_EVP_MD_CTX_new(void);
EVP_MD_CTX *__wrap_EVP_MD_CTX_new(void);
EVP_MD_CTX *__wrap_EVP_MD_CTX_new(void)
{
        return fault == NO_CONTEXT ? NULL : __real_EVP_MD_CTX_new();
}

START_TEST(faults_end_well)
{
        enum disk_hash_way way = (enum disk_hash_way)_i;
        struct disk_hash *h;
        uint8_t out[3][SLOT];

        if (!fetch("SHA256", way))
                return;
        for (fault = NO_MEMORY; fault <= FAILS_ITS_TEST; fault++) {
                h = disk_hash_new(md, way, salt, 8);
                ck_assert_int_eq(disk_hash_way(h), DISK_HASH_OPENSSL);
                check_blocks(h, 17, 8);
                disk_hash_free(h);
        }
        for (fault = LOSES_A_JOB; fault <= REFUSES_A_JOB; fault++) {
                h = disk_hash_new(md, way, NULL, 0);
                ck_assert_int_eq(disk_hash_way(h), way);
                ck_assert(!disk_hash_blocks(h, blocks[0], 33, out[0], 0));
                disk_hash_free(h);
        }
        fault = NO_CONTEXT;
        ck_assert_ptr_null(disk_hash_new(md, way, NULL, 0));
}
END_TEST

/* --- where it runs --------------------------------------------------------------------------- */

/* The shipped plug-in in its worker, under the system call filter, with enough for a manager each
 * thread: a call that is not allowed would end the worker. With many threads such a call is what
 * glibc makes of freeing their memory, were there more than one heap. */
START_TEST(in_the_workers_sandbox)
{
        static const uint32_t cores[] = {1, 2, 16};
        struct arena *a = arena_new();
        struct measure_req q = {
                .target = {.name = "disk:/img", .plugin = "disk", .argument = "/img"},
                .header = -1,
                .progress = -1,
                .cores = cores[_i / 2]};
        struct measure_rep p;
        struct worker *w;
        char image[512], expected[128];

        snprintf(image, sizeof image, "%s", test_path("image"));
        test_write_file(image, 16 << 20, 1);
        q.target.method = "verity";
        q.target.alg = hash_of_name(_i % 2 ? "sha384" : "sha256");
        q.file = open(image, O_RDONLY | O_CLOEXEC);
        q.plugin = open(BUILD_DIR "/plugins/disk.so", O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(worker_start(BUILD_DIR "/measure_worker", NULL, NULL, NULL, &w), ST_DONE);
        ck_assert_int_eq(worker_call(w, 60000, CALL(measure, &q, &p), a), ST_DONE);
        worker_stop(w);
        snprintf(expected, sizeof expected, "%s:%s", _i % 2 ? "sha384" : "sha256",
                 test_command("veritysetup format --hash %s --salt - %s %s.tree |"
                              " sed -n 's/^Root hash:[ \t]*//p'; rm -f %s.tree",
                              _i % 2 ? "sha384" : "sha256", image, image, image));
        ck_assert_str_eq(test_value(&p.measurement, 0, "digest"), expected);
        close(q.file);
        close(q.plugin);
        unlink(image);
        arena_free(a);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("disk_hash");
        TCase *c = tcase_create("disk_hash");

        tcase_add_checked_fixture(c, set_up, tear_down);
        tcase_set_timeout(c, 120);
        tcase_add_loop_test(c, every_way_is_openssls, 0, sizeof ways / sizeof *ways);
        tcase_add_test(c, no_such_way_is_openssl);
        tcase_add_loop_test(c, best_is_the_first_that_can, 0, 2);
        tcase_add_loop_test(c, faults_end_well, DISK_HASH_OPENSSL + 1, DISK_HASH_WAYS);
        tcase_add_loop_test(c, in_the_workers_sandbox, 0, 6);
        suite_add_tcase(suite, c);
        return test_run_suite(suite);
}
