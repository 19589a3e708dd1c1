/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evidence document as docs/evidence.md shows it, written out by hand here; xmllint says
 * whether it is canonical as written.
 */
#include "proof/evidence.h"
#include "integrity-mgr/attest.h"
#include "integrity-mgr/host.h"
#include "integrity-mgr/host_log.h"
#include "tests/fault/fake_measure.h"
#include "tests/fault/fake_tpm.h"
#include "tests/fault/fault.h"
#include "tests/fault/folder.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint8_t bytes[256];
static struct value value = {"digest", "<&\">"};
static struct node node = {0, "disk:/\"a\"<>&", "disk", {&value, 1}};
static struct measurement measurement = {"disk:/\"a\"<>&", "disk", 1, {&node, 1}};
static struct measurement_form form;
static struct arena *arena;
static struct digest paths[4];
static struct evidence_measurement found;

static struct digest filled(uint8_t with)
{
        struct digest d = {.alg = HASH_SHA256};

        memset(d.bytes, with, 32);
        return d;
}

/* 32 bytes in hexadecimal, each the same. */
#define TEN(two) two two two two two two two two two two
#define HEX32(two) TEN(two) TEN(two) TEN(two) two two
#define HEX_01 HEX32("01")
#define HEX_02 HEX32("02")
#define HEX_03 HEX32("03")
#define HEX_04 HEX32("04")
#define HEX_07 HEX32("07")
#define HEX_16 HEX32("16")
#define HEX_AA HEX32("aa")
#define HEX_DD HEX32("dd")
#define HEX_EE HEX32("ee")

static const char result_expected[] =
        "<result version=\"1\">"
        "<log length=\"12\" root=\"" HEX_AA "\"></log>"
        "<measurement plugin=\"disk\" target=\"disk:/&quot;a&quot;&lt;>&amp;\" version=\"1\">"
        "<node id=\"disk:/&quot;a&quot;&lt;>&amp;\" type=\"disk\">"
        "<value name=\"digest\">&lt;&amp;\"&gt;</value>"
        "</node>"
        "</measurement>"
        "</result>";

static const char evidence_expected[] =
        "<evidence kind=\"host\" version=\"1\">"
        "<attestation-desc></attestation-desc>"
        "<result></result>"
        "<quote alg=\"sha256\">"
        "<ak>0001</ak>"
        "<attest>000102</attest>"
        "<signature>00010203</signature>"
        "<pcr index=\"4\">" HEX_04 "</pcr>"
        "<pcr index=\"16\">" HEX_16 "</pcr>"
        "<leaf challenge=\"000102030405060708090a0b0c0d0e0f10111213\" count=\"2\" index=\"1\""
        " random=\"" HEX_EE "\"><node>" HEX_01 "</node></leaf>"
        "</quote>"
        "<opening index=\"11\" random=\"" HEX_DD "\">"
        "<node>" HEX_02 "</node>"
        "<node>" HEX_03 "</node>"
        "</opening>"
        "<consistency from=\"5\"><node>" HEX_07 "</node></consistency>"
        "</evidence>";

static struct bytes first(size_t n)
{
        return (struct bytes){bytes, n};
}

static struct evidence whole(void)
{
        struct evidence e = {
                .kind = EVIDENCE_HOST,
                .alg = HASH_SHA256,
                .descriptor = {(const uint8_t *)"<attestation-desc></attestation-desc>", 37},
                .result = {(const uint8_t *)"<result></result>", 17},
                .log_length = 12,
                .log_root = filled(0xaa),
                .found = &found,
                .found_count = 1,
                .ak = first(2),
                .attest = first(3),
                .signature = first(4),
                .pcrs = 1u << 4 | 1u << 16,
                .leaf = {.challenge = first(20), .index = 1, .count = 2, .path = {&paths[0], 1}},
                .consistency_from = 5,
                .consistency = {&paths[3], 1}};

        for (size_t i = 0; i < sizeof bytes; i++)
                bytes[i] = (uint8_t)i;
        ck_assert_int_eq(measurement_form(&measurement, HASH_SHA256, arena, &form), ST_DONE);
        e.pcr[4] = filled(0x04);
        e.pcr[16] = filled(0x16);
        paths[0] = filled(1);
        paths[1] = filled(2);
        paths[2] = filled(3);
        paths[3] = filled(7);
        memset(e.leaf.random, 0xee, sizeof e.leaf.random);
        found = (struct evidence_measurement){.canonical = form.canonical,
                                              .plugin = measurement.plugin,
                                              .target = measurement.target,
                                              .opening = {.index = 11, .path = {&paths[1], 2}}};
        memset(found.opening.random, 0xdd, sizeof found.opening.random);
        return e;
}

/* With the result that its leaf covers, not the short one of the tests above. */
static struct evidence with_result(void)
{
        struct evidence e = whole();
        struct buffer b = BUFFER_INIT(1 << 20);

        ck_assert_int_eq(evidence_result(&e, &b), ST_DONE);
        e.result = (struct bytes){arena_copy(arena, b.data, b.len), b.len};
        buffer_clear(&b);
        return e;
}

START_TEST(test_expected)
{
        struct buffer b = BUFFER_INIT(1 << 20);
        struct evidence e = whole();

        ck_assert_int_eq(evidence_result(&e, &b), ST_DONE);
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
        struct evidence e = with_result();
        int dir = folder_new();
        char command[300], buffer[8192];
        size_t n;
        FILE *f;

        ck_assert_int_eq(evidence_write(&e, &b), ST_DONE);
        folder_write(dir, "e.xml", b.data, b.len);
        snprintf(command, sizeof command, "xmllint --exc-c14n /proc/%d/fd/%d/e.xml", getpid(), dir);
        f = popen(command, "r");
        n = fread(buffer, 1, sizeof buffer, f);
        ck_assert_int_eq(pclose(f), 0);
        ck_assert_uint_eq(n, b.len);
        ck_assert_mem_eq(buffer, b.data, n);
        buffer_clear(&b);
        folder_remove(dir);
}
END_TEST

/* --- read back ------------------------------------------------------------------------------- */

static void same_bytes(struct bytes a, struct bytes b)
{
        ck_assert_uint_eq(a.len, b.len);
        ck_assert_mem_eq(a.data, b.data, a.len);
}

static void same_digest(const struct digest *a, const struct digest *b)
{
        ck_assert(digest_equal(a, b));
}

static void same_path(const struct path *a, const struct path *b)
{
        ck_assert_uint_eq(a->count, b->count);
        for (size_t i = 0; i < a->count; i++)
                same_digest(&a->nodes[i], &b->nodes[i]);
}

static void same_measurement(const struct evidence_measurement *a,
                             const struct evidence_measurement *b)
{
        same_bytes(a->canonical, b->canonical);
        ck_assert_str_eq(a->plugin, b->plugin);
        ck_assert_str_eq(a->target, b->target);
        ck_assert_uint_eq(a->opening.index, b->opening.index);
        ck_assert_mem_eq(a->opening.random, b->opening.random, sizeof a->opening.random);
        same_path(&a->opening.path, &b->opening.path);
}

static void same_evidence(const struct evidence *a, const struct evidence *b)
{
        ck_assert_str_eq(a->kind, b->kind);
        ck_assert_int_eq(a->alg, b->alg);
        same_bytes(a->descriptor, b->descriptor);
        same_bytes(a->result, b->result);
        ck_assert_uint_eq(a->log_length, b->log_length);
        same_digest(&a->log_root, &b->log_root);
        ck_assert_uint_eq(a->found_count, b->found_count);
        for (size_t i = 0; i < a->found_count; i++)
                same_measurement(&a->found[i], &b->found[i]);
        same_bytes(a->ak, b->ak);
        same_bytes(a->attest, b->attest);
        same_bytes(a->signature, b->signature);
        ck_assert_uint_eq(a->pcrs, b->pcrs);
        for (int i = 0; i < PCR_COUNT; i++)
                if (a->pcrs >> i & 1)
                        same_digest(&a->pcr[i], &b->pcr[i]);
        same_bytes(a->leaf.challenge, b->leaf.challenge);
        ck_assert_uint_eq(a->leaf.count, b->leaf.count);
        ck_assert_uint_eq(a->leaf.index, b->leaf.index);
        ck_assert_mem_eq(a->leaf.random, b->leaf.random, sizeof a->leaf.random);
        same_path(&a->leaf.path, &b->leaf.path);
        ck_assert_uint_eq(a->consistency_from, b->consistency_from);
        same_path(&a->consistency, &b->consistency);
}

/* Each field that may be missing is once there and once not. */
START_TEST(test_read_back)
{
        struct buffer b = BUFFER_INIT(1 << 20);
        struct evidence e = with_result(), again;

        if (_i & 1) {
                e.consistency_from = 0;
                e.consistency = (struct path){0};
        }
        if (_i & 2)
                e.leaf.path = found.opening.path = (struct path){0};
        if (_i & 4)
                e.pcrs = 0;
        if (_i & 8)
                e.kind = "another";
        ck_assert_int_eq(evidence_write(&e, &b), ST_DONE);
        ck_assert_int_eq(evidence_read(buffer_bytes(&b), arena, &again), ST_DONE);
        same_evidence(&e, &again);
        ck_assert_str_eq(evidence_kind(buffer_bytes(&b), arena), e.kind);
        buffer_clear(&b);
}
END_TEST

/* Nor does the writer make what cannot be read. */
START_TEST(test_challenge_too_long)
{
        struct buffer b = BUFFER_INIT(1 << 20);
        struct evidence e = with_result();

        e.leaf.challenge = first(CHALLENGE_MOST + 1);
        ck_assert_int_eq(evidence_write(&e, &b), ST_INVALID);
        buffer_clear(&b);
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
        struct im_attest_req q = {.asker = {PRINCIPAL_USER, "1000"}};
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
static bool is_logged(int dir, const char *event)
{
        static char content[1 << 20];
        int fd = openat(dir, "log", O_RDONLY);
        ssize_t n = read(fd, content, sizeof content);

        close(fd);
        ck_assert_int_gt(n, 0);
        return memmem(content, (size_t)n, event, strlen(event));
}

START_TEST(test_durable)
{
        struct tpm_keys keys = {.alg = HASH_SHA256};
        struct arena *a = arena_new();
        struct target target = {.name = "disk:/a", .plugin = "disk", .pcr = 16};
        struct open_target open = {.component = "host/vms", .file = -1, .header = -1};
        struct im_attest_req q = {.asker = {PRINCIPAL_USER, "1000"},
                                  .descriptor = {.kind = 1, .targets = {&target, 1}},
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
        ck_assert(is_logged(dir, "<event by=\"uid:1000\" component=\"host\" kind=\"attest\">"
                                 "<measured component=\"host/vms\"></measured></event>"));
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
        tcase_add_loop_test(t, test_read_back, 0, 16);
        tcase_add_test(t, test_challenge_too_long);
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
