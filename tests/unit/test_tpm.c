/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole story of tpm.h on a simulated TPM: set up, approve, seal, unseal, attest, and what is
 * left behind (nothing). Independent witnesses: openssl and tpm2-tools.
 */
#include "tests/unit/swtpm.h"
#include "tests/unit/tpm_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void power_on(void)
{
        swtpm_start();
}

static void power_off(void)
{
        swtpm_remove();
}

static void seal_and_open(struct host *h, uint32_t pcr)
{
        uint8_t secret[32], opened[32];
        struct tpm_seal_rep blob;

        host_secret(secret, 5);
        ok(host_seal(h, pcr, 1, 5, &blob));
        for (int i = 0; i < 3; i++) {
                memset(opened, 0, 32);
                ok(host_unseal(h, pcr, 1, &blob, opened));
                ck_assert_mem_eq(opened, secret, 32);
        }
        /* Each unseal caps and resets the PCR: nobody can use what was extended a second time. */
        ck_assert_int_eq(run("tpm2_pcrread sha256:%u", pcr), 0);
        ck_assert_ptr_nonnull(strstr(run_output(), "0000000000000000000000000000000000000000"));
        refused_with(ST_CHANGED, host_unseal(h, pcr, 2, &blob, opened));
        refused_with(ST_CHANGED, host_unseal(h, pcr == 16 ? 23 : 16, 1, &blob, opened));
        ok(host_unseal(h, pcr, 1, &blob, opened));
}

START_TEST(seal_with_site_key_elsewhere)
{
        struct host h = host_new(NULL);
        struct tpm_seal_rep blob;

        refused_with(ST_NOT_APPROVED, host_seal(&h, 16, 1, 1, &blob));
        ok(host_approve_state(&h, "site.pem", NULL));
        seal_and_open(&h, 16);
        seal_and_open(&h, 23);
        host_free(&h);
        ck_assert_int_eq(host_loaded(), 0);
}
END_TEST

START_TEST(seal_with_site_key_in_the_tpm)
{
        struct host h = host_new("correct horse");

        refused_with(ST_DENIED, host_approve_state(&h, NULL, "wrong horse"));
        ok(host_approve_state(&h, NULL, "correct horse"));
        seal_and_open(&h, 16);
        host_free(&h);
        ck_assert_int_eq(host_loaded(), 0);
}
END_TEST

START_TEST(another_process_goes_on)
{
        struct host h = host_new(NULL);
        uint8_t secret[32], opened[32];
        struct tpm_seal_rep blob;

        host_secret(secret, 5);
        ok(host_approve_state(&h, "site.pem", NULL));
        ok(host_seal(&h, 16, 1, 5, &blob));
        tpm_free(h.t);
        h.t = host_tpm();
        refused_with(ST_NOT_SET_UP, host_unseal(&h, 16, 1, &blob, opened));
        ok(host_use(&h));
        ok(host_unseal(&h, 16, 1, &blob, opened));
        ck_assert_mem_eq(opened, secret, 32);
        host_free(&h);
}
END_TEST

START_TEST(attest_is_what_checkquote_accepts)
{
        struct host h = host_new(NULL);
        struct digest challenge = digest_of(HASH_SHA256, "challenge", 9);
        struct tpm_attest_rep rep;
        struct digest pcr_16 = {.alg = HASH_SHA256}, binding = host_binding(3);
        char hex[DIGEST_HEX];

        refused_with(ST_NOT_APPROVED, host_attest(&h, 1 << 0 | 1 << 7, 3, &rep));
        ok(host_approve_state(&h, "site.pem", NULL));
        ok(host_attest(&h, 1 << 0 | 1 << 7, 3, &rep));
        ck_assert_uint_eq(rep.pcrs.count, 3);
        ck_assert_uint_eq(rep.pcrs.items[2].pcr, 16);
        pcr_16 = digest_extend(&pcr_16, &binding);
        ck_assert(digest_equal(&rep.pcrs.items[2].value, &pcr_16));
        ck_assert_uint_gt(rep.tpm_time, 0);

        host_write("quote", rep.quote);
        host_write("quote.sig", rep.signature);
        host_write("ak.pub", h.keys.ak_public);
        digest_hex(&challenge, hex);
        ck_assert_msg(!run("tpm2_print -t TPM2B_PUBLIC -f pem ak.pub > ak.pem"), "%s",
                      run_output());
        ck_assert_msg(!run("tpm2_checkquote -u ak.pem -m quote -s quote.sig -g sha256 -q %s", hex),
                      "%s", run_output());
        ck_assert_int_ne(
                run("tpm2_checkquote -u ak.pem -m quote -s quote.sig -g sha256 -q %s00", hex), 0);
        ck_assert_int_eq(run("tpm2_print -t TPMS_ATTEST quote"), 0);
        host_free(&h);
        ck_assert_int_eq(host_loaded(), 0);
}
END_TEST

START_TEST(all_24_pcrs_in_one_quote)
{
        struct host h = host_new(NULL);
        struct tpm_attest_rep rep;

        ok(host_approve_state(&h, "site.pem", NULL));
        ok(host_attest(&h, 0xffffff, 0, &rep));
        ck_assert_uint_eq(rep.pcrs.count, 24);
        host_free(&h);
}
END_TEST

/* The lines of a property list that an NV write or a leak would change. */
static char *footprint(void)
{
        ck_assert_int_eq(run("tpm2_getcap handles-nv-index; tpm2_getcap handles-persistent; "
                             "tpm2_nvreadpublic; sha256sum tpm2-00.permall"),
                         0);
        return strdup(run_output());
}

START_TEST(attestations_leave_nothing)
{
        struct host h = host_new(NULL);
        struct tpm_attest_rep rep;
        char *before, *after;
        int loaded;

        ok(host_approve_state(&h, "site.pem", NULL));
        ok(host_attest(&h, 1, 1, &rep));
        before = footprint();
        loaded = host_loaded();
        for (int i = 0; i < 200; i++)
                ok(host_attest(&h, 1 << (i % 8), i % 3, &rep));
        ck_assert_int_eq(host_loaded(), loaded);
        ck_assert_int_eq(loaded, 2); /* the AK and the session */
        after = footprint();
        ck_assert_str_eq(before, after); /* the TPM's stored state, byte for byte */
        free(before);
        free(after);
        host_free(&h);
        ck_assert_int_eq(host_loaded(), 0);
}
END_TEST

START_TEST(reseal_moves_the_secret)
{
        struct host h = host_new(NULL);
        uint8_t secret[32], opened[32];
        struct tpm_seal_rep blob, moved;
        struct tpm_reseal_rep rep;
        struct tpm_reseal_req req = {
                .pcr = 16, .binding = host_binding(1), .new_binding = host_binding(2)};

        host_secret(secret, 5);
        ok(host_approve_state(&h, "site.pem", NULL));
        ok(host_seal(&h, 16, 1, 5, &blob));
        req.blob_public = blob.blob_public;
        req.blob_private = blob.blob_private;
        ok(tpm_reseal(h.t, h.a, &req, &rep));
        moved = (struct tpm_seal_rep){.blob_public = rep.new_public,
                                      .blob_private = rep.new_private};
        ok(host_unseal(&h, 16, 2, &moved, opened));
        ck_assert_mem_eq(opened, secret, 32);
        refused_with(ST_CHANGED, host_unseal(&h, 16, 1, &moved, opened));
        req.binding = host_binding(3);
        refused_with(ST_CHANGED, tpm_reseal(h.t, h.a, &req, &rep));
        host_free(&h);
}
END_TEST

START_TEST(table_mac_and_counter)
{
        struct host h = host_new(NULL);
        struct tpm_table_mac_req one = {.table = {(const uint8_t *)"one", 3}};
        struct tpm_table_mac_req two = {.table = {(const uint8_t *)"two", 3}};
        struct tpm_table_mac_rep mac, again, other;
        struct tpm_table_commit_req commit = {.table = digest_of(HASH_SHA256, "one", 3)};
        struct tpm_table_known_rep before, after;
        struct tpm_table_there_rep index;
        char hex[DIGEST_HEX + 1];

        ok(host_approve_state(&h, "site.pem", NULL));
        ok(tpm_table_there(h.t, &index));
        ck_assert(!index.there);
        ok(tpm_table_mac(h.t, &one, &mac));
        ok(tpm_table_mac(h.t, &one, &again));
        ok(tpm_table_mac(h.t, &two, &other));
        ck_assert(digest_equal(&mac.mac, &again.mac));
        ck_assert(!digest_equal(&mac.mac, &other.mac));
        ok(tpm_table_known(h.t, &before));
        ck_assert_int_eq(before.table.alg, HASH_NONE);
        commit.counter = before.counter + 1;
        ok(tpm_table_commit(h.t, &commit));
        ok(tpm_table_commit(h.t, &commit)); /* its answer was lost */
        ok(tpm_table_there(h.t, &index));
        ck_assert(index.there);
        ok(tpm_table_known(h.t, &after));
        ck_assert_uint_eq(after.counter, before.counter + 1);
        ck_assert(digest_equal(&after.table, &commit.table));
        ck_assert_int_eq(run("tpm2_nvread -s 32 0x0181b003 | xxd -p -c 32"), 0);
        digest_hex(&after.table, hex);
        ck_assert_int_eq(strncmp(run_output(), hex, 64), 0);
        /* From nowhere else than the table before it, and by nobody without the policy. */
        commit.table = digest_of(HASH_SHA256, "two", 3);
        refused_with(ST_DAMAGED, tpm_table_commit(h.t, &commit));
        commit.counter++;
        refused_with(ST_DAMAGED, tpm_table_commit(h.t, &commit));
        commit.before = after.table;
        commit.counter++;
        refused_with(ST_DAMAGED, tpm_table_commit(h.t, &commit));
        ck_assert_int_ne(run("head -c 32 /dev/zero | tpm2_nvwrite -Q -i - 0x0181b003"), 0);
        ck_assert_int_ne(run("head -c 32 /dev/zero | tpm2_nvwrite -Q -C o -i - 0x0181b003"), 0);
        commit.counter--;
        ok(tpm_table_commit(h.t, &commit));
        /* Deleted and made again in the same shape, it is known to be without a digest. */
        ck_assert_int_eq(run("tpm2_nvundefine -Q -C o 0x0181b003"), 0);
        ok(tpm_table_known(h.t, &before));
        ck_assert_int_eq(before.table.alg, HASH_NONE);
        ck_assert_int_eq(run("tpm2_nvdefine -Q -C o -s 32 -a 'authread|authwrite|ownerread|no_da' "
                             "0x0181b003"),
                         0);
        refused_with(ST_TPM_REPLACED, tpm_table_known(h.t, &before));
        ck_assert_int_eq(run("tpm2_nvundefine -Q -C o 0x0181b003"), 0);
        ok(tpm_table_known(h.t, &after));
        ck_assert_int_eq(run("tpm2_nvread -s 8 0x0181b002 | xxd -p"), 0);
        snprintf(hex, sizeof(hex), "%016llx\n", (unsigned long long)after.counter);
        ck_assert_str_eq(run_output(), hex);
        host_free(&h);
}
END_TEST

START_TEST(retired_epoch)
{
        struct host h = host_new(NULL);
        struct tpm_seal_rep blob;
        uint8_t opened[32];
        struct tpm_static_rep now;
        struct tpm_retire_req retire;
        struct tpm_retire_rep retired;

        ok(host_approve_state(&h, "site.pem", NULL));
        ok(host_seal(&h, 16, 1, 5, &blob));
        ok(tpm_static(h.t, h.a, &now));
        retire.epoch = now.epoch;
        ok(tpm_retire(h.t, &retire, &retired));
        ck_assert_uint_eq(retired.epoch, now.epoch + 1);
        ok(tpm_retire(h.t, &retire, &retired)); /* its answer was lost: once is enough */
        ck_assert_uint_eq(retired.epoch, now.epoch + 1);
        retire.epoch = now.epoch + 2;
        refused_with(ST_WRONG_STATE, tpm_retire(h.t, &retire, &retired));
        retire.epoch = now.epoch - 1;
        refused_with(ST_WRONG_STATE, tpm_retire(h.t, &retire, &retired));
        refused_with(ST_NOT_APPROVED, host_unseal(&h, 16, 1, &blob, opened));
        ck_assert_ptr_nonnull(strstr(error_last()->found, "retired"));
        ok(host_approve_state(&h, "site.pem", NULL));
        ok(host_unseal(&h, 16, 1, &blob, opened));
        ck_assert_uint_eq(h.approvals[1].epoch, h.approvals[0].epoch + 1);
        host_free(&h);
}
END_TEST

static void approve_future(struct host *h, uint8_t number)
{
        struct tpm_static_rep future;

        ok(tpm_static(h->t, h->a, &future));
        future.pcrs.items[0].value.bytes[0] ^= number;
        h->approvals_count = 0;
        ok(host_approve_pcrs(h, &future, NULL, "correct horse"));
}

/* Of more approvals than there is room for, the oldest is forgotten; a state has one of them. */
START_TEST(newest_approvals_stay)
{
        struct host h = host_new("correct horse");
        struct tpm_seal_rep blob;
        uint8_t opened[32];

        for (uint8_t i = 1; i <= APPROVALS_MOST; i++)
                approve_future(&h, i);
        ok(host_approve_state(&h, NULL, "correct horse"));
        ok(host_seal(&h, 16, 1, 5, &blob));
        approve_future(&h, APPROVALS_MOST + 1);
        for (int i = 0; i < 2; i++)
                approve_future(&h, APPROVALS_MOST + 2);
        ok(host_unseal(&h, 16, 1, &blob, opened));
        ck_assert_uint_eq(h.t->approvals_count, APPROVALS_MOST);
        ck_assert_uint_eq(h.t->approvals[0].pcrs.items[0].value.bytes[0] ^
                                  h.t->approvals[1].pcrs.items[0].value.bytes[0],
                          4 ^ 5);
        host_free(&h);
}
END_TEST

START_TEST(clock_and_status)
{
        struct host h = host_new(NULL);
        struct tpm_clock_rep one, two;
        struct tpm_status_rep status;
        bool approved = false;

        ok(tpm_clock(h.t, &one));
        ok(tpm_clock(h.t, &two));
        ck_assert_uint_ge(two.clock, one.clock);
        ck_assert_uint_eq(two.reset_count, one.reset_count);
        ok(host_approve_state(&h, "site.pem", NULL));
        ok(tpm_status(h.t, h.a, &status));
        for (size_t i = 0; i < status.facts.count; i++)
                if (!strcmp(status.facts.items[i].name, "state"))
                        approved = !strcmp(status.facts.items[i].value, "approved");
        ck_assert(approved);
        host_free(&h);
}
END_TEST

/* --- set-up ---------------------------------------------------------------------------------- */

START_TEST(setup_again_is_no_harm)
{
        struct host h = host_new(NULL);
        struct tpm_keys first = h.keys;

        ok(host_approve_state(&h, "site.pem", NULL));
        ok(host_setup(&h, "site.pem", NULL, 0, 0));
        ck_assert(digest_equal(&first.host_identity, &h.keys.host_identity));
        ck_assert_uint_eq(first.srk_name.len, h.keys.srk_name.len);
        ck_assert_mem_eq(first.srk_name.data, h.keys.srk_name.data, first.srk_name.len);
        ck_assert_uint_eq(h.keys.static_pcrs, 1 << 0 | 1 << 2 | 1 << 4);
        host_free(&h);
}
END_TEST

#define SRK(key)                                                                                   \
        "tpm2_createprimary -Q -C o -c p.ctx " key " && tpm2_evictcontrol -Q -C o -c p.ctx "       \
        "0x81000001 && tpm2_flushcontext -t"
#define NO_SRK "tpm2_evictcontrol -Q -C o -c 0x81000001"
#define STORAGE "restricted|decrypt|sensitivedataorigin|userwithauth"
#define NV(index, rest) "tpm2_nvundefine -Q -C o " index "; tpm2_nvdefine -Q -C o " index " " rest
#define NO_NV(index) "tpm2_nvundefine -Q -C o " index
#define COUNTER "nt=counter|authread|authwrite|ownerread"

/* found: of what is refused, what is wrong with it. */
static const struct {
        const char *before, *after, *subject;
        enum status status;
        uint32_t pcrs;
        const char *found;
} setups[] = {
        {SRK("-G ecc"), NO_SRK, "0x81000001", ST_REFUSED, 0, "noda is not set"},
        {SRK("-G ecc -a '" STORAGE "|noda'"), NO_SRK, "0x81000001", ST_REFUSED, 0,
         "fixedtpm is not set"},
        {SRK("-G ecc384 -a '" STORAGE "|fixedtpm|fixedparent|noda'"), NO_SRK, "0x81000001",
         ST_REFUSED, 0, "neither RSA-2048 nor ECC P-256"},
        {SRK("-G ecc:aes256cfb -a '" STORAGE "|fixedtpm|fixedparent|noda'"), NO_SRK, "0x81000001",
         ST_REFUSED, 0, "cipher"},
        {SRK("-G ecc -g sha384 -a '" STORAGE "|fixedtpm|fixedparent|noda'"), NO_SRK, "0x81000001",
         ST_REFUSED, 0, "name algorithm"},
        {SRK("-G ecc -p secret -a '" STORAGE "|fixedtpm|fixedparent|noda'"), NO_SRK, "0x81000001",
         ST_REFUSED, 0, "a password is set on it"},
        {NV("0x0181b001", "-s 8 -a '" COUNTER "'"), NO_NV("0x0181b001"), "0x0181b001", ST_REFUSED,
         0, "no_da is not set"},
        {NV("0x0181b001", "-s 8 -a '" COUNTER "|no_da|ownerwrite'"), NO_NV("0x0181b001"),
         "0x0181b001", ST_REFUSED, 0, "ownerwrite is set"},
        {NV("0x0181b001", "-s 8 -a '" COUNTER "|no_da|orderly'"), NO_NV("0x0181b001"), "0x0181b001",
         ST_REFUSED, 0, "orderly is set"},
        {NV("0x0181b001", "-s 8 -a '" COUNTER "|no_da|read_stclear'"), NO_NV("0x0181b001"),
         "0x0181b001", ST_REFUSED, 0, "read_stclear is set"},
        {NV("0x0181b001", "-s 8 -p secret -a '" COUNTER "|no_da'"), NO_NV("0x0181b001"),
         "0x0181b001", ST_REFUSED, 0, "a password is set on it"},
        {NV("0x0181b002", "-s 8 -a 'nt=bits|authread|authwrite|ownerread|no_da'"),
         NO_NV("0x0181b002"), "0x0181b002", ST_REFUSED, 0, "its type is bits, not counter"},
        {NV("0x0181b003", "-s 32 -a 'authread|authwrite|ownerread|no_da'"), NO_NV("0x0181b003"),
         "0x0181b003", ST_REFUSED, 0, "authwrite is set"},
        {NV("0x0181b003", "-s 64 -a 'authread|policywrite|ownerread|no_da'"), NO_NV("0x0181b003"),
         "0x0181b003", ST_REFUSED, 0, "64 bytes, not 32"},
        /* Left by an earlier set-up, with another site key. */
        {NV("0x0181b003", "-s 32 -a 'authread|policywrite|ownerread|no_da'"), "true", NULL, ST_DONE,
         0, NULL},
        {"tpm2_createprimary -Q -C o -G rsa2048 -a "
         "'restricted|decrypt|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda' -c p.ctx "
         "&& tpm2_evictcontrol -Q -C o -c p.ctx "
         "0x81000001 && tpm2_flushcontext -t",
         "tpm2_evictcontrol -Q -C o -c 0x81000001", NULL, ST_DONE, 0, NULL},
        {"tpm2_createprimary -Q -C o -G ecc:ecdsa:null -a "
         "'sign|userwithauth|fixedtpm|fixedparent|sensitivedataorigin' -c k.ctx && "
         "tpm2_flushcontext -t && tpm2_evictcontrol -Q -C o -c k.ctx 0x81000001 && "
         "tpm2_flushcontext -t",
         "tpm2_evictcontrol -Q -C o -c 0x81000001", "0x81000001", ST_REFUSED, 0, NULL},
        {"tpm2_nvdefine -Q -C o -s 8 -a 'ownerread|ownerwrite' 0x0181b001",
         "tpm2_nvundefine -Q -C o 0x0181b001", "0x0181b001", ST_REFUSED, 0,
         "its type is ordinary, not counter"},
        /* Interrupted between making the counter and its first increment. */
        {"tpm2_nvdefine -Q -C o -s 8 -a 'nt=counter|authread|authwrite|ownerread|no_da' 0x0181b002",
         "true", NULL, ST_DONE, 0, NULL},
        {"true", "true", "static PCR 8", ST_REFUSED, 1 << 0 | 1 << 8, NULL},
        {"true", "true", "static PCR 17", ST_REFUSED, 1 << 0 | 1 << 17, NULL},
        {"true", "true", "static PCRs", ST_INVALID, 1 << 16 | 1 << 23, NULL},
        {"tpm2_changeauth -Q -c owner secret && tpm2_nvundefine -Q -P secret -C o 0x0181b001; true",
         "tpm2_changeauth -Q -c owner -p secret", "making a primary key", ST_TPM, 0, NULL},
};

START_TEST(setup_on_what_is_there)
{
        struct host h = {.a = arena_new(), .t = host_tpm()};

        run("tpm2_evictcontrol -Q -C o -c 0x81000001; tpm2_nvundefine -Q -C o 0x0181b001; "
            "tpm2_nvundefine -Q -C o 0x0181b002; tpm2_nvundefine -Q -C o 0x0181b003");
        ck_assert_msg(!run("%s", setups[_i].before), "%s", run_output());
        if (setups[_i].status) {
                refused_with(setups[_i].status,
                             host_setup(&h, "site.pem", NULL, 0, setups[_i].pcrs));
                ck_assert_msg(strstr(error_last()->subject, setups[_i].subject), "%s",
                              error_last()->subject);
                ck_assert_msg(!setups[_i].found || strstr(error_last()->found, setups[_i].found),
                              "%s", error_last()->found);
                ck_assert(error_last()->remedy[0] || setups[_i].status == ST_INVALID);
        } else {
                ok(host_setup(&h, "site.pem", NULL, 0, setups[_i].pcrs));
                ok(host_approve_state(&h, "site.pem", NULL));
        }
        ck_assert_msg(!run("%s", setups[_i].after), "%s", run_output());
        tpm_rest(h.t); /* also after a refusal that left the connection stale */
        ck_assert_int_eq(host_loaded(), 0);
        host_free(&h);
        ck_assert_int_eq(host_loaded(), 0);
}
END_TEST

START_TEST(epoch_counter_is_increment_once)
{
        struct host h = {.a = arena_new(), .t = host_tpm()};
        struct tpm_static_rep one, two;

        run("tpm2_nvundefine -Q -C o 0x0181b001");
        ok(host_setup(&h, "site.pem", NULL, 0, 0));
        ok(tpm_static(h.t, h.a, &one));
        ok(host_setup(&h, "site.pem", NULL, 0, 0));
        ok(tpm_static(h.t, h.a, &two));
        ck_assert_uint_gt(one.epoch, 0);
        ck_assert_uint_eq(one.epoch, two.epoch);
        host_free(&h);
}
END_TEST

START_TEST(sha384_bank)
{
        struct host h = {.a = arena_new(), .t = host_tpm()};
        struct tpm_attest_rep rep;

        if (run("tpm2_pcrread sha384:0 | grep -q 0x")) {
                refused_with(ST_UNSUPPORTED, host_setup(&h, "site.pem", NULL, HASH_SHA384, 0));
        } else {
                ok(host_setup(&h, "site.pem", NULL, HASH_SHA384, 0));
                ok(host_approve_state(&h, "site.pem", NULL));
                ok(host_attest(&h, 1, 0, &rep));
                ck_assert_uint_eq(rep.pcrs.items[0].value.alg, HASH_SHA384);
                refused_with(ST_INVALID, host_attest(&h, 1, 1, &rep)); /* SHA-256 into it */
        }
        refused_with(ST_UNSUPPORTED, host_setup(&h, "site.pem", NULL, 4, 0)); /* SHA-1 */
        host_free(&h);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("tpm");
        TCase *tc = tcase_create("story");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_set_timeout(tc, 0);
        tcase_add_unchecked_fixture(tc, power_on, power_off);
        tcase_add_test(tc, seal_with_site_key_elsewhere);
        tcase_add_test(tc, seal_with_site_key_in_the_tpm);
        tcase_add_test(tc, another_process_goes_on);
        tcase_add_test(tc, attest_is_what_checkquote_accepts);
        tcase_add_test(tc, all_24_pcrs_in_one_quote);
        tcase_add_test(tc, attestations_leave_nothing);
        tcase_add_test(tc, reseal_moves_the_secret);
        tcase_add_test(tc, table_mac_and_counter);
        tcase_add_test(tc, retired_epoch);
        tcase_add_test(tc, newest_approvals_stay);
        tcase_add_test(tc, clock_and_status);
        tcase_add_test(tc, setup_again_is_no_harm);
        tcase_add_test(tc, epoch_counter_is_increment_once);
        tcase_add_loop_test(tc, setup_on_what_is_there, 0, sizeof(setups) / sizeof(setups[0]));
        tcase_add_test(tc, sha384_bank);
        suite_add_tcase(suite, tc);
        srunner_set_fork_status(runner, CK_NOFORK);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
