/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotes: one made by a real TPM 2.0 (swtpm) and tpm2-tools is accepted by tpm2_checkquote and by
 * us; the forgeries by which tpm2_checkquote 5.4 is fooled (CVE-2024-29038, CVE-2024-29039, an NV
 * certification taken for a quote) are not. Without a TPM: structures cut short at each byte.
 */
#include "tests/unit/evidence_make.h"
#include "proof/quote.h"

#include <check.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#undef fail /* lib/status.h has one of its own */

static struct arena *arena;
static EVP_PKEY *key;
static char dir[] = "build/test_quote.XXXXXX";

static void begin(void)
{
        arena = arena_new();
        key = plan_key();
}

static void end(void)
{
        arena_free(arena);
        EVP_PKEY_free(key);
}

/* --- structures ------------------------------------------------------------------------------ */

START_TEST(whole)
{
        struct plan p = plan_good(key);
        struct made m = plan_make(&p, arena);
        struct quote q;
        struct ak *ak;

        ck_assert_int_eq(ak_read(m.ak, &ak), ST_DONE);
        ck_assert_mem_eq(ak_name(ak), m.trust.ak_name.data, AK_NAME_LEN);
        ck_assert_int_eq(ak_signed(ak, m.attest, m.signature), ST_DONE);
        ck_assert_int_eq(quote_read(m.attest, &q), ST_DONE);
        ck_assert_uint_eq(q.pcrs, 0x010011);
        ck_assert_uint_eq(q.clock, 5000);
        ck_assert_uint_eq(q.reset_count, 4);
        ck_assert_uint_eq(q.restart_count, 2);
        ck_assert(q.safe && q.bank == HASH_SHA256 && q.qualifying_len == 32);
        ak_free(ak);
}
END_TEST

static struct bytes copy_of(struct bytes b, size_t len)
{
        /* Exactly as many bytes as said, so that a sanitizer sees one too many being read. */
        uint8_t *copy = malloc(len ? len : 1);

        memcpy(copy, b.data, len < b.len ? len : b.len);
        if (len > b.len)
                memset(copy + b.len, 0, len - b.len);
        return (struct bytes){copy, len};
}

START_TEST(every_length)
{
        struct plan p = plan_good(key);
        struct made m = plan_make(&p, arena);
        struct ak *good, *ak;
        struct bytes b;
        struct quote q;

        ck_assert_int_eq(ak_read(m.ak, &good), ST_DONE);
        for (size_t len = 0; len < m.ak.len + 3; len++) {
                b = copy_of(m.ak, len);
                ck_assert_int_eq(ak_read(b, &ak) == ST_DONE, len == m.ak.len);
                ak_free(ak);
                free((void *)b.data);
        }
        for (size_t len = 0; len < m.attest.len + 3; len++) {
                b = copy_of(m.attest, len);
                ck_assert_int_eq(quote_read(b, &q) == ST_DONE, len == m.attest.len);
                ck_assert_int_eq(ak_signed(good, b, m.signature) == ST_DONE, len == m.attest.len);
                free((void *)b.data);
        }
        for (size_t len = 0; len < m.signature.len + 3; len++) {
                b = copy_of(m.signature, len);
                ck_assert_int_eq(ak_signed(good, m.attest, b) == ST_DONE, len == m.signature.len);
                free((void *)b.data);
        }
        ak_free(good);
}
END_TEST

/* No bit of what was signed, and none of a signature, can be another. */
START_TEST(every_bit)
{
        struct plan p = plan_good(key);
        struct made m = plan_make(&p, arena);
        struct bytes attest = copy_of(m.attest, m.attest.len);
        struct bytes signature = copy_of(m.signature, m.signature.len);
        struct ak *ak;

        ck_assert_int_eq(ak_read(m.ak, &ak), ST_DONE);
        for (size_t bit = 0; bit < 8 * attest.len; bit++) {
                ((uint8_t *)attest.data)[bit / 8] ^= 1u << bit % 8;
                ck_assert_int_eq(ak_signed(ak, attest, signature), ST_UNTRUSTED);
                ((uint8_t *)attest.data)[bit / 8] ^= 1u << bit % 8;
        }
        for (size_t bit = 0; bit < 8 * signature.len; bit++) {
                ((uint8_t *)signature.data)[bit / 8] ^= 1u << bit % 8;
                ck_assert_int_ne(ak_signed(ak, attest, signature), ST_DONE);
                ((uint8_t *)signature.data)[bit / 8] ^= 1u << bit % 8;
        }
        ck_assert_int_eq(ak_signed(ak, attest, signature), ST_DONE);
        ak_free(ak);
        free((void *)attest.data);
        free((void *)signature.data);
}
END_TEST

/* Numbers with leading zeros come shorter from some TPMs; 0 and longer ones are no signature. */
static const struct {
        const char *row, *hex;
} signatures[] = {
        {"empty numbers", "0018000b00000000"},
        {"zero", "0018000b0001000001 00"},
        {"33 bytes",
         "0018000b0021000000000000000000000000000000000000000000000000000000000000000000"
         "000100"},
        {"length past the end", "0018000bffff00"},
};

START_TEST(odd_signature)
{
        struct plan p = plan_good(key);
        struct made m = plan_make(&p, arena);
        uint8_t bytes[128];
        struct ak *ak;
        long len =
                hex_read(signatures[_i].hex, strcspn(signatures[_i].hex, " "), bytes, sizeof bytes);

        ck_assert_int_gt(len, 0);
        ck_assert_int_eq(ak_read(m.ak, &ak), ST_DONE);
        ck_assert_int_ne(ak_signed(ak, m.attest, (struct bytes){bytes, (size_t)len}), ST_DONE);
        ak_free(ak);
}
END_TEST

START_TEST(point_off_the_curve)
{
        struct plan p = plan_good(key);
        struct made m = plan_make(&p, arena);
        struct bytes b = copy_of(m.ak, m.ak.len);
        struct ak *ak;

        ((uint8_t *)b.data)[b.len - 1] ^= 1;
        ck_assert_int_eq(ak_read(b, &ak), ST_INVALID);
        ck_assert(!ak);
        free((void *)b.data);
}
END_TEST

START_TEST(counters)
{
        ck_assert(counter_is_before(1, 2) && !counter_is_before(2, 1) && !counter_is_before(2, 2));
        ck_assert(counter_is_before(UINT32_MAX, 3) && !counter_is_before(3, UINT32_MAX));
}
END_TEST

/* --- against a TPM --------------------------------------------------------------------------- */

static int shell(const char *command)
{
        char line[2048];
        int r;

        snprintf(line, sizeof line, "cd '%s' && { %s ; } >>log 2>&1", dir, command);
        r = system(line);
        return WIFEXITED(r) ? WEXITSTATUS(r) : -1;
}

#define MUST(command) ck_assert_msg(shell(command) == 0, "%s: see %s/log", command, dir)

static struct bytes load(const char *name)
{
        struct buffer b = BUFFER_INIT(1 << 16);
        struct bytes out;
        char path[256];
        FILE *f;
        int c;

        snprintf(path, sizeof path, "%s/%s", dir, name);
        f = fopen(path, "rb");
        ck_assert_msg(f != NULL, "%s", path);
        while ((c = getc(f)) != EOF)
                buffer_u8(&b, (uint8_t)c);
        fclose(f);
        out = (struct bytes){arena_copy(arena, b.data, b.len), b.len};
        buffer_clear(&b);
        return out;
}

static void save(const char *name, struct bytes b)
{
        char path[256];
        FILE *f;

        snprintf(path, sizeof path, "%s/%s", dir, name);
        f = fopen(path, "wb");
        ck_assert(f && fwrite(b.data, 1, b.len, f) == b.len);
        fclose(f);
}

/* In the parent process, so that nothing is left running after a test that failed. */
static void make_dir(void)
{
        mkdir("build", 0755); /* there already, as a rule */
        ck_assert(mkdtemp(dir) != NULL);
}

static void remove_dir(void)
{
        char line[512];

        shell("test ! -e pid || kill $(cat pid)");
        snprintf(line, sizeof line, "rm -rf '%s'", dir);
        if (system(line))
                fprintf(stderr, "%s is left\n", dir);
}

/* swtpm on a unix socket of its own in dir; tpm2-tools find it by TPM2TOOLS_TCTI. */
static void start_tpm(void)
{
        setenv("TPM2TOOLS_TCTI", "swtpm:path=socket", 1); /* every command runs in dir */
        MUST("swtpm socket --tpm2 --tpmstate dir=. --server type=unixio,path=socket --ctrl "
             "type=unixio,path=socket.ctrl --flags not-need-init,startup-clear --daemon "
             "--pid file=pid");
        MUST("tpm2_createprimary -Q -C o -G ecc -c srk");
        MUST("tpm2_create -Q -C srk -G ecc256:ecdsa-sha256:null -u ak.pub -r ak.priv -a "
             "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign'");
        MUST("tpm2_flushcontext -t && tpm2_load -Q -C srk -u ak.pub -r ak.priv -c ak");
        MUST("tpm2_flushcontext -t && tpm2_readpublic -Q -c ak -f pem -o ak.pem -n ak.name");
}

/* TPM2B_PUBLIC without its length. */
static struct bytes public_area(void)
{
        struct bytes b = load("ak.pub");

        return (struct bytes){b.data + 2, b.len - 2};
}

#define CHECKQUOTE "tpm2_checkquote -Q -u ak.pem -m attest -s sig -q 0102030405060708 -g sha256 "

START_TEST(real_quote)
{
        struct quote q, later;
        struct digest pcrs;
        struct ak *ak;

        start_tpm();
        MUST("tpm2_flushcontext -t && tpm2_quote -Q -c ak -l sha256:0,16,23 -q 0102030405060708 -m "
             "attest -s sig -o pcrs "
             "-F values");
        MUST(CHECKQUOTE "-f pcrs -l sha256:0,16,23");
        ck_assert_int_eq(ak_read(public_area(), &ak), ST_DONE);
        ck_assert_mem_eq(ak_name(ak), load("ak.name").data, AK_NAME_LEN);
        ck_assert_int_eq(ak_signed(ak, load("attest"), load("sig")), ST_DONE);
        ck_assert_int_eq(quote_read(load("attest"), &q), ST_DONE);
        ck_assert_uint_eq(q.pcrs, 1u << 0 | 1u << 16 | 1u << 23);
        ck_assert_uint_eq(q.qualifying_len, 8);
        ck_assert_mem_eq(q.qualifying, "\1\2\3\4\5\6\7\10", 8);
        pcrs = digest_of(HASH_SHA256, (uint8_t[96]){0}, 96); /* three PCRs never extended */
        ck_assert(digest_equal(&pcrs, &q.pcr_digest));

        /* CVE-2024-29039: PCRs 16 and 17 in the quote, 18 and 19 in the file beside it. */
        MUST("tpm2_flushcontext -t && tpm2_quote -Q -c ak -l sha256:16,17 -q 0102030405060708 -m "
             "attest -s sig -o pcrs");
        MUST("printf '\\014' | dd of=pcrs bs=1 seek=9 conv=notrunc status=none");
        MUST(CHECKQUOTE "-f pcrs");
        ck_assert_int_eq(quote_read(load("attest"), &later), ST_DONE);
        ck_assert_uint_eq(later.pcrs, 1u << 16 | 1u << 17); /* what the verifier compares */

        /* Counters: this key's constant hides the values, not their order. */
        MUST("tpm2_shutdown -c && swtpm_ioctl --unix socket.ctrl -i && tpm2_startup -c");
        MUST("tpm2_createprimary -Q -C o -G ecc -c srk");
        MUST("tpm2_flushcontext -t && tpm2_load -Q -C srk -u ak.pub -r ak.priv -c ak");
        MUST("tpm2_flushcontext -t && tpm2_quote -Q -c ak -l sha256:0 -q 01 -m attest -s sig");
        ck_assert_int_eq(quote_read(load("attest"), &later), ST_DONE);
        ck_assert_uint_eq((uint32_t)(later.reset_count - q.reset_count), 1);
        MUST("tpm2_readclock >clock && grep -q reset_count clock");
        ck_assert(shell(FMT("grep -qx '  reset_count: %u' clock", later.reset_count)) == 1);
        ck_assert(counter_is_before(q.reset_count, later.reset_count));
        ak_free(ak);
}
END_TEST

/* A key that signs whatever it is given signs what no TPM made: the forger's side of
 * CVE-2024-29038 and of the two others. */
static void forge(struct plan *p, struct made *m)
{
        FILE *f;
        char path[256];

        p->quoted = 1u << 16 | 1u << 17;
        p->extra = (struct bytes){(const uint8_t *)"\1\2\3\4\5\6\7\10", 8};
        *m = plan_make(p, arena);
        save("attest", m->attest);
        save("sig", m->signature);
        snprintf(path, sizeof path, "%s/ak.pem", dir);
        f = fopen(path, "w");
        ck_assert(f && PEM_write_PUBKEY(f, p->key) == 1);
        fclose(f);
}

static const struct {
        const char *row;
        uint32_t magic;
        uint16_t type;
        bool fools; /* tpm2_checkquote 5.4 */
} forgeries[] = {
        {"a quote", 0xff544347, 0x8018, true},
        {"wrong magic", 0xdeadbeef, 0x8018, true},
        {"an NV certification's type", 0xff544347, 0x8014, true},
};

START_TEST(forged)
{
        struct plan p = plan_good(key);
        struct made m;
        struct quote q;

        p.magic = forgeries[_i].magic;
        p.type = forgeries[_i].type;
        forge(&p, &m);
        ck_assert_msg((shell(CHECKQUOTE) == 0) == forgeries[_i].fools, "%s: see %s/log",
                      forgeries[_i].row, dir);
        ck_assert_int_eq(quote_read(m.attest, &q) == ST_DONE, _i == 0);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("quote");
        TCase *tc = tcase_create("structures"), *tpm = tcase_create("tpm");
        SRunner *runner = srunner_create(suite);
        int failures;

        tcase_add_checked_fixture(tc, begin, end);
        tcase_add_test(tc, whole);
        tcase_add_test(tc, every_length);
        tcase_add_test(tc, every_bit);
        tcase_add_loop_test(tc, odd_signature, 0, sizeof signatures / sizeof *signatures);
        tcase_add_test(tc, point_off_the_curve);
        tcase_add_test(tc, counters);
        suite_add_tcase(suite, tc);
        tcase_add_checked_fixture(tpm, begin, end);
        tcase_add_unchecked_fixture(tpm, make_dir, remove_dir);
        tcase_set_timeout(tpm, 60);
        tcase_add_test(tpm, real_quote);
        tcase_add_loop_test(tpm, forged, 0, sizeof forgeries / sizeof *forgeries);
        suite_add_tcase(suite, tpm);
        srunner_run_all(runner, CK_NORMAL);
        failures = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
