/* SPDX-License-Identifier: Apache-2.0 */
/* What is said to be measured: all of it for a unified image's boot, and for nothing less. */
#include "compartment-mgr/tcb.h"
#include "lib/kernel_pcr.h"
#include "lib/arena.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define HASH "94f5fb62293b3070e8999a4cfde1ffde6329a2f544b43e1789c821aaa73bc8a6"
#define UPPER "94F5FB62293B3070E8999A4CFDE1FFDE6329A2F544B43E1789C821AAA73BC8A6"
#define LONGER                                                                                     \
        "a1b2"                                                                                     \
        "94f5fb62293b3070e8999a4cfde1ffde6329a2f544b43e1789c821aaa73bc8a6"                         \
        "00000000000000000000000000ff"
#define EFIVAR "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

static struct arena *a;
static char folder[64];

static void put(const char *path, const char *text, size_t len)
{
        char full[512];
        FILE *f;

        snprintf(full, sizeof full, "%s%s", folder, path);
        for (char *p = full + strlen(folder) + 1; (p = strchr(p, '/')); p++) {
                *p = 0;
                mkdir(full, 0700);
                *p = '/';
        }
        f = fopen(full, "w");
        ck_assert_ptr_nonnull(f);
        ck_assert_uint_eq(fwrite(text, 1, len, f), len);
        fclose(f);
}

static void put_text(const char *path, const char *text)
{
        put(path, text, strlen(text));
}

static void begin(void)
{
        a = arena_new();
        strcpy(folder, "/tmp/bulkhead-tcb-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        put_text("/proc/cmdline", "root=/dev/mapper/bulkhead-root ro bulkhead.roothash=" HASH
                                  " bulkhead.hashoffset=4096 panic=30 --\n");
        put_text("/sys/dev/block/253:7/dm/uuid",
                 "CRYPT-VERITY-00000000000000000000000000000000-bulkhead-root\n");
        put_text("/sys/dev/block/253:7/dm/name", "bulkhead-root\n");
        put_text("/sys/class/tpm/tpm0/pcr-sha256/4", UPPER "\n");
        put(EFIVAR, "\x06\0\0\0\x01", 5);
}

static void end(void)
{
        char command[128];

        snprintf(command, sizeof command, "rm -rf '%s'", folder);
        ck_assert_int_eq(system(command), 0);
        arena_free(a);
}

/* 'p', 'n' or 'w' for each fact, in their order: image, options of the boot entry, root. */
static const char *levels(bool approved)
{
        static char text[TCB_FACTS + 1];
        struct fact facts[TCB_FACTS];
        struct tcb tcb;
        size_t n;

        tcb_read(folder, makedev(253, 7), HASH_SHA256, &tcb);
        n = tcb_facts(a, &tcb, approved, facts);
        for (size_t i = 0; i < n; i++)
                text[i] = "pnw"[facts[i].level];
        text[n] = 0;
        return text;
}

START_TEST(a_unified_image)
{
        struct fact facts[TCB_FACTS];
        struct tcb tcb;

        tcb_read(folder, makedev(253, 7), HASH_SHA256, &tcb);
        ck_assert_str_eq(tcb.root_hash, HASH);
        ck_assert_str_eq(tcb.pcr4, HASH);
        ck_assert_uint_eq(tcb_facts(a, &tcb, true, facts), 3);
        ck_assert_ptr_nonnull(strstr(facts[0].value, HASH));
        ck_assert_ptr_nonnull(strstr(facts[2].value, HASH));
        ck_assert_str_eq(levels(true), "ppp");
        ck_assert_str_eq(levels(false), "wpp");
}
END_TEST

static const struct {
        const char *path, *text, *levels;
} changes[] = {
        {"/sys/dev/block/253:7/dm/uuid", "LVM-0000-bulkhead-root\n", "wpw"},
        {"/sys/dev/block/253:7/dm/uuid", "CRYPT-LUKS2-0000-bulkhead-root\n", "wpw"},
        {"/sys/dev/block/253:7/dm/name", "other\n", "wpw"},
        {"/sys/dev/block/253:7/dm/name", "bulkhead-root2\n", "wpw"},
        {"/proc/cmdline", "ro --\n", "wpw"},
        {"/proc/cmdline", "bulkhead.roothash=" HASH "\n", "wpw"},
        {"/proc/cmdline", "bulkhead.roothash=" HASH " -- rdinit=/bin/sh\n", "wpw"},
        {"/proc/cmdline", "bulkhead.roothash=" HASH " -- x --\n", "wpw"},
        {"/proc/cmdline", "bulkhead.roothash=" HASH " bulkhead.roothash=" HASH " --\n", "wpw"},
        {"/proc/cmdline", "bulkhead.roothash=" HASH "0 --\n", "wpw"},
        {"/proc/cmdline", "bulkhead.roothash=94f5 --\n", "wpw"},
        {"/proc/cmdline", "xbulkhead.roothash=" HASH " --\n", "wpw"},
        {"/sys/class/tpm/tpm0/pcr-sha256/4", "", "wpp"},
        {"/sys/class/tpm/tpm0/pcr-sha256/4", "94f5\n", "wpp"},
        {EFIVAR, "", "pwp"},
        {EFIVAR, "12345", "pwp"},
        {EFIVAR,
         "1234\x01"
         "6",
         "pwp"},
};

/* A host that is measured in another bank is judged by that one. */
START_TEST(the_bank_of_the_host)
{
        struct fact facts[TCB_FACTS];
        struct digest pcr;
        struct tcb tcb;

        tcb_read(folder, makedev(253, 7), HASH_SHA384, &tcb);
        ck_assert_str_eq(tcb.pcr4, "");
        tcb_facts(a, &tcb, true, facts);
        ck_assert_ptr_nonnull(strstr(facts[0].value, "PCR 4 of the bank sha384"));
        put_text("/sys/class/tpm/tpm0/pcr-sha384/4", LONGER "\n");
        tcb_read(folder, makedev(253, 7), HASH_SHA384, &tcb);
        ck_assert_str_eq(tcb.pcr4, LONGER);
        tcb_read(folder, makedev(253, 7), HASH_NONE, &tcb);
        ck_assert_str_eq(tcb.pcr4, "");
        tcb_facts(a, &tcb, true, facts);
        ck_assert_ptr_nonnull(strstr(facts[0].value, "unknown: in which bank"));
        ck_assert_int_eq(kernel_pcr(folder, HASH_SHA384, 4, &pcr), ST_DONE);
        ck_assert_int_eq(kernel_pcr(folder, HASH_SHA384, 7, &pcr), ST_NOT_FOUND);
        put_text("/sys/class/tpm/tpm0/pcr-sha384/7", HASH "\n"); /* too short */
        ck_assert_int_eq(kernel_pcr(folder, HASH_SHA384, 7, &pcr), ST_INVALID);
}
END_TEST

START_TEST(what_tells_the_bank)
{
        const struct fact facts[] = {{"host", "identity", "x", 0},
                                     {"tcb", FACT_BANK, "sha256", 0},
                                     {"host", FACT_BANK, "sha384", 0}};

        ck_assert_int_eq(kernel_pcr_bank(facts, 3), HASH_SHA384);
        ck_assert_int_eq(kernel_pcr_bank(facts, 2), HASH_NONE);
        ck_assert_int_eq(kernel_pcr_bank(&(struct fact){"host", FACT_BANK, "sm3", 0}, 1),
                         HASH_NONE);
}
END_TEST

START_TEST(anything_less)
{
        put_text(changes[_i].path, changes[_i].text);
        ck_assert_str_eq(levels(true), changes[_i].levels);
}
END_TEST

START_TEST(nothing_there)
{
        struct tcb tcb;
        struct fact facts[TCB_FACTS];

        tcb_read("/nonexistent", makedev(8, 1), HASH_SHA256, &tcb);
        ck_assert_uint_eq(tcb_facts(a, &tcb, true, facts), 2);
        ck_assert_uint_eq(facts[0].level, FACT_WARNING);
        ck_assert_uint_eq(facts[1].level, FACT_WARNING);
        ck_assert_ptr_nonnull(strstr(facts[0].value, "not measured"));
        ck_assert_ptr_nonnull(strstr(facts[1].value, "not measured"));
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("tcb");
        TCase *tc = tcase_create("tcb");
        SRunner *runner;
        int failed;

        tcase_add_checked_fixture(tc, begin, end);
        tcase_add_test(tc, a_unified_image);
        tcase_add_test(tc, the_bank_of_the_host);
        tcase_add_test(tc, what_tells_the_bank);
        tcase_add_loop_test(tc, anything_less, 0, sizeof changes / sizeof *changes);
        tcase_add_test(tc, nothing_there);
        suite_add_tcase(suite, tc);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed != 0;
}
