/* SPDX-License-Identifier: Apache-2.0 */
/* The table of present seals: order, old tables, changes that were cut short, damage. */
#include "integrity-mgr/generations.h"
#include "lib/state_kinds.h"
#include "lib/state_record.h"
#include "tests/fault/fake_tpm.h"
#include "tests/fault/fault.h"
#include "tests/fault/folder.h"

#include <check.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int dir;
static const char file[] = "generations";

static struct uuid vm(uint8_t n)
{
        struct uuid u = {{0}};

        u.bytes[0] = n;
        return u;
}

static enum status commit(uint8_t n, uint64_t generation)
{
        struct seal_entry e = {.vm = vm(n),
                               .generation = generation,
                               .record = digest_of(HASH_SHA256, &generation, 8)};

        return generations_commit(&e);
}

static uint64_t generation(uint8_t n)
{
        struct uuid u = vm(n);
        struct seal_entry e;

        ck_assert_int_eq(generations_get(&u, &e), ST_DONE);
        if (e.generation) {
                struct digest d = digest_of(HASH_SHA256, &e.generation, 8);

                ck_assert(digest_equal(&d, &e.record));
        }
        return e.generation;
}

static enum status restart(void)
{
        struct uuid u = vm(0);
        struct seal_entry e;

        generations_open(dir);
        return generations_get(&u, &e);
}

static void set_up(void)
{
        dir = folder_new();
        fake_tpm_new();
        fake_tpm->counter = 41; /* an NV counter does not begin at zero */
        generations_open(dir);
        ck_assert_int_eq(generations_begin(), ST_DONE);
}

static void tear_down(void)
{
        fault_disarm();
        generations_open(-1);
        folder_remove(dir);
}

START_TEST(test_order)
{
        struct uuid u = vm(1);

        ck_assert_uint_eq(generation(1), 0);
        ck_assert_int_eq(commit(1, 2), ST_WRONG_STATE);
        ck_assert_int_eq(commit(1, 1), ST_DONE);
        ck_assert_int_eq(commit(1, 1), ST_WRONG_STATE);
        ck_assert_int_eq(commit(2, 1), ST_DONE);
        ck_assert_int_eq(commit(1, 2), ST_DONE);
        ck_assert_int_eq(commit(1, 4), ST_WRONG_STATE);
        ck_assert_int_eq(restart(), ST_DONE);
        ck_assert_uint_eq(generation(1), 2);
        ck_assert_uint_eq(generation(2), 1);
        ck_assert_int_eq(generations_forget(&u), ST_DONE);
        ck_assert_int_eq(generations_forget(&u), ST_DONE);
        ck_assert_int_eq(restart(), ST_DONE);
        ck_assert_uint_eq(generation(1), 0);
        ck_assert_uint_eq(generation(2), 1);
        ck_assert_uint_eq(fake_tpm->counter, 41 + 2 + 3 + 1); /* one increment a change */
}
END_TEST

/* Any older table is refused, the newest is not; forgetting counts, too. */
static struct digest memory_of(uint8_t n)
{
        struct uuid u = vm(n);
        struct seal_entry e;

        ck_assert_int_eq(generations_get(&u, &e), ST_DONE);
        return e.memory;
}

/* Set, kept over a restart, of that VM alone, and gone with the next seal. */
START_TEST(test_memory)
{
        const struct digest image = digest_of(HASH_SHA256, "header", 6), none = {HASH_NONE, {0}};
        struct uuid one = vm(1), two = vm(2);
        struct digest kept;
        bool changed;

        ck_assert_int_eq(generations_set_memory(&one, &image, &changed),
                         ST_WRONG_STATE); /* no seal */
        ck_assert_int_eq(commit(1, 1), ST_DONE);
        ck_assert_int_eq(commit(2, 1), ST_DONE);
        ck_assert_int_eq(memory_of(1).alg, HASH_NONE);
        ck_assert_int_eq(generations_set_memory(&one, &image, &changed), ST_DONE);
        ck_assert_int_eq(restart(), ST_DONE);
        kept = memory_of(1);
        ck_assert(digest_equal(&kept, &image));
        ck_assert_int_eq(memory_of(2).alg, HASH_NONE);
        ck_assert_uint_eq(generation(1), 1);
        ck_assert_int_eq(generations_set_memory(&one, &none, &changed), ST_DONE);
        ck_assert(changed);
        ck_assert_int_eq(generations_set_memory(&one, &none, &changed), ST_DONE);
        ck_assert(!changed);
        ck_assert_int_eq(memory_of(1).alg, HASH_NONE);
        ck_assert_int_eq(generations_set_memory(&two, &image, &changed), ST_DONE);
        ck_assert_int_eq(commit(2, 2), ST_DONE);
        ck_assert_int_eq(memory_of(2).alg, HASH_NONE);
}
END_TEST

START_TEST(test_rolled_back)
{
        unsigned char *old[5], *newest;
        size_t len[5], newest_len;
        struct uuid u = vm(1);

        for (int i = 0; i < 5; i++) {
                old[i] = folder_read(dir, file, &len[i]);
                if (i < 4)
                        ck_assert_int_eq(commit(1, (uint64_t)i + 1), ST_DONE);
                else
                        ck_assert_int_eq(generations_forget(&u), ST_DONE);
        }
        newest = folder_read(dir, file, &newest_len);
        for (int i = 0; i < 5; i++) {
                folder_write(dir, file, old[i], len[i]);
                ck_assert_int_eq(restart(), ST_ROLLED_BACK);
                ck_assert_str_ne(error_last()->remedy, "");
                ck_assert_int_eq(commit(1, 1), ST_ROLLED_BACK);
                free(old[i]);
        }
        folder_write(dir, file, newest, newest_len);
        ck_assert_int_eq(restart(), ST_DONE);
        free(newest);
}
END_TEST

/* Written, but not counted yet: completed, once. */
START_TEST(test_cut_short)
{
        ck_assert_int_eq(commit(1, 1), ST_DONE);
        fake_tpm->counter--;
        ck_assert_int_eq(restart(), ST_DONE);
        ck_assert_uint_eq(fake_tpm->counter, 44);
        ck_assert_uint_eq(generation(1), 1);
        fake_tpm->counter -= 2;
        ck_assert_int_eq(restart(), ST_DAMAGED);
        ck_assert_uint_eq(fake_tpm->counter, 42);
        ck_assert_int_eq(unlinkat(dir, file, 0), 0);
        ck_assert_int_eq(restart(), ST_DAMAGED);
}
END_TEST

/* The TPM goes away before the digest, between it and the increment, or after both with the answer
 * lost. */
static const unsigned points[] = {1, 2, 3};

START_TEST(test_tpm_lost)
{
        ck_assert_int_eq(commit(1, 1), ST_DONE);
        /* 5 changes of the file come first: open, write, write, fsync, rename, fsync */
        fault_arm(6 + points[_i], FAULT_EIO);
        ck_assert_int_eq(commit(1, 2), ST_TPM);
        ck_assert(fault_hit());
        fault_disarm();
        fake_tpm->gone = true;
        ck_assert_int_eq(restart(), ST_TPM);
        fake_tpm->gone = false;
        ck_assert_uint_eq(generation(1), 2); /* it was committed */
        ck_assert_uint_eq(fake_tpm->counter, 45);
        ck_assert_int_eq(commit(1, 3), ST_DONE);
        ck_assert_uint_eq(fake_tpm->counter, 46);
}
END_TEST

struct copy {
        unsigned char *bytes;
        size_t len;
};

static struct copy copy_table(void)
{
        struct copy c;

        c.bytes = folder_read(dir, file, &c.len);
        return c;
}

static enum status put_back(const struct copy *c)
{
        folder_write(dir, file, c->bytes, c->len);
        return restart();
}

/* The power is cut between table and TPM, and whoever has the disk keeps that table. It is good
 * until another one follows the one before it, and never again. */
START_TEST(test_cut_and_put_back)
{
        struct copy before, cut, newer, half;

        ck_assert_int_eq(commit(1, 1), ST_DONE);
        before = copy_table();
        fault_arm(6 + 1, FAULT_EIO);
        ck_assert_int_eq(commit(1, 2), ST_TPM);
        fault_disarm();
        cut = copy_table();
        ck_assert_int_eq(put_back(&before), ST_DONE);
        ck_assert_uint_eq(generation(1), 1);
        ck_assert_int_eq(commit(2, 1), ST_DONE);
        newer = copy_table();
        ck_assert_int_eq(put_back(&cut), ST_ROLLED_BACK);
        ck_assert_ptr_nonnull(strstr(error_last()->found, "replaced since"));
        ck_assert_int_eq(put_back(&before), ST_ROLLED_BACK);
        ck_assert_int_eq(put_back(&newer), ST_DONE);
        ck_assert_int_eq(commit(2, 2), ST_DONE);
        ck_assert_int_eq(put_back(&cut), ST_ROLLED_BACK);
        ck_assert_int_eq(put_back(&newer), ST_ROLLED_BACK);
        /* Known by its digest, not counted yet: the one before it is over. */
        folder_remove(dir);
        dir = folder_new();
        generations_open(dir);
        ck_assert_int_eq(generations_begin(), ST_DONE);
        ck_assert_int_eq(commit(1, 1), ST_DONE);
        before = copy_table();
        fault_arm(6 + 2, FAULT_EIO);
        ck_assert_int_eq(commit(1, 2), ST_TPM);
        fault_disarm();
        half = copy_table();
        ck_assert_int_eq(put_back(&before), ST_ROLLED_BACK);
        ck_assert_int_eq(put_back(&half), ST_DONE);
        ck_assert_uint_eq(generation(1), 2);
}
END_TEST

/* The process is killed before each change, one after another: the old table is good, or the new
 * one, and what was written in between never comes back. */
static bool kill_at(unsigned nth, void (*work)(void))
{
        pid_t pid = fork();
        int result;

        ck_assert_int_ge(pid, 0);
        if (!pid) {
                fault_arm(nth, FAULT_KILL);
                work();
                _exit(0);
        }
        ck_assert_int_eq(waitpid(pid, &result, 0), pid);
        ck_assert(WIFEXITED(result));
        ck_assert(WEXITSTATUS(result) == 0 || WEXITSTATUS(result) == FAULT_EXIT);
        return WEXITSTATUS(result) == FAULT_EXIT;
}

static void commit_next(void)
{
        struct uuid u = vm(1);
        struct seal_entry e;

        generations_open(dir);
        if (!generations_get(&u, &e))
                commit(1, e.generation + 1);
}

START_TEST(test_kill_in_commit)
{
        uint64_t now = 1, then;
        struct copy cut, good;
        unsigned nth = 1;
        bool killed;

        ck_assert_int_eq(commit(1, 1), ST_DONE);
        do {
                good = copy_table();
                killed = kill_at(nth++, commit_next);
                cut = copy_table();
                ck_assert_int_eq(restart(), ST_DONE);
                then = generation(1);
                ck_assert(then == now || then == now + 1);
                now = then;
                ck_assert_int_eq(commit(1, ++now), ST_DONE);
                if (cut.len != good.len || memcmp(cut.bytes, good.bytes, cut.len) != 0) {
                        struct copy newest = copy_table();

                        ck_assert_int_eq(put_back(&cut), ST_ROLLED_BACK);
                        ck_assert_int_eq(put_back(&good), ST_ROLLED_BACK);
                        ck_assert_int_eq(put_back(&newest), ST_DONE);
                }
        } while (killed);
        ck_assert_uint_gt(nth, 9);
}
END_TEST

/* What version 2 wrote: state number, entries of one VM, nothing else. */
static struct copy older_table(uint64_t number, uint64_t generation)
{
        static const struct state_kind two = {"generations", 2, &shape_seal_table_file, NULL, 0};
        struct seal_entry e = {.vm = vm(1),
                               .generation = generation,
                               .record = digest_of(HASH_SHA256, &generation, 8)};
        struct seal_table_2 t = {.counter = number, .entries = {&e, 1}};
        struct buffer encoded = BUFFER_INIT(DOCUMENT_MOST);
        struct seal_table_file f;
        unsigned len;

        ck_assert_int_eq(message_encode(&shape_seal_table_2, &t, &encoded, NULL, NULL), ST_DONE);
        f.table = buffer_bytes(&encoded);
        f.mac.alg = HASH_SHA256;
        HMAC(EVP_sha256(), "fake", 4, f.table.data, f.table.len, f.mac.bytes, &len);
        ck_assert_int_eq(state_write_record(dir, file, &two, &f), ST_DONE);
        buffer_clear(&encoded);
        return copy_table();
}

static void nothing_known(uint64_t counter)
{
        fake_tpm->counter = counter;
        fake_tpm->known = (struct digest){.alg = HASH_NONE};
}

/* A table of version 2 is taken over once, also one that was cut short. No other one of that
 * version fits afterwards, even if somebody deletes what the TPM knows. */
START_TEST(test_taken_over)
{
        struct copy cut = older_table(91, 8), old = older_table(90, 7), next = older_table(92, 9);
        struct copy taken;

        nothing_known(90);
        ck_assert_int_eq(put_back(_i ? &cut : &old), ST_DONE);
        ck_assert_uint_eq(generation(1), _i ? 8 : 7);
        ck_assert_uint_eq(fake_tpm->counter, 92);
        ck_assert_int_eq(fake_tpm->known.alg, HASH_SHA256);
        taken = copy_table();
        ck_assert_int_eq(restart(), ST_DONE);
        ck_assert_uint_eq(fake_tpm->counter, 92);
        ck_assert_int_eq(put_back(&old), ST_ROLLED_BACK);
        ck_assert_int_eq(put_back(&cut), ST_ROLLED_BACK);
        ck_assert_int_eq(put_back(&next), ST_ROLLED_BACK);
        nothing_known(92);
        ck_assert_int_eq(put_back(&old), ST_ROLLED_BACK);
        ck_assert_int_eq(put_back(&cut), ST_ROLLED_BACK);
        ck_assert_int_eq(put_back(&taken), ST_TPM_REPLACED);
}
END_TEST

static void take_over(void)
{
        restart();
}

START_TEST(test_kill_in_take_over)
{
        unsigned nth = 1;
        bool killed;

        do {
                struct copy old = older_table(90, 7), cut = older_table(91, 8);

                nothing_known(90);
                folder_write(dir, file, old.bytes, old.len);
                killed = kill_at(nth++, take_over);
                ck_assert_int_eq(restart(), ST_DONE);
                ck_assert_uint_eq(generation(1), 7);
                ck_assert_uint_eq(fake_tpm->counter, 92);
                ck_assert_int_eq(put_back(&cut), ST_ROLLED_BACK);
                ck_assert_int_eq(put_back(&old), ST_ROLLED_BACK);
        } while (killed);
        ck_assert_uint_gt(nth, 18);
}
END_TEST

/* A table that somebody else wrote, whole by its checksum, is not signed for. */
START_TEST(test_forged)
{
        struct arena *a = arena_new();
        struct seal_table_file f;
        uint8_t *table;

        ck_assert_int_eq(commit(1, 1), ST_DONE);
        ck_assert_int_eq(state_read_record(dir, file, &state_kind_generations, a, &f), ST_DONE);
        table = arena_copy(a, f.table.data, f.table.len);
        f.table.data = table;
        for (size_t i = 0; i < f.table.len; i++) {
                table[i] ^= 1;
                ck_assert_int_eq(state_write_record(dir, file, &state_kind_generations, &f),
                                 ST_DONE);
                ck_assert_int_eq(restart(), ST_DAMAGED);
                table[i] ^= 1;
        }
        f.mac = (struct digest){0};
        ck_assert_int_eq(state_write_record(dir, file, &state_kind_generations, &f), ST_DONE);
        ck_assert_int_eq(restart(), ST_DAMAGED);
        arena_free(a);
}
END_TEST

/* Every bit of the file, and every beginning of it. */
START_TEST(test_damage)
{
        unsigned char *bytes;
        size_t len;

        ck_assert_int_eq(commit(1, 1), ST_DONE);
        bytes = folder_read(dir, file, &len);
        for (size_t i = 0; i < 8 * len; i++) {
                bytes[i / 8] ^= (unsigned char)(1 << i % 8);
                folder_write(dir, file, bytes, len);
                ck_assert_int_ne(restart(), ST_DONE);
                bytes[i / 8] ^= (unsigned char)(1 << i % 8);
        }
        for (size_t n = 0; n < len; n++) {
                folder_write(dir, file, bytes, n);
                ck_assert_int_ne(restart(), ST_DONE);
        }
        folder_write(dir, file, bytes, len);
        ck_assert_int_eq(restart(), ST_DONE);
        free(bytes);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("generations");
        TCase *t = tcase_create("generations");
        SRunner *runner;
        int failed;

        tcase_set_timeout(t, 60);
        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_test(t, test_order);
        tcase_add_test(t, test_memory);
        tcase_add_test(t, test_rolled_back);
        tcase_add_test(t, test_cut_short);
        tcase_add_loop_test(t, test_tpm_lost, 0, 3);
        tcase_add_test(t, test_cut_and_put_back);
        tcase_add_test(t, test_kill_in_commit);
        tcase_add_loop_test(t, test_taken_over, 0, 2);
        tcase_add_test(t, test_kill_in_take_over);
        tcase_add_test(t, test_forged);
        tcase_add_test(t, test_damage);
        suite_add_tcase(suite, t);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed != 0;
}
