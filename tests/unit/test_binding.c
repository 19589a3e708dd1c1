/* SPDX-License-Identifier: Apache-2.0 */
/* The binding of a seal: tests/data/binding.py, which shares no code, says what is expected. */
#include "integrity-mgr/binding.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct value digest_value = {"digest", "sha256:00ff"}, uuid_value = {"uuid", "a<b"};
static struct node disk_node = {0, "disk:/img", "disk", {&digest_value, 1}};
static struct node luks_node = {0, "luks:/vm", "luks", {&uuid_value, 1}};

/* Everything that binding.py has, each test changes something. */
static struct target targets[2];
static struct predicate predicate;
static struct device_check check;
static struct measurement measurements[2];
#define SIXTEEN "abababababababababababababababab"
#define HOST SIXTEEN SIXTEEN
#define OTHER_HOST SIXTEEN "cdababababababababababababababab"

static struct plugin_seen plugins[2];
static struct disk_seen disks[2];
static struct descriptor descriptor;
static struct binding binding;
static struct measurement_form forms[2];

static struct bytes text(const char *t)
{
        return (struct bytes){(const uint8_t *)t, strlen(t)};
}

static struct digest sum(const char *t)
{
        return digest_of(HASH_SHA256, t, strlen(t));
}

static void set_up(void)
{
        targets[0] = (struct target){.name = "disk:/img", .pcr = 16};
        targets[1] = (struct target){.name = "luks:/vm"};
        predicate = (struct predicate){"", text("<x/>")};
        check = (struct device_check){"vif0", {"", text("<y/>")}};
        measurements[0] = (struct measurement){"disk:/img", "disk", 1, {&disk_node, 1}};
        measurements[1] = (struct measurement){"luks:/vm", "luks", 2, {&luks_node, 1}};
        plugins[0] = (struct plugin_seen){"disk", 1, sum("disk plug-in")};
        plugins[1] = (struct plugin_seen){"luks", 2, sum("luks plug-in")};
        memset(disks[0].uuid.bytes, 1, 16);
        memset(disks[1].uuid.bytes, 2, 16);
        descriptor =
                (struct descriptor){.kind = 2, .canonical = text("<sealing-desc></sealing-desc>")};
        descriptor.targets.items = targets;
        descriptor.targets.count = 2;
        descriptor.predicates.items = &predicate;
        descriptor.predicates.count = 0;
        descriptor.checks.items = &check;
        descriptor.checks.count = 0;
        binding = (struct binding){.construction = BINDING_VERSIONS,
                                   .alg = HASH_SHA256,
                                   .owner = {PRINCIPAL_USER, "1000"},
                                   .recipient = {PRINCIPAL_HOST, HOST},
                                   .descriptor = &descriptor,
                                   .plugins = plugins,
                                   .forms = forms,
                                   .disks = disks,
                                   .disks_count = 2,
                                   .config = sum("config")};
        for (size_t i = 0; i < 16; i++)
                binding.vm.bytes[i] = (uint8_t)i;
        disk_node.id = "disk:/img";
        digest_value.text = "sha256:00ff";
        uuid_value.text = "a<b";
}

static const char *hex(void)
{
        static char hex[DIGEST_HEX];
        struct arena *a = arena_new();
        struct digest d;

        for (size_t i = 0; i < 2; i++)
                ck_assert_int_eq(measurement_form(&measurements[i], binding.alg, a, &forms[i]),
                                 ST_DONE);
        d = binding_digest(&binding);
        digest_hex(&d, hex);
        arena_free(a);
        return hex;
}

/* tests/data/binding.py */
static const struct {
        enum seal_binding construction;
        const char *whole, *sha384, *judged, *check, *empty;
} expected[] = {
        {BINDING_VERSIONS, "6699c9b6865214ed49d9037d1ef911238486168612a8800a06c226f3707c442d",
         "567982c357c582a4346e358045227ecec4befda291c7230ced5fad96c58ae784"
         "70ab4e7bbab812237fe053da417be382",
         "14b05b8d20370918d3403ddf4586564d31f8fee39fa1943fa8a400bc36fc8d3b",
         "2cd20c2346e0a4b3fdf5ff8217833e63b10671112957ae07c4454ba7782ce8b6",
         "bd0d3e993c44c229e1682efc77df820226d1d132df28b23605289d5dd8273fbd"},
        {BINDING_FILES, "8c1c49206f266f60bc4135660bc5902a5c226013024ab0e36615f8fa6f3ad661",
         "1b9281d60320d863b8e23791e3cd8d87ca55dfa7f3c804bb9d781d2068602fa2"
         "1050c49923e428d761eb83d332ea5ecc",
         "8d1bf1a33b059a0b260447e862a4cd31886841930859c8344c344239137d836f",
         "755da5ecc0a8600c4e9d59e401ed3c56c61aee19761e952d204f134deea70584",
         "0ddd1c3f6fa0e7e302ee7172fe078823f1c2bf5707e4ebffe99da351e029872e"},
};
#define WHOLE expected[0].whole

START_TEST(test_expected)
{
        binding.construction = expected[_i].construction;
        ck_assert_str_eq(hex(), expected[_i].whole);
        binding.alg = HASH_SHA384;
        ck_assert_str_eq(hex(), expected[_i].sha384);
        binding.alg = HASH_SHA256;
        descriptor.predicates.count = 1;
        targets[0].judged = true;
        ck_assert_str_eq(hex(), expected[_i].judged);
        descriptor.checks.count = 1;
        ck_assert_str_eq(hex(), expected[_i].check);
        descriptor.checks.count = 0;
        descriptor.predicates.count = descriptor.targets.count = binding.disks_count = 0;
        descriptor.canonical = text("");
        ck_assert_str_eq(hex(), expected[_i].empty);
}
END_TEST

/* Whatever a seal names, changing it changes the binding. */
static void change_vm(void)
{
        binding.vm.bytes[15] ^= 1;
}
static void change_descriptor(void)
{
        descriptor.canonical = text("<sealing-desc> </sealing-desc>");
}
static void change_plugin_name(void)
{
        plugins[0].name = "disk2";
}
static void change_plugin_version(void)
{
        plugins[1].version++;
}
static void change_owner(void)
{
        binding.owner.name = "1001";
}
static void change_kind_of_owner(void)
{
        binding.owner.kind = PRINCIPAL_CERTIFICATE;
}
static void change_recipient(void)
{
        binding.recipient.name = OTHER_HOST;
}
static void change_plugin_order(void)
{
        struct plugin_seen p = plugins[0];

        plugins[0] = plugins[1];
        plugins[1] = p;
}
static void change_predicates(void)
{
        descriptor.predicates.count = 1;
}
static void change_checks(void)
{
        descriptor.checks.count = 1;
}
static void change_disk(void)
{
        disks[1].uuid.bytes[0] ^= 0x80;
}
static void change_disk_order(void)
{
        struct disk_seen d = disks[0];

        disks[0] = disks[1];
        disks[1] = d;
}
static void change_disk_count(void)
{
        binding.disks_count = 1;
}
static void change_config(void)
{
        binding.config.bytes[0] ^= 1;
}
static void change_value(void)
{
        digest_value.text = "sha256:01ff";
}
static void change_second(void)
{
        uuid_value.text = "a<c";
}
static void change_node(void)
{
        disk_node.id = "disk:/img2";
}
static void change_target(void)
{
        measurements[0].target = "disk:/clean-copy";
}
static void change_version(void)
{
        measurements[0].version = 2;
}
static void change_measurement_order(void)
{
        struct measurement m = measurements[0];

        measurements[0] = measurements[1];
        measurements[1] = m;
}

static void (*const changes[])(void) = {
        change_vm,           change_descriptor, change_plugin_name,   change_plugin_version,
        change_plugin_order, change_predicates, change_disk,          change_disk_order,
        change_disk_count,   change_config,     change_value,         change_second,
        change_node,         change_target,     change_version,       change_measurement_order,
        change_checks,       change_owner,      change_kind_of_owner, change_recipient};

START_TEST(test_change)
{
        changes[_i]();
        ck_assert_str_ne(hex(), WHOLE);
}
END_TEST

/* Another build of a plug-in that measures the same version opens the same seals; those of the
 * older construction name a file. */
START_TEST(test_plugin_file)
{
        plugins[1].file.bytes[31] ^= 1;
        ck_assert_str_eq(hex(), WHOLE);
        binding.construction = BINDING_FILES;
        ck_assert_str_ne(hex(), expected[1].whole);
        plugins[1].file.bytes[31] ^= 1;
        plugins[1].version++; /* which that one does not name */
        binding.owner.name = "1001";
        ck_assert_str_eq(hex(), expected[1].whole);
}
END_TEST

/* The digest that a descriptor claims is not believed. */
START_TEST(test_claimed_digest)
{
        descriptor.digest = sum("another descriptor");
        ck_assert_str_eq(hex(), WHOLE);
}
END_TEST

static const struct {
        uint32_t pcrs[2];
        enum status s;
        uint32_t pcr;
} destinations[] = {{{0, 0}, ST_DONE, 16},
                    {{16, 0}, ST_DONE, 16},
                    {{0, 23}, ST_DONE, 23},
                    {{23, 23}, ST_DONE, 23},
                    {{16, 23}, ST_INVALID, 0}};

START_TEST(test_pcr)
{
        uint32_t pcr;

        targets[0].pcr = destinations[_i].pcrs[0];
        targets[1].pcr = destinations[_i].pcrs[1];
        ck_assert_int_eq(binding_pcr(&descriptor, &pcr), destinations[_i].s);
        if (!destinations[_i].s)
                ck_assert_uint_eq(pcr, destinations[_i].pcr);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("binding");
        TCase *t = tcase_create("binding");
        SRunner *runner;
        int failed;

        tcase_add_checked_fixture(t, set_up, NULL);
        tcase_add_loop_test(t, test_expected, 0, sizeof expected / sizeof *expected);
        tcase_add_loop_test(t, test_change, 0, sizeof changes / sizeof *changes);
        tcase_add_test(t, test_plugin_file);
        tcase_add_test(t, test_claimed_digest);
        tcase_add_loop_test(t, test_pcr, 0, sizeof destinations / sizeof *destinations);
        suite_add_tcase(suite, t);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed != 0;
}
