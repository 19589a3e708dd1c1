/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classes U and M: what opens no seal, and what the TPM, the bus to it and others on the host may
 * do. After each attack the honest request works, and nothing is left in the TPM.
 */
#include "tpm/tpm_policy.h"
#include "tests/unit/interposer.h"
#include "tests/unit/swtpm.h"
#include "tests/unit/tpm_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct host host;
static struct tpm_seal_rep blob;
static uint8_t secret[32];

static void set_up(void)
{
        host_source = &interposer_source;
        interposer_arm(HONEST, 0, 0);
        swtpm_start();
        host = host_new(NULL);
        ok(host_approve_state(&host, "site.pem", NULL));
        host_secret(secret, 1);
        ok(host_seal(&host, 16, 1, 1, &blob));
}

static void tear_down(void)
{
        interposer_arm(HONEST, 0, 0);
        host_free(&host);
        ck_assert_int_eq(host_loaded(), 0);
        swtpm_remove();
}

static enum status unseal(void)
{
        uint8_t opened[32] = {0};
        enum status s = host_unseal(&host, 16, 1, &blob, opened);

        if (!s)
                ck_assert_mem_eq(opened, secret, 32);
        return s;
}

/* After an attack: as if nothing had been. */
static void all_well(void)
{
        struct tpm_attest_rep rep;

        interposer_arm(HONEST, 0, 0);
        ok(unseal());
        ok(host_attest(&host, 1, 1, &rep));
        ck_assert_int_eq(host_loaded(), 2);
}

/* --- U: seals --------------------------------------------------------------------------------- */

START_TEST(a_static_pcr_was_extended)
{
        ck_assert_int_eq(run("tpm2_pcrextend 4:sha256=%064d", 1), 0);
        refused_with(ST_NOT_APPROVED, unseal());
        ck_assert_ptr_nonnull(strstr(error_last()->subject, "PCR 4"));
        ck_assert_ptr_nonnull(strstr(error_last()->remedy, "host approve"));
        ck_assert_uint_eq(strlen(error_last()->expected), 64);
        ck_assert_str_ne(error_last()->expected, error_last()->found);
        ok(host_approve_state(&host, "site.pem", NULL));
        all_well();
}
END_TEST

START_TEST(a_future_state_is_approved_before)
{
        struct tpm_static_rep future;
        struct digest event = {.alg = HASH_SHA256};

        event.bytes[31] = 1;
        ok(tpm_static(host.t, host.a, &future));
        future.pcrs.items[2].value = digest_extend(&future.pcrs.items[2].value, &event);
        ok(host_approve_pcrs(&host, &future, "site.pem", NULL));
        ok(unseal());
        ck_assert_int_eq(run("tpm2_pcrextend 4:sha256=%064d", 1), 0);
        all_well();
}
END_TEST

START_TEST(another_key_approves)
{
        struct host other = {.a = host.a, .t = host.t, .keys = host.keys};

        ck_assert_int_eq(run("openssl ecparam -name prime256v1 -genkey -noout -out other.pem"), 0);
        refused_with(ST_REFUSED, host_approve_state(&host, "other.pem", NULL));
        /* A host whose site key is the other one approves; its approval is used here. */
        ok(host_setup(&other, "other.pem", NULL, 0, 0));
        ok(host_approve_state(&other, "other.pem", NULL));
        other.keys = host.keys;
        ok(host_use(&other));
        refused_with(ST_NOT_APPROVED, unseal());
        ok(host_use(&host));
        all_well();
}
END_TEST

START_TEST(another_policy_ref)
{
        struct tpm_static_rep now;
        struct digest state;
        uint8_t to_sign[TPM_POLICY_TO_SIGN];
        struct tpm_approve_req req = {.passphrase = -1};
        struct tpm_approve_rep rep;

        ok(tpm_static(host.t, host.a, &now));
        state = tpm_policy_state(now.pcrs.items, now.pcrs.count, &host.t->epoch_name, now.epoch);
        tpm_policy_to_sign(&state, to_sign);
        to_sign[TPM_POLICY_TO_SIGN - 1] = '0';
        host_write("to-sign", (struct bytes){to_sign, sizeof(to_sign)});
        ck_assert_int_eq(run("openssl dgst -sha256 -sign site.pem -out signature to-sign"), 0);
        memcpy(&req.pcrs, &now.pcrs, sizeof(req.pcrs));
        req.epoch = now.epoch;
        req.signature = host_file(host.a, "signature");
        refused_with(ST_REFUSED, tpm_approve(host.t, host.a, &req, &rep));
        all_well();
}
END_TEST

START_TEST(a_ticket_of_the_null_hierarchy)
{
        interposer_arm(NULL_HIERARCHY, 0, -1u);
        ck_assert_int_ne(unseal(), ST_DONE);
        all_well();
}
END_TEST

START_TEST(each_byte_of_a_blob)
{
        struct bytes parts[] = {blob.blob_public, blob.blob_private};
        struct tpm_seal_rep bad;

        for (size_t p = 0; p < 2; p++)
                for (size_t i = 0; i < parts[p].len; i++) {
                        uint8_t *copy = arena_copy(host.a, parts[p].data, parts[p].len);
                        struct bytes changed = {copy, parts[p].len};
                        uint8_t opened[32];
                        enum status s;

                        copy[i] ^= 1 << i % 8;
                        bad = blob;
                        *(p ? &bad.blob_private : &bad.blob_public) = changed;
                        s = host_unseal(&host, 16, 1, &bad, opened);
                        ck_assert_msg(s == ST_DAMAGED || s == ST_CHANGED, "part %zu, byte %zu: %d",
                                      p, i, s);
                        changed.len = i;
                        *(p ? &bad.blob_private : &bad.blob_public) = changed;
                        refused_with(ST_DAMAGED, host_unseal(&host, 16, 1, &bad, opened));
                }
        all_well();
}
END_TEST

START_TEST(requests_out_of_bounds)
{
        struct extend extend = {10, host_binding(1)};
        struct tpm_attest_req attest = {
                .extends = {&extend, 1}, .pcrs = 1, .qualifying = host_binding(1)};
        struct tpm_attest_rep rep;
        struct tpm_seal_rep made;
        uint8_t opened[32];

        refused_with(ST_INVALID, host_seal(&host, 10, 1, 1, &made));
        refused_with(ST_INVALID, host_seal(&host, 0, 1, 1, &made));
        refused_with(ST_INVALID, host_seal(&host, 0xffffffff, 1, 1, &made));
        refused_with(ST_INVALID, host_unseal(&host, 17, 1, &blob, opened));
        refused_with(ST_INVALID, tpm_attest(host.t, host.a, &attest, &rep));
        extend.pcr = 0xffffffff;
        refused_with(ST_INVALID, tpm_attest(host.t, host.a, &attest, &rep));
        extend = (struct extend){16, {.alg = HASH_SHA384}};
        refused_with(ST_INVALID, tpm_attest(host.t, host.a, &attest, &rep));
        attest.extends.count = 0;
        attest.pcrs = 1 << 24;
        refused_with(ST_INVALID, tpm_attest(host.t, host.a, &attest, &rep));
        attest.pcrs = 0;
        refused_with(ST_INVALID, tpm_attest(host.t, host.a, &attest, &rep));
        all_well();
}
END_TEST

/* --- the bus ---------------------------------------------------------------------------------- */

START_TEST(secrets_are_not_on_the_bus)
{
        struct host h;
        struct tpm_attest_rep rep;
        struct tpm_seal_rep made;
        struct tpm_table_mac_req mac = {.table = {secret, 1}};
        struct tpm_table_mac_rep maced;
        struct digest auth = digest_of(HASH_SHA256, "pass phrase", 11);
        uint8_t opened[32];

        interposer_forget();
        h = host_new("pass phrase");
        /* Errors, each of which makes tpm2-tss 3.2.1 forget to encrypt afterwards. */
        refused_with(ST_DENIED, host_approve_state(&h, NULL, "another"));
        refused_with(ST_NOT_APPROVED, host_seal(&h, 16, 1, 1, &made));
        ok(host_approve_state(&h, NULL, "pass phrase"));
        interposer_arm(ANSWER_CODE, 0, 1);
        interposer.code = TPM2_RC_VALUE;
        interposer.only_command = TPM2_CC_NV_Read;
        ck_assert_int_ne(host_seal(&h, 16, 1, 1, &made), ST_DONE);
        interposer_arm(HONEST, 0, 0);
        ok(host_seal(&h, 16, 1, 1, &made));
        ok(host_unseal(&h, 16, 1, &made, opened));
        ok(host_attest(&h, 1, 1, &rep));
        ok(tpm_table_mac(h.t, &mac, &maced));
        ck_assert_uint_gt(interposer_bytes(), 10000);
        ck_assert(interposer_saw(rep.signature.data + 6, 32)); /* R: it does see what is sent */
        ck_assert(!interposer_saw(secret, 16));
        ck_assert(!interposer_saw(secret + 16, 16));
        ck_assert(!interposer_saw("pass phrase", 11));
        ck_assert(!interposer_saw(auth.bytes, 16));
        ck_assert_uint_eq(h.t->ak_auth.size, 32);
        ck_assert(!interposer_saw(h.t->ak_auth.buffer, 16));
        host_free(&h);
        all_well();
}
END_TEST

static const enum mischief kinds[] = {FLIP_RESPONSE,  FLIP_COMMAND,    ANSWER_NOTHING, ANSWER_NINE,
                                      ANSWER_GARBAGE, ANSWER_INFLATED, ANSWER_LONG,    ANSWER_HUGE};

/* At each command of an unseal that begins with a new session (every third for most kinds),
 * once and for ever. */
START_TEST(mischief_at_each_command)
{
        unsigned commands;

        for (unsigned at = 0;; at += kinds[_i] == FLIP_RESPONSE ? 1 : 3) {
                host.t->stale = true;
                interposer_arm(kinds[_i], at, 1);
                interposer.where = 11 + 7 * at;
                ck_assert_int_ne(unseal(), ST_INTERNAL);
                commands = interposer.count;
                if (!interposer.done)
                        break;
                interposer_arm(HONEST, 0, 0);
                ok(unseal());
        }
        ck_assert_uint_gt(commands, 15);
        for (unsigned at = 0; at < commands; at += 7) {
                interposer_arm(kinds[_i], at, -1u);
                interposer.where = 11;
                ck_assert_int_ne(unseal(), at ? ST_INTERNAL : ST_DONE);
                interposer_arm(HONEST, 0, 0);
                ok(unseal());
        }
        host.t->stale = true; /* what a lost answer has left is flushed with the next connection */
        all_well();
}
END_TEST

START_TEST(secrets_stay_secret_under_mischief)
{
        interposer_forget();
        for (unsigned at = 0; at < 40; at++) {
                struct tpm_seal_rep made;

                interposer_arm(at % 2 ? FLIP_COMMAND : FLIP_RESPONSE, at, 2);
                interposer.where = 20 + at;
                (void)host_seal(&host, 16, 1, 1, &made);
                interposer_arm(HONEST, 0, 0);
                ok(host_seal(&host, 16, 1, 1, &made));
        }
        ck_assert(!interposer_saw(secret, 16));
        ck_assert(!interposer_saw(secret + 16, 16));
}
END_TEST

static const struct {
        enum mischief what;
        bool another;
} srks[] = {{HONEST, false}, {OTHER_SRK, true}, {OTHER_SRK_TRUE_NAME, true}};

START_TEST(an_srk_of_somebody_else)
{
        uint8_t nothing[8] = "someone";

        host_write("unique", (struct bytes){nothing, 8});
        ck_assert_msg(!run("tpm2_createprimary -Q -C o -G ecc -c other.ctx && tpm2_evictcontrol -Q "
                           "-C o -c other.ctx 0x81000002; tpm2_flushcontext -t"),
                      "%s", run_output());
        host.t->stale = true;
        interposer_arm(srks[_i].what, 0, -1u);
        if (srks[_i].another)
                refused_with(ST_TPM_REPLACED, unseal());
        else
                ok(unseal());
        interposer_arm(HONEST, 0, 0);
        host.t->stale = true;
        all_well();
}
END_TEST

START_TEST(the_srk_is_gone)
{
        ck_assert_int_eq(run("tpm2_evictcontrol -Q -C o -c 0x81000001"), 0);
        host.t->stale = true;
        refused_with(ST_TPM_REPLACED, unseal());
        ck_assert_ptr_nonnull(
                strstr(error_last()->remedy, "tpm2_evictcontrol -C o -c srk.ctx 0x81000001"));
}
END_TEST

/* --- M: what a TPM may answer ---------------------------------------------------------------- */

static const struct {
        unsigned code, times;
        enum status status;
} codes[] = {
        {TPM2_RC_RETRY, 3, ST_DONE},           {TPM2_RC_YIELDED, 3, ST_DONE},
        {TPM2_RC_TESTING, 12, ST_DONE},        {TPM2_RC_RETRY, -1u, ST_TPM},
        {TPM2_RC_TESTING, -1u, ST_TPM},        {TPM2_RC_OBJECT_MEMORY, 1, ST_DONE},
        {TPM2_RC_SESSION_MEMORY, 1, ST_DONE},  {TPM2_RC_SESSION_HANDLES, 1, ST_DONE},
        {TPM2_RC_OBJECT_MEMORY, -1u, ST_TPM},  {TPM2_RC_SESSION_HANDLES, -1u, ST_TPM},
        {TPM2_RC_LOCKOUT, -1u, ST_TPM_LOCKED}, {TPM2_RC_NV_RATE, 2, ST_DONE},
        {TPM2_RC_NV_UNAVAILABLE, -1u, ST_TPM}, {TPM2_RC_INITIALIZE, -1u, ST_TPM},
        {TPM2_RC_FAILURE, -1u, ST_TPM},        {TPM2_RC_REFERENCE_S0, 1, ST_DONE},
        {TPM2_RC_REFERENCE_H0, 1, ST_DONE},    {TPM2_RC_COMMAND_CODE, -1u, ST_TPM},
};

START_TEST(response_codes)
{
        struct timespec begin, end;
        enum status s;

        clock_gettime(CLOCK_MONOTONIC, &begin);
        interposer_arm(ANSWER_CODE, 4, codes[_i].times);
        interposer.code = codes[_i].code;
        s = unseal();
        clock_gettime(CLOCK_MONOTONIC, &end);
        ck_assert_uint_gt(interposer.done, 0);
        ck_assert_int_eq(s, codes[_i].status);
        if (s) {
                ck_assert(error_last()->remedy[0]);
                ck_assert(error_last()->found[0]);
        }
        ck_assert_int_lt(end.tv_sec - begin.tv_sec, 60); /* it ends: no more is asked */
        all_well();
}
END_TEST

static const struct {
        unsigned command, pcr, times;
        enum status status;
} thirds[] = {
        {TPM2_CC_Unseal, 10, 3, ST_DONE},
        {TPM2_CC_Unseal, 10, -1u, ST_BUSY},
        {TPM2_CC_Unseal, 4, 1, ST_NOT_APPROVED}, /* a static PCR */
        {TPM2_CC_PolicyPCR, 16, -1u, ST_NOT_APPROVED},
};

START_TEST(a_third_party_extends_while_unsealing)
{
        interposer_arm(EXTEND_BEFORE, 0, thirds[_i].times);
        interposer.only_command = thirds[_i].command;
        interposer.code = thirds[_i].pcr;
        ck_assert_int_eq(unseal(), thirds[_i].status);
        ck_assert_uint_gt(interposer.done, 0);
        if (thirds[_i].pcr == 4)
                ok(host_approve_state(&host, "site.pem", NULL));
        all_well();
}
END_TEST

static const struct {
        unsigned command, pcr, times;
        enum status status;
} quotes[] = {
        {TPM2_CC_Quote, 16, 1, ST_DONE},     {TPM2_CC_PCR_Read, 16, 1, ST_DONE},
        {TPM2_CC_PCR_Read, 1, 3, ST_DONE},   {TPM2_CC_Quote, 16, -1u, ST_BUSY},
        {TPM2_CC_PCR_Read, 1, -1u, ST_BUSY}, {TPM2_CC_PCR_Read, 5, -1u, ST_DONE},
};

START_TEST(a_third_party_extends_while_quoting)
{
        struct tpm_attest_rep rep;

        ok(host_attest(&host, 1 << 1, 1, &rep));
        interposer_arm(EXTEND_BEFORE, 0, quotes[_i].times);
        interposer.only_command = quotes[_i].command;
        interposer.code = quotes[_i].pcr;
        ck_assert_int_eq(host_attest(&host, 1 << 1, 1, &rep), quotes[_i].status);
        ck_assert_uint_gt(interposer.done, 0);
        all_well();
}
END_TEST

static void plug(void)
{
        swtpm_kill();
}

START_TEST(the_plug_is_pulled_at_each_command)
{
        interposer.plug = plug;
        for (unsigned at = 0;; at += 2) {
                host.t->stale = true;
                interposer_arm(PULL_THE_PLUG, at, 1);
                if (unseal())
                        ck_assert_int_eq(error_last()->status, ST_TPM);
                if (!interposer.done)
                        break;
                interposer_arm(HONEST, 0, 0);
                swtpm_start();
                ok(unseal());
        }
        ck_assert_uint_gt(interposer.count, 15);
        host.t->stale = true;
        all_well();
}
END_TEST

START_TEST(a_tpm_that_does_not_answer)
{
        struct timespec begin, end;

        host.t->stale = true;
        ok(unseal());
        tpm_free(host.t);
        host.t = host_tpm();
        host.t->patience = 200;
        ok(host_use(&host));
        clock_gettime(CLOCK_MONOTONIC, &begin);
        swtpm_pause(1);
        refused_with(ST_TPM, unseal());
        ck_assert_ptr_nonnull(strstr(error_last()->found, "tcti:")); /* and not what came of it */
        swtpm_pause(0);
        clock_gettime(CLOCK_MONOTONIC, &end);
        ck_assert_int_lt(end.tv_sec - begin.tv_sec, 60);
        host.t->patience = TPM_PATIENCE;
        ok(unseal());
}
END_TEST

START_TEST(reset_under_us)
{
        struct tpm_attest_rep rep;

        for (int i = 0; i < 3; i++) {
                ok(host_attest(&host, 1, 1, &rep));
                swtpm_kill();
                swtpm_start();
                ok(i % 2 ? host_attest(&host, 1, 1, &rep) : unseal());
        }
        all_well();
}
END_TEST

START_TEST(lockout)
{
        struct host h = host_new("right");
        enum status s = ST_DONE;

        for (int i = 0; i < 6 && s != ST_TPM_LOCKED; i++)
                s = host_approve_state(&h, NULL, "wrong");
        ck_assert_int_eq(s, ST_TPM_LOCKED);
        ck_assert_ptr_nonnull(strstr(error_last()->remedy, "dictionarylockout"));
        refused_with(ST_TPM_LOCKED, host_approve_state(&h, NULL, "right"));
        ok(host_use(&host)); /* seals have no passphrase: they open all the same */
        ok(unseal());
        ck_assert_int_eq(run("tpm2_dictionarylockout -c"), 0);
        ok(host_approve_state(&h, NULL, "right"));
        host_free(&h);
        all_well();
}
END_TEST

START_TEST(pipes)
{
        struct tpm_seal_req req = {.pcr = 16, .binding = host_binding(1)};
        struct tpm_seal_rep rep;

        req.secret = host_pipe_with(secret, 31);
        refused_with(ST_IO, tpm_seal(host.t, host.a, &req, &rep));
        req.secret = -1;
        ck_assert_int_ne(tpm_seal(host.t, host.a, &req, &rep), ST_DONE);
        all_well();
}
END_TEST

#define LOOP(tc, test, table) tcase_add_loop_test(tc, test, 0, sizeof(table) / sizeof((table)[0]))

/* own: a new TPM for each test, instead of one for all. */
static TCase *add_case(Suite *suite, const char *name, bool own)
{
        TCase *tc = tcase_create(name);

        tcase_set_timeout(tc, 0);
        if (own)
                tcase_add_checked_fixture(tc, set_up, tear_down);
        else
                tcase_add_unchecked_fixture(tc, set_up, tear_down);
        suite_add_tcase(suite, tc);
        return tc;
}

static void add_seals(TCase *tc)
{
        tcase_add_test(tc, a_static_pcr_was_extended);
        tcase_add_test(tc, a_future_state_is_approved_before);
        tcase_add_test(tc, another_key_approves);
        tcase_add_test(tc, another_policy_ref);
        tcase_add_test(tc, a_ticket_of_the_null_hierarchy);
        tcase_add_test(tc, each_byte_of_a_blob);
        tcase_add_test(tc, requests_out_of_bounds);
        tcase_add_test(tc, pipes);
}

static void add_bus(TCase *tc)
{
        tcase_add_test(tc, secrets_are_not_on_the_bus);
        tcase_add_test(tc, secrets_stay_secret_under_mischief);
        LOOP(tc, an_srk_of_somebody_else, srks);
        tcase_add_test(tc, the_srk_is_gone);
}

static void add_answers(TCase *tc)
{
        LOOP(tc, response_codes, codes);
        LOOP(tc, a_third_party_extends_while_unsealing, thirds);
        LOOP(tc, a_third_party_extends_while_quoting, quotes);
        tcase_add_test(tc, lockout);
}

static void add_power(TCase *tc)
{
        tcase_add_test(tc, the_plug_is_pulled_at_each_command);
        tcase_add_test(tc, a_tpm_that_does_not_answer);
        tcase_add_test(tc, reset_under_us);
}

/* CK_RUN_CASE=seals and so on runs one part. */
int main(void)
{
        Suite *suite = suite_create("tpm_hostile");
        SRunner *runner = srunner_create(suite);
        int failed;

        add_seals(add_case(suite, "seals", false));
        add_bus(add_case(suite, "bus", true));
        LOOP(add_case(suite, "mischief", false), mischief_at_each_command, kinds);
        add_answers(add_case(suite, "answers", false));
        add_power(add_case(suite, "power", true));
        srunner_set_fork_status(runner, CK_NOFORK);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
