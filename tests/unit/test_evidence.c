/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evidence document as docs/evidence.md shows it, written out by hand here; xmllint says
 * whether it is canonical as written.
 */
#include "proof/evidence_write.h"
#include "integrity-mgr/attest.h"
#include "integrity-mgr/host.h"
#include "integrity-mgr/host_log.h"
#include "tests/fault/fake_measure.h"
#include "tests/fault/fake_tpm.h"
#include "tests/fault/fault.h"
#include "tests/fault/folder.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint8_t bytes[256];
static struct value value = {"digest", "<&\">"};
static struct node node = {0, "disk:/\"a\"<>&", "disk", {&value, 1}};
static struct measurement measurement = {"disk:/\"a\"<>&", "disk", 1, {&node, 1}};
static struct measurement_form form;
static struct found found = {&measurement, NULL, &form, 1};
static struct pcr_value pcrs[] = {{.pcr = 4}, {.pcr = 16}};
static struct tpm_attest_rep quote;
static struct arena *arena;
static struct merkle_path leaf_path, opening, consistency;
static struct log_entry entry;

static struct digest filled(uint8_t with)
{
        struct digest d = {.alg = HASH_SHA256};

        memset(d.bytes, with, 32);
        return d;
}

#define HEX32(two)                                                                                 \
        two two two two two two two two two two two two two two two two two two two two two two    \
                two two two two two two two two two two

static const char result_expected[] = "<result version=\"1\"><log length=\"12\" root=\"" HEX32(
        "aa") "\"></log>"
              "<measurement plugin=\"disk\" target=\"disk:/&quot;a&quot;&lt;>&amp;\" version=\"1\">"
              "<node id=\"disk:/&quot;a&quot;&lt;>&amp;\" type=\"disk\"><value name=\"digest\">"
              "&lt;&amp;\"&gt;</value></node></measurement></result>";

static const char evidence_expected
        [] = "<evidence kind=\"host\" "
             "version=\"1\"><attestation-desc></attestation-desc><result></result>"
             "<quote "
             "alg=\"sha256\"><ak>0001</ak><attest>000102</attest><signature>00010203</signature>"
             "<pcr index=\"4\">" HEX32("04") "</pcr><pcr index=\"16\">" HEX32(
                     "16") "</pcr>"
                           "<leaf challenge=\"0001020304\" count=\"2\" index=\"1\" random=\"" HEX32(
                                   "ee") "\">"
                                         "<node>" HEX32(
                                                 "01") "</node></leaf></quote>"
                                                       "<opening index=\"11\" random=\"" HEX32("dd") "\"><node>" HEX32(
                                                               "02") "</node>"
                                                                     "<node>" HEX32(
                                                                             "03") "</node></"
                                                                                   "opening>"
                                                                                   "<consistency "
                                                                                   "from=\"5\"><"
                                                                                   "node>" HEX32(
                                                                                           "07") "<"
                                                                                                 "/"
                                                                                                 "n"
                                                                                                 "o"
                                                                                                 "d"
                                                                                                 "e"
                                                                                                 ">"
                                                                                                 "<"
                                                                                                 "/"
                                                                                                 "c"
                                                                                                 "o"
                                                                                                 "n"
                                                                                                 "s"
                                                                                                 "i"
                                                                                                 "s"
                                                                                                 "t"
                                                                                                 "e"
                                                                                                 "n"
                                                                                                 "c"
                                                                                                 "y"
                                                                                                 ">"
                                                                                                 "<"
                                                                                                 "/"
                                                                                                 "e"
                                                                                                 "v"
                                                                                                 "i"
                                                                                                 "d"
                                                                                                 "e"
                                                                                                 "n"
                                                                                                 "c"
                                                                                                 "e"
                                                                                                 ">";

static const uint8_t *random_bytes(void)
{
        static uint8_t r[32];

        memset(r, 0xee, sizeof r);
        return r;
}

static struct bytes first(size_t n)
{
        return (struct bytes){bytes, n};
}

static struct evidence whole(void)
{
        for (size_t i = 0; i < sizeof bytes; i++)
                bytes[i] = (uint8_t)i;
        ck_assert_int_eq(measurement_form(&measurement, HASH_SHA256, arena, &form), ST_DONE);
        pcrs[0].value = filled(0x04);
        pcrs[1].value = filled(0x16);
        quote = (struct tpm_attest_rep){
                .quote = first(3), .signature = first(4), .pcrs = {pcrs, 2}};
        leaf_path = (struct merkle_path){1, {filled(1)}};
        opening = (struct merkle_path){2, {filled(2), filled(3)}};
        consistency = (struct merkle_path){1, {filled(7)}};
        memset(entry.random, 0xdd, sizeof entry.random);
        return (struct evidence){
                .alg = HASH_SHA256,
                .descriptor = {(const uint8_t *)"<attestation-desc></attestation-desc>", 37},
                .result = {(const uint8_t *)"<result></result>", 17},
                .challenge = first(5),
                .leaf_random = random_bytes(),
                .leaf_index = 1,
                .leaf_count = 2,
                .leaf_path = &leaf_path,
                .quote = &quote,
                .ak_public = first(2),
                .entries = &entry,
                .openings = &opening,
                .entries_count = 1,
                .first = 11,
                .consistency_from = 5,
                .consistency = &consistency};
}

START_TEST(test_expected)
{
        struct buffer b = BUFFER_INIT(1 << 20);
        struct log_place place = {.length = 12, .root = filled(0xaa)};
        struct evidence e = whole();

        ck_assert_int_eq(evidence_result(&place, &found, &b), ST_DONE);
        ck_assert_str_eq((char *)b.data, result_expected);
        buffer_clear(&b);
        ck_assert_int_eq(evidence_write(&e, &b), ST_DONE);
        ck_assert_str_eq((char *)b.data, evidence_expected);
        buffer_clear(&b);
        e.consistency_from = 0;
        ck_assert_int_eq(evidence_write(&e, &b), ST_DONE);
        ck_assert_ptr_null(strstr((char *)b.data, "consistency"));
        buffer_clear(&b);
}
END_TEST

START_TEST(test_canonical)
{
        struct buffer b = BUFFER_INIT(1 << 20);
        struct log_place place = {.length = 12, .root = filled(0xaa)};
        struct evidence e = whole();
        int dir = folder_new();
        char command[300], buffer[8192];
        size_t n;
        FILE *f;

        ck_assert_int_eq(evidence_result(&place, &found, &b), ST_DONE);
        e.result = (struct bytes){(uint8_t *)strdup((char *)b.data), b.len};
        buffer_clear(&b);
        ck_assert_int_eq(evidence_write(&e, &b), ST_DONE);
        folder_write(dir, "e.xml", b.data, b.len);
        snprintf(command, sizeof command, "xmllint --exc-c14n /proc/%d/fd/%d/e.xml", getpid(), dir);
        f = popen(command, "r");
        n = fread(buffer, 1, sizeof buffer, f);
        ck_assert_int_eq(pclose(f), 0);
        ck_assert_uint_eq(n, b.len);
        ck_assert_mem_eq(buffer, b.data, n);
        free((void *)e.result.data);
        buffer_clear(&b);
        folder_remove(dir);
}
END_TEST

/* Nothing is cut: what does not fit is no evidence. */
START_TEST(test_too_large)
{
        struct evidence e = whole();

        for (size_t most = 0; most < sizeof evidence_expected - 1; most += 13) {
                struct buffer b = BUFFER_INIT(most);

                ck_assert_int_eq(evidence_write(&e, &b), ST_TOO_LARGE);
                buffer_clear(&b);
        }
}
END_TEST

static const struct {
        size_t in_descriptor, beside;
        bool differs;
        enum status s;
        size_t len;
} challenges[] = {
        {0, 0, false, ST_INVALID, 0},   {15, 0, false, ST_INVALID, 0},
        {16, 0, false, ST_DONE, 16},    {64, 0, false, ST_DONE, 64},
        {65, 0, false, ST_INVALID, 0},  {0, 15, false, ST_INVALID, 0},
        {0, 16, false, ST_DONE, 16},    {0, 65, false, ST_INVALID, 0},
        {20, 20, false, ST_DONE, 20},   {20, 21, false, ST_INVALID, 0},
        {21, 20, false, ST_INVALID, 0}, {20, 20, true, ST_INVALID, 0},
        {16, 1, false, ST_INVALID, 0},
};

START_TEST(test_challenge)
{
        uint8_t other[80];
        struct im_attest_req q = {};
        struct bytes c;

        whole();
        memcpy(other, bytes, sizeof other);
        other[challenges[_i].beside ? challenges[_i].beside - 1 : 0] ^= challenges[_i].differs;
        q.descriptor.challenge = first(challenges[_i].in_descriptor);
        q.challenge = (struct bytes){other, challenges[_i].beside};
        ck_assert_int_eq(attest_challenge(&q, &c), challenges[_i].s);
        if (!challenges[_i].s)
                ck_assert_uint_eq(c.len, challenges[_i].len);
}
END_TEST

static const struct {
        size_t len;
        bool differs;
        enum status s;
} aiks[] = {{0, false, ST_DONE},     {7, false, ST_INVALID},    {8, false, ST_DONE},
            {34, false, ST_DONE},    {35, false, ST_NOT_FOUND}, {8, true, ST_NOT_FOUND},
            {34, true, ST_NOT_FOUND}};

START_TEST(test_aik)
{
        uint8_t asked[64];

        whole();
        memcpy(asked, bytes, sizeof asked);
        if (aiks[_i].differs)
                asked[aiks[_i].len - 1] ^= 1;
        ck_assert_int_eq(attest_aik((struct bytes){asked, aiks[_i].len}, first(34)), aiks[_i].s);
}
END_TEST

/* Nothing is told that is not on disk: whatever call fails, there is no evidence. */
START_TEST(test_durable)
{
        struct tpm_keys keys = {.alg = HASH_SHA256};
        struct arena *a = arena_new();
        struct target target = {.name = "disk:/a", .plugin = "disk", .pcr = 16};
        struct open_disk open = {.path = "/a", .file = -1, .header = -1};
        struct im_attest_req q = {.descriptor = {.kind = 1, .targets = {&target, 1}},
                                  .targets = {&open, 1}};
        int dir = folder_new();
        unsigned n;
        bool hit = true;

        whole();
        q.challenge = first(20);
        fake_tpm_new();
        fake_measure_reset();
        ck_assert_int_eq(host_open(dir), ST_DONE);
        ck_assert_int_eq(host_set_up(&keys), ST_DONE);
        ck_assert_int_eq(host_log_open(dir, HASH_SHA256), ST_DONE);
        for (n = 1; hit; n++) {
                struct im_attest_rep p = {};
                enum status s;

                fault_arm(n, FAULT_EIO);
                s = attest_make(a, &q, &p);
                hit = fault_hit();
                fault_disarm();
                ck_assert_int_eq(s != ST_DONE, hit);
                ck_assert_int_eq(p.evidence.len == 0, hit);
                ck_assert_int_eq(attest_make(a, &q, &p), ST_DONE);
                ck_assert_uint_eq(fake_tpm->attested.qualifying.alg, HASH_SHA256);
        }
        ck_assert_uint_ge(n, 4);
        folder_remove(dir);
        arena_free(a);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("evidence");
        TCase *t = tcase_create("evidence");
        SRunner *runner;
        int failed;

        arena = arena_new();
        tcase_add_test(t, test_expected);
        tcase_add_test(t, test_canonical);
        tcase_add_test(t, test_too_large);
        tcase_add_test(t, test_durable);
        tcase_add_loop_test(t, test_challenge, 0, sizeof challenges / sizeof *challenges);
        tcase_add_loop_test(t, test_aik, 0, sizeof aiks / sizeof *aiks);
        suite_add_tcase(suite, t);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        arena_free(arena);
        return failed != 0;
}
