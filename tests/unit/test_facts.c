/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plug-ins that measure facts: vm, hypervisor, vms, as they are loaded by a measure worker. The
 * facts are JSON as Python writes it: json.dumps(facts, sort_keys=True, separators=(",", ":")).
 */
#include "tests/unit/plugin_test.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CONFIG                                                                                     \
        "{\"cmdline\":\"quiet\",\"disks\":[{\"device\":\"xvda\",\"path\":\"/"                      \
        "d\",\"writable\":true}],"                                                                 \
        "\"kernel\":\"/k\",\"memory\":64,\"name\":\"web01\",\"uuid\":\"" UUID "\",\"vifs\":"       \
        "[{\"bridge\":\"br0\",\"mac\":\"00:16:3e:00:00:01\"}]}"
#define UUID "11111111-2222-4333-8444-555555555555"
#define BOOT "{\"device\":\"kernel\",\"digest\":\"sha256:11\",\"size\":6}"

static struct arena *a;
static struct measurement found;

static void begin(void)
{
        a = arena_new();
}

static void end(void)
{
        arena_free(a);
}

/* plugin:argument, with facts; NULL: none. */
static enum status measure(const char *plugin, const char *argument, const char *facts)
{
        struct target t = {.name = arena_print(a, "%s:%s", plugin, argument),
                           .plugin = plugin,
                           .argument = argument,
                           .method = ""};
        int fd = facts ? memfd_create("facts", MFD_CLOEXEC) : -1, so;
        enum status s;

        if (facts)
                ck_assert_int_eq(write(fd, facts, strlen(facts)), (int)strlen(facts));
        ck_assert_int_eq(measure_open_plugin(BUILD_DIR "/plugins", plugin, &so), ST_DONE);
        s = measure_run(a, so, &t, fd, -1, 1, NULL, &found);
        close(so);
        if (fd >= 0)
                close(fd);
        return s;
}

/* As a text in JSON. */
static const char *quoted(const char *json)
{
        char *to = arena_get(a, 2 * strlen(json) + 3), *p = to;

        *p++ = '"';
        for (; *json; json++) {
                if (*json == '"' || *json == '\\')
                        *p++ = '\\';
                *p++ = *json;
        }
        *p = '"';
        return to;
}

static const char *vm_facts(const char *boot, const char *config)
{
        return arena_print(a,
                           "{\"boot\":[%s],\"config\":%s,\"facts\":\"vm\",\"hypervisor\":\"sim\","
                           "\"version\":1}",
                           boot, quoted(config));
}

static size_t node(const char *id)
{
        for (size_t i = 0; i < found.nodes.count; i++)
                if (!strcmp(found.nodes.items[i].id, id))
                        return i;
        ck_abort_msg("no node %s", id);
}

START_TEST(a_vm)
{
        ck_assert_int_eq(measure("vm", _i ? UUID : "web01", vm_facts(BOOT, CONFIG)), ST_DONE);
        ck_assert_uint_eq(found.nodes.count, 4);
        ck_assert_str_eq(found.nodes.items[0].type, "vm");
        ck_assert_str_eq(test_value(&found, 0, "hypervisor"), "sim");
        ck_assert_str_eq(test_value(&found, 0, "memory"), "64");
        ck_assert_str_eq(test_value(&found, 0, "kernel"), "/k");
        if (_i)
                return;
        ck_assert_str_eq(test_value(&found, node("vm:web01#kernel"), "digest"), "sha256:11");
        ck_assert_str_eq(test_value(&found, node("vm:web01#kernel"), "size"), "6");
        ck_assert_str_eq(test_value(&found, node("vm:web01#xvda"), "path"), "/d");
        ck_assert_str_eq(test_value(&found, node("vm:web01#xvda"), "writable"), "true");
        ck_assert_str_eq(test_value(&found, node("vm:web01#vif0"), "bridge"), "br0");
        test_measurement_form(&found);
}
END_TEST

START_TEST(a_hypervisor)
{
        ck_assert_int_eq(
                measure("hypervisor", "xen",
                        "{\"facts\":\"hypervisor\",\"kind\":\"xen\",\"values\":[{\"name\":"
                        "\"version\",\"text\":\"4.17\"},{\"name\":\"command-line\",\"text\""
                        ":\"\"}],\"version\":1}"),
                ST_DONE);
        ck_assert_uint_eq(found.nodes.count, 1);
        ck_assert_str_eq(test_value(&found, 0, "kind"), "xen");
        ck_assert_str_eq(test_value(&found, 0, "version"), "4.17");
        ck_assert_str_eq(test_value(&found, 0, "command-line"), "");
        test_measurement_form(&found);
}
END_TEST

#define VM                                                                                         \
        "{\"foreign\":false,\"generation\":1,\"memory\":64,\"name\":\"web01\",\"owner\":\"eve\","  \
        "\"state\":\"running\",\"uuid\":\"" UUID "\"}"
#define VMS(scope, memory, list)                                                                   \
        "{\"facts\":\"vms\"," memory "\"kind\":\"sim\",\"scope\":\"" scope                         \
        "\",\"version\":1,\"vms\":[" list "]}"
#define FREE "\"free-memory\":\"4096\","

START_TEST(all_vms)
{
        ck_assert_int_eq(measure("vms", "all", VMS("all", FREE, VM)), ST_DONE);
        ck_assert_uint_eq(found.nodes.count, 2);
        ck_assert_str_eq(test_value(&found, 0, "free-memory"), "4096");
        ck_assert_str_eq(found.nodes.items[1].id, "vms:all#" UUID);
        ck_assert_str_eq(found.nodes.items[1].type, "vms-vm");
        ck_assert_str_eq(test_value(&found, 1, "state"), "running");
        test_measurement_form(&found);
}
END_TEST

START_TEST(own_vms)
{
        ck_assert_int_eq(measure("vms", "own", VMS("own", "", VM)), ST_DONE);
        ck_assert_uint_eq(found.nodes.count, 2);
        ck_assert_uint_eq(found.nodes.items[0].values.count, 1);
}
END_TEST

/* --- what is not as it should be ------------------------------------------------------------ */

static const struct {
        const char *plugin, *argument, *facts;
} refused[] = {
        {"vm", "web01", NULL},
        {"vm", "web01", ""},
        {"vm", "web01", "{}"},
        {"vm", "web01", "[]"},
        {"vm", "web01", VMS("all", FREE, VM)},
        {"hypervisor", "xen", NULL},
        {"hypervisor", "xen",
         "{\"facts\":\"hypervisor\",\"kind\":\"sim\",\"values\":[],\"version\":1}"},
        {"hypervisor", "xen",
         "{\"facts\":\"hypervisor\",\"kind\":\"xen\",\"values\":{},\"version\":1}"},
        {"hypervisor", "xen",
         "{\"facts\":\"hypervisor\",\"kind\":\"xen\",\"values\":[7],\"version\":1}"},
        {"hypervisor", "xen",
         "{\"facts\":\"hypervisor\",\"kind\":\"xen\",\"values\":[{\"name\":\"a\",\"text\":\"b\"},{"
         "\"name\":\"a\",\"text\":\"c\"}],\"version\":1}"},
        {"hypervisor", "xen",
         "{\"facts\":\"hypervisor\",\"kind\":\"xen\",\"values\":[{\"name\":\"kind\",\"text\":\"b\"}"
         "],"
         "\"version\":1}"},
        {"hypervisor", "xen",
         "{\"facts\":\"hypervisor\",\"kind\":\"xen\",\"values\":[{\"name\":\"\",\"text\":\"b\"}"
         "],\"version\":1}"},
        {"hypervisor", "xen",
         "{\"facts\":\"hypervisor\",\"kind\":\"xen\",\"values\":[{\"name\":\"a\",\"text\":1.5}"
         "],\"version\":1}"},
        {"hypervisor", "xen",
         "{\"facts\":\"hypervisor\",\"kind\":\"xen\",\"more\":1,\"values\":[],\"version\":1}"},
        {"vms", "own", VMS("all", "", VM)},
        {"vms", "all", VMS("own", FREE, VM)},
        {"vms", "all", VMS("all", "", VM)},
        {"vms", "own", VMS("own", FREE, VM)},
        {"vms", "all", VMS("all", FREE, "{}")},
        {"vms", "all", VMS("all", FREE, "7")},
};

START_TEST(is_refused)
{
        ck_assert_int_eq(measure(refused[_i].plugin, refused[_i].argument, refused[_i].facts),
                         ST_REFUSED);
        ck_assert_str_ne(error_last()->expected, "");
        ck_assert_str_ne(error_last()->found, "");
        ck_assert_str_ne(error_last()->remedy, "");
}
END_TEST

/* One text of good facts of a VM replaced, in the configuration or around it. */
static const struct {
        const char *from, *to;
        bool in_config;
} damages[] = {
        {"\"version\":1", "\"version\":2", false},
        {"\"version\":1", "\"version\":\"1\"", false},
        {"\"version\":1", "\"version\":1 ", false},
        {"{\"boot\"", "{\"boot\":[],\"boot\"", false},
        {"\"facts\":\"vm\",\"hypervisor\":\"sim\"", "\"hypervisor\":\"sim\",\"facts\":\"vm\"",
         false},
        {"\"hypervisor\":\"sim\",", "", false},
        {"\"hypervisor\":\"sim\"", "\"hypervisor\":\"s\\u0000m\"", false},
        {"\"config\":\"", "\"config\":[], \"x\":\"", false},
        {"\"digest\":\"sha256:11\"", "\"digest\":null", false},
        {"\"digest\":\"sha256:11\",", "", false},
        {"\"size\":6", "\"size\":6.5", false},
        {"\"device\":\"kernel\"", "\"device\":\"ramdisk\"", false},
        {BOOT, "", false},
        {BOOT, BOOT "," BOOT, false},
        {"\"kernel\":\"/k\",", "", true},
        {"\"name\":\"web01\"", "\"name\":\"web02\"", true},
        {"\"memory\":64", "\"memory\":64.5", true},
        {"\"memory\":64", "\"memory\":null", true},
        {"\"memory\":64", "\"memory\":{}", true},
        {"\"memory\":64", "\"memory\":64,\"memory\":64", true},
        {"\"memory\":64", "\"memory\": 64", true},
        {"\"cmdline\"", "\"\"", true},
        {"\"disks\":[{", "\"disks\":[7,{", true},
        {"\"writable\":true", "\"writable\":[]", true},
        {"\"quiet\"", "\"q\\u0001\"", true},
};

static const char *replaced(const char *text, const char *from, const char *to)
{
        const char *at = strstr(text, from);

        ck_assert_msg(at != NULL, "%s", from);
        return arena_print(a, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

START_TEST(damaged_facts_of_a_vm)
{
        const char *config = CONFIG, *facts;

        if (damages[_i].in_config)
                config = replaced(config, damages[_i].from, damages[_i].to);
        facts = vm_facts(BOOT, config);
        if (!damages[_i].in_config)
                facts = replaced(facts, damages[_i].from, damages[_i].to);
        ck_assert_int_ne(measure("vm", "web01", facts), ST_DONE);
}
END_TEST

START_TEST(cut_off)
{
        const char *facts = vm_facts(BOOT, CONFIG);

        for (size_t n = 0; n < strlen(facts); n += 7)
                ck_assert_int_ne(measure("vm", "web01", arena_print(a, "%.*s", (int)n, facts)),
                                 ST_DONE);
}
END_TEST

/* Everything that is in a configuration is measured, also what this plug-in has never heard of. */
START_TEST(what_is_new_is_measured)
{
        const char *config = replaced(CONFIG, "\"vifs\"", "\"vgpus\":[{\"slot\":1}],\"vifs\"");

        ck_assert_int_eq(measure("vm", "web01", vm_facts(BOOT, config)), ST_DONE);
        ck_assert_str_eq(test_value(&found, node("vm:web01#vgpus0"), "slot"), "1");
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("facts");
        TCase *t = tcase_create("all");

        tcase_add_checked_fixture(t, begin, end);
        tcase_add_loop_test(t, a_vm, 0, 2);
        tcase_add_test(t, a_hypervisor);
        tcase_add_test(t, all_vms);
        tcase_add_test(t, own_vms);
        tcase_add_loop_test(t, is_refused, 0, sizeof refused / sizeof *refused);
        tcase_add_loop_test(t, damaged_facts_of_a_vm, 0, sizeof damages / sizeof *damages);
        tcase_add_test(t, cut_off);
        tcase_add_test(t, what_is_new_is_measured);
        suite_add_tcase(suite, t);
        return test_run_suite(suite);
}
