/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy digests and Names as computed in software, against a TPM's own trial sessions and
 * tpm2-tools; site key and signature against openssl.
 */
#include "tpm/site_key.h"
#include "tpm/tpm_policy.h"
#include "tests/unit/swtpm.h"
#include "tests/unit/tpm_host.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

static struct host host;

static void power_on(void)
{
        swtpm_start();
        host = host_new(NULL);
}

static void power_off(void)
{
        host_free(&host);
        swtpm_remove();
}

static void must(const char *command)
{
        ck_assert_msg(!run("%s", command), "%s: %s", command, run_output());
}

static void same_as_file(const struct digest *ours, const char *file)
{
        struct bytes theirs = host_file(host.a, file);

        ck_assert_uint_eq(theirs.len, 32);
        ck_assert_mem_eq(theirs.data, ours->bytes, 32);
}

/* tpm2_createek wants all three of the simulated TPM's sessions. */
static void make_room(void)
{
        tpm_free(host.t);
        host.t = host_tpm();
}

static const struct {
        const char *selection;
        enum hash_alg bank;
        uint32_t mask;
} banks[] = {
        {"sha256:0,2,4", HASH_SHA256, 1 << 0 | 1 << 2 | 1 << 4},
        {"sha256:7,16,23", HASH_SHA256, 1 << 7 | 1 << 16 | 1 << 23},
        {"sha384:0,1,2,3,4,5,6,7", HASH_SHA384, 0xff},
};

START_TEST(policy_pcr)
{
        struct digest none = tpm_policy_none(), ours;
        struct pcr_value *values;
        size_t count;

        run("tpm2_startauthsession -Q -S s; tpm2_policypcr -Q -S s -l %s -L pcr; "
            "tpm2_flushcontext s",
            banks[_i].selection);
        host.t->keys.alg = banks[_i].bank;
        ok(tpm_read_pcrs(host.t, host.a, banks[_i].mask, &values, &count));
        host.t->keys.alg = HASH_SHA256;
        ck_assert_uint_eq(tpm_policy_mask(values, count), banks[_i].mask);
        ours = tpm_policy_pcr(&none, values, count);
        same_as_file(&ours, "pcr");
}
END_TEST

/* The whole policy of a sealed object, step by step in one trial session. */
START_TEST(whole_policy)
{
        struct tpm_static_rep now;
        struct digest state, sealed, none = {.alg = HASH_SHA256}, binding = host_binding(1);
        struct pcr_value at_start = {16, digest_extend(&none, &binding)};
        uint8_t to_sign[TPM_POLICY_TO_SIGN];
        char hex[DIGEST_HEX];
        uint64_t epoch;

        ok(tpm_static(host.t, host.a, &now));
        epoch = htobe64(now.epoch);
        host_write("epoch", (struct bytes){(uint8_t *)&epoch, 8});
        host_write("site.name", (struct bytes){host.t->site_name.name, host.t->site_name.size});
        digest_hex(&binding, hex);
        must("tpm2_startauthsession -Q -S s; tpm2_policypcr -Q -S s -l sha256:0,2,4 -L p1 && "
             "tpm2_policynv -Q -S s -i epoch -L p2 0x0181b001 ule");
        ck_assert_msg(!run("tpm2_policyauthorize -Q -S s -i p2 -q $(printf bulkhead-site-1 | xxd "
                           "-p) -n site.name -L p3"),
                      "%s", run_output());
        ck_assert_msg(
                !run("tpm2_pcrreset 16 && tpm2_pcrextend 16:sha256=%s && tpm2_policypcr -Q -S "
                     "s -l sha256:16 -L p4; tpm2_flushcontext s; tpm2_pcrreset 16",
                     hex),
                "%s", run_output());
        state = tpm_policy_state(now.pcrs.items, now.pcrs.count, &host.t->epoch_name, now.epoch);
        same_as_file(&state, "p2");
        sealed = tpm_policy_authorize(&host.t->site_name);
        same_as_file(&sealed, "p3");
        sealed = tpm_policy_pcr(&sealed, &at_start, 1);
        same_as_file(&sealed, "p4");
        tpm_policy_to_sign(&state, to_sign);
        must("cp p2 expected; printf bulkhead-site-1 >> expected");
        ck_assert_uint_eq(host_file(host.a, "expected").len, sizeof(to_sign));
        ck_assert_mem_eq(host_file(host.a, "expected").data, to_sign, sizeof(to_sign));
}
END_TEST

START_TEST(names_and_identity)
{
        struct bytes name;
        char hex[2 * 34 + 1];

        must("tpm2_readpublic -Q -c 0x81000001 -n srk.name");
        name = host_file(host.a, "srk.name");
        ck_assert_uint_eq(name.len, host.keys.srk_name.len);
        ck_assert_mem_eq(name.data, host.keys.srk_name.data, name.len);
        must("tpm2_nvreadpublic 0x0181b001 | sed -n 's/^ *name: //p' | tr A-F a-f");
        ok(host_use(&host));
        hex_write(hex, host.t->epoch_name.name, host.t->epoch_name.size);
        ck_assert_int_eq(strncmp(run_output(), hex, strlen(hex)), 0);
        make_room();
        must("tpm2_createek -Q -G rsa -c ek.ctx -u ek.pub && tpm2_flushcontext -t && tail -c +3 "
             "ek.pub | sha256sum | xxd -r -p > identity");
        same_as_file(&host.keys.host_identity, "identity");
        host_write("ak.pub", host.keys.ak_public);
        must("tpm2_loadexternal -Q -C n -u ak.pub -c ak.ctx -n ak.name; tpm2_flushcontext -t");
        name = host_file(host.a, "ak.name");
        ck_assert_uint_eq(name.len, host.keys.ak_name.len);
        ck_assert_mem_eq(name.data, host.keys.ak_name.data, name.len);
}
END_TEST

START_TEST(ecc_endorsement_key)
{
        struct host h = {.a = arena_new(), .t = host_tpm()};
        struct digest identity;

        must("tpm2_nvdefine -Q -C o -s 4 -a 'ownerread|ownerwrite' 0x01c0000a");
        ok(host_setup(&h, "site.pem", NULL, 0, 0));
        identity = h.keys.host_identity;
        host_free(&h);
        make_room();
        must("tpm2_nvundefine -Q -C o 0x01c0000a && tpm2_createek -Q -G ecc -c ek.ctx -u ek.pub && "
             "tpm2_flushcontext -t && tail -c +3 ek.pub | sha256sum | xxd -r -p > identity");
        same_as_file(&identity, "identity");
}
END_TEST

/* --- the site key, without a TPM ------------------------------------------------------------- */

START_TEST(signatures)
{
        struct bytes message = {(const uint8_t *)"message", 7}, der;
        TPMT_SIGNATURE sig;
        TPM2B_PUBLIC key, other;

        must("openssl ecparam -name prime256v1 -genkey -noout -out a.pem && openssl ecparam -name "
             "prime256v1 -genkey -noout -out b.pem && openssl pkey -in a.pem -pubout -outform DER "
             "-out a.der && openssl pkey -in b.pem -pubout -outform DER -out b.der");
        ok(site_key_public(host_file(host.a, "a.der"), &key));
        ok(site_key_public(host_file(host.a, "b.der"), &other));
        /* Often enough that R and S with a zero byte in front are among them. */
        for (int i = 0; i < 40; i++) {
                must("printf message | openssl dgst -sha256 -sign a.pem -out sig");
                der = host_file(host.a, "sig");
                ok(site_key_signature(der, &sig));
                ck_assert(site_key_verifies(&key.publicArea, message, &sig));
        }
        ck_assert(!site_key_verifies(&other.publicArea, message, &sig));
        ck_assert(!site_key_verifies(&key.publicArea, (struct bytes){message.data, 6}, &sig));
        sig.signature.ecdsa.signatureR.buffer[5] ^= 1;
        ck_assert(!site_key_verifies(&key.publicArea, message, &sig));
        sig.signature.ecdsa.signatureR.buffer[5] ^= 1;
        sig.signature.ecdsa.hash = TPM2_ALG_SHA1;
        ck_assert(!site_key_verifies(&key.publicArea, message, &sig));
        for (size_t len = 0; len < der.len; len++)
                refused_with(ST_INVALID, site_key_signature((struct bytes){der.data, len}, &sig));
}
END_TEST

static const char *const bad_keys[] = {
        "openssl ecparam -name secp384r1 -genkey -noout -out k",
        "openssl genrsa -out k 2048",
        "openssl genpkey -algorithm ed25519 -out k",
        "openssl ecparam -name secp256k1 -genkey -noout -out k",
};

START_TEST(other_keys)
{
        TPM2B_PUBLIC key;

        must(bad_keys[_i]);
        must("openssl pkey -in k -pubout -outform DER -out k.der");
        refused_with(ST_INVALID, site_key_public(host_file(host.a, "k.der"), &key));
}
END_TEST

START_TEST(broken_keys)
{
        struct bytes der;
        TPM2B_PUBLIC key;

        must("openssl ecparam -name prime256v1 -genkey -noout -out k && openssl pkey -in k -pubout "
             "-outform DER -out k.der && printf x >> k.der");
        der = host_file(host.a, "k.der");
        for (size_t len = 0; len <= der.len; len++)
                if (len != der.len - 1)
                        refused_with(ST_INVALID,
                                     site_key_public((struct bytes){der.data, len}, &key));
        ok(site_key_public((struct bytes){der.data, der.len - 1}, &key));
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("tpm_policy");
        TCase *tc = tcase_create("policy");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_set_timeout(tc, 0);
        tcase_add_unchecked_fixture(tc, power_on, power_off);
        tcase_add_loop_test(tc, policy_pcr, 0, sizeof(banks) / sizeof(banks[0]));
        tcase_add_test(tc, whole_policy);
        tcase_add_test(tc, names_and_identity);
        tcase_add_test(tc, ecc_endorsement_key);
        tcase_add_test(tc, signatures);
        tcase_add_loop_test(tc, other_keys, 0, sizeof(bad_keys) / sizeof(bad_keys[0]));
        tcase_add_test(tc, broken_keys);
        suite_add_tcase(suite, tc);
        srunner_set_fork_status(runner, CK_NOFORK);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
