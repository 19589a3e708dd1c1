/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices of a definition by their kinds. The table of kinds is the test's own: with one line more,
 * all else follows.
 */
#include "compartment-mgr/device_check.h"
#include "compartment-mgr/networks.h"
#include "compartment-mgr/vm_device.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct arena *a;
static struct boot_file kernel = {"kernel", "/k"};
static struct disk disks[] = {{"xvda", "/a", true, "crypt"}, {"xvdb", "/b", false, "verity"}};
static struct nic nics[] = {{"vif0", "xenbr0", "00:16:3e:00:00:01"},
                            {"vif1", "dmz0", "00:16:3e:00:00:02"}};
static struct vm_config config;
static const struct principal alice = {PRINCIPAL_USER, "1001"};

/* --- neighbours ------------------------------------------------------------------------------ */

static size_t networks_asked;
static const char *first_bridge;

enum status networks_permit(const struct vm_config *c, const struct principal *owner,
                            struct arena *arena)
{
        (void)arena;
        ck_assert_ptr_eq(owner, &alice);
        networks_asked = c->nics.count;
        first_bridge = c->nics.items[0].bridge;
        return ST_DONE;
}

/* --- a kind of device that is new ------------------------------------------------------------ */

static bool get_tpm(const struct vm_config *c, size_t n, struct vm_device *d_out)
{
        d_out->name = "vtpm0";
        d_out->where = c->name;
        return !n && !strcmp(c->type, "pvh");
}

static void tell_tpm(const struct vm_device *d, struct node *node)
{
        vm_device_value(node, "state", d->where);
}

static enum status permit_tpm(const struct vm_config *c, const struct vm_device *only,
                              const struct principal *owner, struct arena *arena)
{
        (void)c, (void)only, (void)arena;
        return principal_is(owner, &alice) ? ST_DENIED : ST_DONE;
}

static const struct vm_device_kind tpm = {.name = "tpm",
                                          .noun = "TPM",
                                          .naming = "the TPM vtpm0",
                                          .get = get_tpm,
                                          .tell = tell_tpm,
                                          .permit = permit_tpm};

const struct vm_device_kind *const vm_device_kinds[] = {&vm_device_disk, &vm_device_nic, &tpm,
                                                        NULL};

static void begin(void)
{
        a = arena_new();
        config = (struct vm_config){.name = "web01",
                                    .type = "pvh",
                                    .boot = {&kernel, 1},
                                    .disks = {disks, 2},
                                    .nics = {nics, 2}};
}

static void end(void)
{
        arena_free(a);
}

/* --- tests ----------------------------------------------------------------------------------- */

static const struct {
        const char *name, *where, *kind;
} all[] = {{"xvda", "/a", "disk"},
           {"xvdb", "/b", "disk"},
           {"vif0", "xenbr0", "nic"},
           {"vif1", "dmz0", "nic"},
           {"vtpm0", "web01", "tpm"}};

START_TEST(all_but_boot_files_are_listed)
{
        size_t count;
        struct vm_device *items = vm_device_list(&config, a, &count);

        ck_assert_uint_eq(count, 5);
        for (size_t i = 0; i < count; i++) {
                ck_assert_str_eq(items[i].name, all[i].name);
                ck_assert_str_eq(items[i].where, all[i].where);
                ck_assert_str_eq(items[i].kind->name, all[i].kind);
        }
        config = (struct vm_config){.name = "web01", .type = "pv", .boot = {&kernel, 1}};
        vm_device_list(&config, a, &count);
        ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(each_is_found_by_its_name)
{
        struct vm_device d;

        ck_assert(vm_device_find(&config, "xvdb", &d) && d.kind == &vm_device_disk);
        ck_assert_ptr_eq(d.part, &disks[1]);
        ck_assert(vm_device_find(&config, "vif1", &d) && d.kind == &vm_device_nic);
        ck_assert_ptr_eq(d.part, &nics[1]);
        ck_assert(vm_device_find(&config, "vtpm0", &d) && d.kind == &tpm);
        ck_assert(!vm_device_find(&config, "kernel", &d));
        ck_assert(!vm_device_find(&config, "vif2", &d));
}
END_TEST

START_TEST(each_tells_of_itself)
{
        static const char *const told[] = {"path=/b protection=verity writable=false ",
                                           "bridge=dmz0 mac=00:16:3e:00:00:02 ", "state=web01 "};
        static const char *const names[] = {"xvdb", "vif1", "vtpm0"};
        struct value values[VM_DEVICE_VALUES];
        struct node n = {.values = {values, 0}};
        const char *text = "";
        struct vm_device d;

        ck_assert(vm_device_find(&config, names[_i], &d));
        d.kind->tell(&d, &n);
        for (size_t i = 0; i < n.values.count; i++)
                text = arena_print(a, "%s%s=%s ", text, values[i].name, values[i].text);
        ck_assert_str_eq(text, told[_i]);
}
END_TEST

START_TEST(each_kind_is_asked_whether_the_host_permits_it)
{
        struct vm_device d;

        ck_assert_int_eq(vm_device_permit_all(&config, &alice, a), ST_DENIED); /* the TPM */
        ck_assert_uint_eq(networks_asked, 2);
        ck_assert(vm_device_find(&config, "vif1", &d));
        ck_assert_int_eq(d.kind->permit(&config, &d, &alice, a), ST_DONE);
        ck_assert_uint_eq(networks_asked, 1);
        ck_assert_str_eq(first_bridge, "dmz0");
}
END_TEST

START_TEST(checks_name_a_device_of_any_kind)
{
        struct device_check check = {.device = "vtpm0"};
        struct descriptor d = {.checks = {&check, 1}};

        ck_assert_int_eq(device_check_named(&d, &config, a), ST_DONE);
        config.type = "pv";
        ck_assert_int_eq(device_check_named(&d, &config, a), ST_INVALID);
        ck_assert_str_eq(error_last()->expected, "a disk, interface or TPM of VM web01");
        ck_assert_str_eq(error_last()->found, "'vtpm0'");
        ck_assert_str_eq(error_last()->remedy,
                         "name a disk by its device (xvda), the first interface vif0, the TPM "
                         "vtpm0, or * for every one");
        check.device = "";
        ck_assert_int_eq(device_check_named(&d, &config, a), ST_DONE);
        config.nics.count = 0;
        config.disks.count = 0;
        ck_assert_int_eq(device_check_named(&d, &config, a), ST_INVALID);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("vm_device");
        TCase *t = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_checked_fixture(t, begin, end);
        tcase_add_test(t, all_but_boot_files_are_listed);
        tcase_add_test(t, each_is_found_by_its_name);
        tcase_add_loop_test(t, each_tells_of_itself, 0, 3);
        tcase_add_test(t, each_kind_is_asked_whether_the_host_permits_it);
        tcase_add_test(t, checks_name_a_device_of_any_kind);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed != 0;
}
