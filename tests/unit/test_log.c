/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: what comes back after a restart, a torn tail, damage, a full disk. The expected roots
 * are computed here from RFC 6962's definition, by OpenSSL alone.
 */
#include "integrity-mgr/attest_share.h"
#include "integrity-mgr/log.h"
#include "lib/arena.h"
#include "tests/fault/fault.h"
#include "tests/fault/folder.h"
#include "proof/commitment.h"

#include <check.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST = 4096 };

static int dir;
static struct log *l;
static uint8_t leaves[MOST][32]; /* as told by log_append() */
static size_t count;

static void set_up(void)
{
        dir = folder_new();
        count = 0;
        ck_assert_int_eq(log_open(dir, HASH_SHA256, &l), ST_DONE);
}

static void tear_down(void)
{
        fault_disarm();
        log_close(l);
        l = NULL;
        folder_remove(dir);
}

/* --- RFC 6962, by the letter ------------------------------------------------------------------ */

static void put_u32(uint8_t *p, uint32_t v)
{
        for (int i = 0; i < 4; i++)
                p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void leaf_hash(const uint8_t random[32], struct bytes node, uint8_t out[32])
{
        uint8_t all[1 + 4 + 32 + 4 + 1024] = {2}, c[33] = {0};

        put_u32(all + 1, 32);
        memcpy(all + 5, random, 32);
        put_u32(all + 37, (uint32_t)node.len);
        memcpy(all + 41, node.data, node.len);
        SHA256(all, 41 + node.len, c + 1);
        SHA256(c, 33, out);
}

static void root_of(size_t from, size_t n, uint8_t out[32])
{
        uint8_t both[65] = {1};
        size_t k = 1;

        if (n == 0) {
                SHA256((const uint8_t *)"", 0, out);
                return;
        }
        if (n == 1) {
                memcpy(out, leaves[from], 32);
                return;
        }
        while (k * 2 < n)
                k *= 2;
        root_of(from, k, both + 1);
        root_of(from + k, n - k, both + 33);
        SHA256(both, 65, out);
}

/* --- helpers --------------------------------------------------------------------------------- */

static enum status append(size_t n, struct log_place *place)
{
        struct log_entry entries[8] = {0};
        char text[8][64];
        enum status s;

        for (size_t i = 0; i < n; i++) {
                int len = snprintf(text[i], sizeof text[i], "<n>%zu</n>", count + i);

                entries[i].node = (struct bytes){(const uint8_t *)text[i], (size_t)len};
        }
        s = log_append(l, entries, n, place);
        if (s)
                return s;
        ck_assert_uint_eq(place->first, count);
        for (size_t i = 0; i < n; i++)
                leaf_hash(entries[i].random, entries[i].node, leaves[count++]);
        ck_assert_uint_eq(place->length, count);
        return ST_DONE;
}

static void append_synced(size_t n)
{
        struct log_place place;

        ck_assert_int_eq(append(n, &place), ST_DONE);
        ck_assert_int_eq(log_sync(l, &place), ST_DONE);
}

static void check_root(size_t n)
{
        struct log_place head;
        uint8_t expected[32];

        root_of(0, n, expected);
        ck_assert_int_eq(log_head(l, &head), ST_DONE);
        ck_assert_uint_eq(head.length, n);
        ck_assert_mem_eq(head.root.bytes, expected, 32);
}

static enum status reopen(void)
{
        log_close(l);
        return log_open(dir, HASH_SHA256, &l);
}

static off_t file_size(void)
{
        struct stat st;

        ck_assert_int_eq(fstatat(dir, "log", &st, 0), 0);
        return st.st_size;
}

static void flip(off_t at)
{
        int fd = openat(dir, "log", O_RDWR);
        uint8_t b;

        ck_assert_int_eq(pread(fd, &b, 1, at), 1);
        b ^= 0x10;
        ck_assert_int_eq(pwrite(fd, &b, 1, at), 1);
        close(fd);
}

static void cut(off_t at)
{
        int fd = openat(dir, "log", O_RDWR);

        ck_assert_int_eq(ftruncate(fd, at), 0);
        close(fd);
}

/* --- tests ------------------------------------------------------------------------------------ */

START_TEST(test_grows)
{
        struct log_place place;

        check_root(0);
        for (size_t i = 0; i < 130; i++) {
                append_synced(i % 4);
                check_root(count);
                if (i % 13 == 0)
                        ck_assert_int_eq(reopen(), ST_DONE);
                check_root(count);
        }
        ck_assert_int_eq(append(0, &place), ST_DONE);
        ck_assert_uint_eq(log_length(l), count);
}
END_TEST

START_TEST(test_proofs)
{
        struct merkle_path path;
        struct digest root = {.alg = HASH_SHA256}, old = root, leaf = root;

        while (count < 70)
                append_synced(5);
        ck_assert_int_eq(reopen(), ST_DONE);
        for (size_t n = 1; n <= count; n++) {
                root_of(0, n, root.bytes);
                for (size_t i = 0; i < n; i++) {
                        memcpy(leaf.bytes, leaves[i], 32);
                        ck_assert_int_eq(log_inclusion(l, i, n, &path), ST_DONE);
                        ck_assert(merkle_is_included(&leaf, i, n, path.nodes, path.count, &root));
                        root_of(0, i + 1, old.bytes);
                        ck_assert_int_eq(log_consistency(l, i + 1, n, &path), ST_DONE);
                        ck_assert(merkle_is_consistent(i + 1, &old, n, &root, path.nodes,
                                                       path.count));
                }
        }
        ck_assert_int_eq(log_inclusion(l, count, count, &path), ST_INVALID);
        ck_assert_int_eq(log_inclusion(l, 0, count + 1, &path), ST_INVALID);
        ck_assert_int_eq(log_consistency(l, 0, count, &path), ST_INVALID);
        ck_assert_int_eq(log_consistency(l, count, count + 1, &path), ST_INVALID);
}
END_TEST

/* A power cut may leave any beginning of the last frame: what came before stays, and the log goes
 * on. */
START_TEST(test_torn_tail)
{
        off_t whole, at;

        append_synced(3);
        whole = file_size();
        append_synced(2);
        at = file_size();
        while (--at >= whole) {
                cut(at);
                count = 3;
                ck_assert_int_eq(reopen(), ST_DONE);
                check_root(3);
                ck_assert_int_eq(file_size(), whole);
                append_synced(2);
                ck_assert_int_eq(reopen(), ST_DONE);
                check_root(5);
        }
}
END_TEST

/* A tail of nothing (its size came to the disk before its bytes), and of something else. */
START_TEST(test_tail_of_zeros)
{
        append_synced(3);
        cut(file_size() + 70);
        ck_assert_int_eq(reopen(), ST_DONE);
        check_root(3);
        append_synced(1);
        check_root(4);
}
END_TEST

/* What a later append knows to have been on disk is not cut off silently, wherever a bit flips. */
START_TEST(test_damage)
{
        off_t end;

        append_synced(1);
        append_synced(2);
        end = file_size();
        append_synced(1);
        for (off_t at = 0; at < end; at++) {
                flip(at);
                ck_assert_int_eq(reopen(), ST_DAMAGED);
                ck_assert_str_ne(error_last()->remedy, "");
                flip(at);
                ck_assert_int_eq(reopen(), ST_DONE);
                check_root(4);
        }
}
END_TEST

/* A frame cannot be left out, doubled or moved: each names the one before. */
START_TEST(test_chain)
{
        off_t first, second;
        uint8_t bytes[4096];
        int fd;

        append_synced(1);
        first = file_size();
        append_synced(1);
        second = file_size();
        append_synced(1);
        fd = openat(dir, "log", O_RDWR);
        ck_assert_int_gt(pread(fd, bytes, sizeof bytes, second), 0);
        ck_assert_int_eq(pwrite(fd, bytes, (size_t)(file_size() - second), first),
                         file_size() - second);
        close(fd);
        ck_assert_int_eq(reopen(), ST_DAMAGED);
        cut(second);                            /* no later frame tells: then it is a tail */
        ck_assert_int_eq(reopen(), ST_DAMAGED); /* but this one itself knows `first` was on disk */
}
END_TEST

START_TEST(test_another_algorithm)
{
        append_synced(1);
        log_close(l);
        ck_assert_int_eq(log_open(dir, HASH_SHA384, &l), ST_DAMAGED);
        ck_assert_int_eq(log_open(dir, HASH_SHA256, &l), ST_DONE);
}
END_TEST

/* tests/data/state/README.md says how it was made. */
START_TEST(test_log_of_version_1)
{
        int data = open("tests/data/state", O_RDONLY | O_DIRECTORY);
        struct log_place place;
        unsigned char *bytes, *after;
        size_t len, len_after;

        ck_assert_int_ge(data, 0);
        log_close(l);
        bytes = folder_read(data, "log-1", &len);
        close(data);
        folder_write(dir, "log", bytes, len);
        ck_assert_int_eq(log_open(dir, HASH_SHA256, &l), ST_DONE);
        ck_assert_int_eq(log_head(l, &place), ST_DONE);
        ck_assert_uint_eq(place.length,
                          19); /* four requests with three measurements each, seven events */
        count = place.length;
        append_synced(1);
        ck_assert_int_eq(reopen(), ST_DONE);
        log_close(l);
        bytes[strlen("bulkhead-log-")] = '2';
        folder_write(dir, "log", bytes, len);
        ck_assert_int_eq(log_open(dir, HASH_SHA256, &l), ST_UNSUPPORTED);
        ck_assert_str_eq(error_last()->expected, "version 1 or older");
        after = folder_read(dir, "log", &len_after);
        ck_assert_uint_eq(len, len_after);
        ck_assert_mem_eq(bytes, after, len);
        free(bytes);
        free(after);
        l = NULL;
}
END_TEST

/* At each call that fails once: the append fails, or its sync does, and the next one succeeds. */
static const enum fault kinds[] = {FAULT_EIO, FAULT_ENOSPC};

START_TEST(test_fails_once)
{
        append_synced(3);
        for (unsigned n = 1;; n++) {
                size_t before = count;
                struct log_place place;
                enum status s;
                bool hit;

                fault_arm(n, kinds[_i]);
                s = append(2, &place);
                if (!s)
                        s = log_sync(l, &place);
                hit = fault_hit();
                fault_disarm();
                if (s) {
                        ck_assert(hit);
                        count = before;
                }
                append_synced(1);
                check_root(count);
                ck_assert_int_eq(reopen(), ST_DONE);
                check_root(count);
                if (!hit)
                        break;
                ck_assert_uint_lt(n, 50);
        }
}
END_TEST

START_TEST(test_full_disk)
{
        struct log_place place;

        append_synced(3);
        for (unsigned n = 1; n < 6; n++) {
                enum status s;

                fault_arm(n, FAULT_FOR_EVER);
                for (int i = 0; i < 3; i++) {
                        size_t before = count;

                        s = append(1, &place);
                        if (!s)
                                s = log_sync(l, &place);
                        if (s)
                                count = before;
                }
                ck_assert(s == ST_NO_SPACE || s == ST_IO);
                fault_disarm();
                append_synced(1);
                check_root(count);
        }
        ck_assert_int_eq(reopen(), ST_DONE);
        check_root(count);
}
END_TEST

static void *append_many(void *arg)
{
        for (int i = 0; i < 50; i++) {
                struct log_entry e = {.node = {(const uint8_t *)"<n></n>", 7}};
                struct log_place place;
                struct merkle_path path;
                struct digest c, leaf;

                if (log_append(l, &e, 1, &place) || log_sync(l, &place) ||
                    log_inclusion(l, place.first, place.length, &path))
                        return arg;
                c = commitment_of(HASH_SHA256, e.random, e.node);
                leaf = commitment_leaf(&c);
                if (!merkle_is_included(&leaf, place.first, place.length, path.nodes, path.count,
                                        &place.root))
                        return arg;
        }
        return NULL;
}

START_TEST(test_many_at_once)
{
        pthread_t threads[8];
        void *wrong;

        for (int i = 0; i < 8; i++)
                ck_assert_int_eq(pthread_create(&threads[i], NULL, append_many, threads), 0);
        for (int i = 0; i < 8; i++) {
                pthread_join(threads[i], &wrong);
                ck_assert_ptr_null(wrong);
        }
        ck_assert_uint_eq(log_length(l), 400);
        ck_assert_int_eq(reopen(), ST_DONE);
        ck_assert_uint_eq(log_length(l), 400);
}
END_TEST

/* What can wait leaves room for what cannot; nothing of it shows in the file's size. */
START_TEST(test_reserve)
{
        struct log_entry entry = {.node = {(const uint8_t *)"<a/>", 4}};
        struct log_place place;
        struct stat st;

        ck_assert_int_eq(log_append_spare(l, &entry, 1, &place), ST_DONE);
        ck_assert_int_eq(log_sync(l, &place), ST_DONE);
        ck_assert_int_eq(fstatat(dir, "log", &st, 0), 0);
        ck_assert_int_lt(st.st_size, 1024);
        if ((uint64_t)st.st_blocks * 512 < LOG_RESERVE)
                printf("skipped: test_reserve: this file system sets nothing aside\n");
        log_close(l); /* what was set aside is no tail that is cut off */
        ck_assert_int_eq(log_open(dir, HASH_SHA256, &l), ST_DONE);
        ck_assert_uint_eq(log_length(l), 1);
}
END_TEST

/* --- the shares of attestations --------------------------------------------------------------- */

static const struct principal alice = {PRINCIPAL_USER, "1000"}, bob = {PRINCIPAL_USER, "1001"},
                              root = {PRINCIPAL_USER, "0"};

START_TEST(test_measuring_share)
{
        ck_assert_int_eq(attest_share_take((struct place_taker){&alice, false}, 64, 0),
                         ST_DONE); /* counts as 8 at once */
        ck_assert_int_eq(attest_share_take((struct place_taker){&alice, false}, 8, 0), ST_DONE);
        ck_assert_int_eq(attest_share_take((struct place_taker){&alice, false}, 1, 0), ST_BUSY);
        ck_assert_str_eq(error_last()->subject, "attestations for uid:1000");
        ck_assert_int_eq(attest_share_take((struct place_taker){&bob, false}, 8, 0),
                         ST_DONE); /* not held up by alice */
        attest_share_give((struct place_taker){&alice, false}, 64);
        ck_assert_int_eq(attest_share_take((struct place_taker){&alice, false}, 1, 0), ST_DONE);
        attest_share_give((struct place_taker){&alice, false}, 1);
        attest_share_give((struct place_taker){&alice, false}, 8);
        attest_share_give((struct place_taker){&bob, false}, 8);
}
END_TEST

START_TEST(test_log_share)
{
        const int64_t now = 1000, hour = 3600 * 1000;

        ck_assert_int_eq(attest_share_log(&alice, SHARE_LOG_AT_ONCE, now), ST_DONE);
        ck_assert_int_eq(attest_share_log(&alice, 1024, now), ST_BUSY);
        ck_assert_str_eq(error_last()->subject, "the log, for uid:1000");
        ck_assert_ptr_nonnull(strstr(error_last()->remedy, "try again in 1 s"));
        ck_assert_int_eq(attest_share_log(&bob, 1024, now), ST_DONE);
        ck_assert_int_eq(attest_share_log(&root, SHARE_LOG_AT_ONCE, now), ST_DONE);
        ck_assert_int_eq(attest_share_log(&root, SHARE_LOG_AT_ONCE, now), ST_DONE);
        ck_assert_int_eq(attest_share_log(&alice, SHARE_LOG_AN_HOUR, now + hour), ST_DONE);
        ck_assert_int_eq(attest_share_log(&alice, 1024, now + hour), ST_BUSY);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("log");
        TCase *t = tcase_create("log");
        SRunner *runner;
        int failed, quiet = open("/dev/null", O_WRONLY);

        dup2(quiet, STDERR_FILENO); /* each torn tail is told to the operator */
        tcase_set_timeout(t, 60);
        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_test(t, test_grows);
        tcase_add_test(t, test_proofs);
        tcase_add_test(t, test_torn_tail);
        tcase_add_test(t, test_tail_of_zeros);
        tcase_add_test(t, test_damage);
        tcase_add_test(t, test_chain);
        tcase_add_test(t, test_another_algorithm);
        tcase_add_test(t, test_log_of_version_1);
        tcase_add_loop_test(t, test_fails_once, 0, 2);
        tcase_add_test(t, test_full_disk);
        tcase_add_test(t, test_reserve);
        tcase_add_test(t, test_measuring_share);
        tcase_add_test(t, test_log_share);
        tcase_add_test(t, test_many_at_once);
        suite_add_tcase(suite, t);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed != 0;
}
