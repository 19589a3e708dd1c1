/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tpm_worker as integrity-mgr runs it: a job in its sandbox, spoken to by messages. Each request
 * once, a TPM that comes late, goes away and is reset, a job that is killed in the middle.
 */
#include "lib/channel.h"
#include "lib/worker.h"
#include "tests/unit/swtpm.h"
#include "tests/unit/tpm_host.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char program[4096];
static struct worker *w;
static struct job *job;
static struct arena *a;

static enum status ask(struct call call)
{
        return job_call(job, call, a);
}
#define ASK_TPM(name, req, rep) ask(CALL(name, req, rep))

static void power_on(void)
{
        const char *args[] = {NULL, NULL};

        swtpm_start();
        args[0] = swtpm_conf();
        a = arena_new();
        ok(worker_start(program, args, NULL, NULL, &w));
        ok(job_start(w, NO_DEADLINE, &job));
}

static void power_off(void)
{
        ok(job_end(job));
        worker_stop(w);
        arena_free(a);
        ck_assert_int_eq(host_loaded(), 0);
        swtpm_remove();
}

static struct tpm_use_req use;
static struct approval approvals[2];

static void set_up(void)
{
        struct tpm_setup_req setup = {.passphrase = host_pipe_with("secret", 6)};
        struct tpm_setup_rep keys;
        struct tpm_static_req nothing;
        struct tpm_static_rep present;
        struct tpm_approve_req approve = {.passphrase = host_pipe_with("secret", 6)};
        struct tpm_approve_rep approved;
        struct tpm_use_rep used;

        ok(ASK_TPM(tpm_setup, &setup, &keys));
        use = (struct tpm_use_req){.keys = keys.keys};
        ok(ASK_TPM(tpm_use, &use, &used));
        ok(ASK_TPM(tpm_static, &nothing, &present));
        memcpy(&approve.pcrs, &present.pcrs, sizeof(approve.pcrs));
        approve.epoch = present.epoch;
        ok(ASK_TPM(tpm_approve, &approve, &approved));
        approvals[0] = approved.approval;
        use.approvals.items = approvals;
        use.approvals.count = 1;
        ok(ASK_TPM(tpm_use, &use, &used));
        close(setup.passphrase);
        close(approve.passphrase);
}

static enum status open_blob(const struct tpm_seal_rep *blob, uint8_t secret_out[32])
{
        struct tpm_unseal_req req = {.pcr = 16,
                                     .binding = host_binding(1),
                                     .blob_public = blob->blob_public,
                                     .blob_private = blob->blob_private};
        struct tpm_unseal_rep nothing;
        int fds[2];
        enum status s;

        ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
        req.secret = fds[1];
        s = ASK_TPM(tpm_unseal, &req, &nothing);
        close(fds[1]);
        if (!s)
                ck_assert_int_eq(read(fds[0], secret_out, 32), 32);
        close(fds[0]);
        return s;
}

static struct tpm_seal_rep seal(void)
{
        struct tpm_seal_req req = {.pcr = 16, .binding = host_binding(1)};
        struct tpm_seal_rep blob;
        uint8_t secret[32];

        host_secret(secret, 1);
        req.secret = host_pipe_with(secret, 32);
        ok(ASK_TPM(tpm_seal, &req, &blob));
        close(req.secret);
        return blob;
}

static enum status attest(void)
{
        struct extend extend = {16, host_binding(1)};
        struct tpm_attest_req req = {.extends = {&extend, 1},
                                     .pcrs = 1,
                                     .qualifying = digest_of(HASH_SHA256, "challenge", 9)};
        struct tpm_attest_rep rep;

        return ASK_TPM(tpm_attest, &req, &rep);
}

START_TEST(every_request_in_the_sandbox)
{
        struct tpm_status_req status;
        struct tpm_status_rep facts;
        struct tpm_clock_req clock;
        struct tpm_clock_rep time;
        struct tpm_table_mac_req mac = {.table = {(const uint8_t *)"x", 1}};
        struct tpm_table_mac_rep maced;
        struct tpm_table_known_req known_now;
        struct tpm_table_known_rep known;
        struct tpm_table_commit_req commit = {.table = digest_of(HASH_SHA256, "table", 5)};
        struct tpm_table_commit_rep committed;
        struct tpm_rest_req idle;
        struct tpm_rest_rep rests;
        struct tpm_approval_req approval = {.epoch = 1};
        struct tpm_approval_rep to_sign;
        struct tpm_reseal_req reseal = {
                .pcr = 16, .binding = host_binding(1), .new_binding = host_binding(2)};
        struct tpm_reseal_rep resealed;
        struct tpm_seal_rep blob;
        uint8_t secret[32], opened[32];

        refused_with(ST_NOT_SET_UP, ASK_TPM(tpm_approval, &approval, &to_sign));
        set_up();
        blob = seal();
        ok(open_blob(&blob, opened));
        host_secret(secret, 1);
        ck_assert_mem_eq(opened, secret, 32);
        ok(attest());
        ok(ASK_TPM(tpm_status, &status, &facts));
        ok(ASK_TPM(tpm_clock, &clock, &time));
        ok(ASK_TPM(tpm_table_mac, &mac, &maced));
        ok(ASK_TPM(tpm_table_known, &known_now, &known));
        commit.counter = known.counter + 1;
        commit.before = known.table;
        ok(ASK_TPM(tpm_table_commit, &commit, &committed));
        ok(ASK_TPM(tpm_rest, &idle, &rests));
        ck_assert(!rests.end);
        approval.pcrs.items = approvals[0].pcrs.items;
        approval.pcrs.count = approvals[0].pcrs.count;
        ok(ASK_TPM(tpm_approval, &approval, &to_sign));
        ck_assert_uint_eq(to_sign.to_sign.len, 47);
        reseal.blob_public = blob.blob_public;
        reseal.blob_private = blob.blob_private;
        ok(ASK_TPM(tpm_reseal, &reseal, &resealed));
}
END_TEST

START_TEST(the_tpm_goes_and_comes)
{
        struct tpm_seal_rep blob;
        uint8_t opened[32];

        set_up();
        blob = seal();
        swtpm_kill();
        refused_with(ST_TPM, open_blob(&blob, opened));
        refused_with(ST_TPM, attest());
        swtpm_start();
        ok(open_blob(&blob, opened));
        ok(attest());
}
END_TEST

START_TEST(a_killed_job_leaves_what_the_next_one_clears)
{
        struct tpm_seal_rep blob;
        struct tpm_use_rep used;
        uint8_t opened[32];

        set_up();
        blob = seal();
        for (int i = 0; i < 5; i++) {
                ok(attest());
                job_kill(job);
                ok(job_start(w, NO_DEADLINE, &job));
                ok(ASK_TPM(tpm_use, &use, &used));
                ok(open_blob(&blob, opened));
        }
}
END_TEST

START_TEST(a_tpm_that_comes_late)
{
        struct tpm_clock_req clock;
        struct tpm_clock_rep time;

        swtpm_kill();
        refused_with(ST_TPM, ASK_TPM(tpm_clock, &clock, &time));
        swtpm_start();
        ok(ASK_TPM(tpm_clock, &clock, &time));
        set_up();
}
END_TEST

int main(int argc, char **argv)
{
        Suite *suite = suite_create("tpm_worker");
        TCase *tc = tcase_create("worker");
        SRunner *runner = srunner_create(suite);
        char *slash;
        int failed;

        (void)argc;
        if (!realpath(argv[0], program))
                return 99;
        slash = strrchr(program, '/');
        snprintf(slash, sizeof(program) - (slash - program), "/tpm_worker");
        tcase_set_timeout(tc, 0);
        tcase_add_checked_fixture(tc, power_on, power_off);
        tcase_add_test(tc, every_request_in_the_sandbox);
        tcase_add_test(tc, the_tpm_goes_and_comes);
        tcase_add_test(tc, a_killed_job_leaves_what_the_next_one_clears);
        tcase_add_test(tc, a_tpm_that_comes_late);
        suite_add_tcase(suite, tc);
        srunner_set_fork_status(runner, CK_NOFORK);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
