/* SPDX-License-Identifier: Apache-2.0 */
/* The table of target kinds: who may have what measured, and what is measured from facts. */
#include "compartment-mgr/access.h"
#include "compartment-mgr/compartment.h"
#include "compartment-mgr/targets.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* --- neighbours ------------------------------------------------------------------------------ */

static const char *gathered;

bool compartment_owns_path(const char *path, const struct principal *owner)
{
        return !strcmp(path, "/own") && !strcmp(owner->name, "1001");
}

bool compartment_owned_by(const char *vm, const struct principal *owner)
{
        return !strcmp(vm, "own") && !strcmp(owner->name, "1001");
}

const char *compartment_disk_at(const char *path, struct arena *a)
{
        (void)a;
        return strcmp(path, "/own") ? NULL : "host/vms/own/xvda";
}

#define FACTS(name)                                                                                \
        enum status name(const struct facts_scope *scope, const struct target *t, struct arena *a, \
                         struct open_target *out)                                                  \
        {                                                                                          \
                (void)scope, (void)t, (void)a, (void)out;                                          \
                gathered = #name;                                                                  \
                return ST_DONE;                                                                    \
        }
FACTS(facts_of_vm)
FACTS(facts_of_hypervisor)
FACTS(facts_of_vms)

static enum status opens(void *with, const char *path, struct arena *a, struct open_disk *out)
{
        (void)with, (void)path, (void)a, (void)out;
        gathered = "file";
        return ST_DONE;
}

/* --- who may --------------------------------------------------------------------------------- */

static struct target target(const char *plugin, const char *argument)
{
        return (struct target){
                .name = "a target", .plugin = plugin, .argument = argument, .method = ""};
}

static const struct {
        unsigned roles;
        uid_t uid;
        const char *plugin, *argument;
        enum status status;
} asked[] = {
        {ADMIN, 0, "disk", "/any", ST_DONE},
        {ADMIN, 0, "ima", "", ST_DONE},
        {VERIFIER, 1001, "disk", "/own", ST_DONE},
        {VERIFIER, 1001, "luks", "/own", ST_DONE},
        {VERIFIER, 1001, "disk", "/other", ST_DENIED},
        {VERIFIER, 1001, "disk", "/own/../other", ST_DENIED},
        {VERIFIER, 1001, "file", "/own", ST_DENIED},
        {VERIFIER, 1001, "ima", "", ST_DENIED},
        {VERIFIER, 1002, "disk", "/own", ST_DENIED},
        {STRANGER, 1001, "disk", "/own", ST_DENIED},
        {ADMIN, 0, "vm", "any", ST_DONE},
        {ADMIN, 0, "vms", "all", ST_DONE},
        {VERIFIER, 1001, "vm", "own", ST_DONE},
        {VERIFIER, 1001, "vm", "other", ST_DENIED},
        {VERIFIER, 1002, "vm", "own", ST_DENIED},
        {VERIFIER, 1001, "vms", "own", ST_DONE},
        {VERIFIER, 1001, "vms", "all", ST_DENIED},
        {VERIFIER, 1001, "hypervisor", "xen", ST_DONE},
        {STRANGER, 1001, "hypervisor", "xen", ST_DENIED},
        {STRANGER, 1001, "vms", "own", ST_DENIED},
};

START_TEST(denied_whole)
{
        struct caller p = {.roles = asked[_i].roles};
        struct target targets[] = {target("disk", "/own"),
                                   target(asked[_i].plugin, asked[_i].argument)};

        p.principal = principal_of_uid(asked[_i].uid, p.name);
        ck_assert_int_eq(targets_permit(&p, targets, 2), asked[_i].status);
        targets[0] = targets[1];
        targets[1] = target("disk", "/own");
        ck_assert_int_eq(targets_permit(&p, targets, 2), asked[_i].status);
}
END_TEST

START_TEST(nothing_asked)
{
        struct caller stranger = {.roles = STRANGER}, verifier = {.roles = VERIFIER};

        ck_assert_int_eq(targets_permit(&stranger, NULL, 0), ST_DENIED);
        ck_assert_int_eq(targets_permit(&verifier, NULL, 0), ST_DONE);
}
END_TEST

/* --- from what ------------------------------------------------------------------------------- */

static const struct {
        const char *plugin, *argument, *from;
        enum status status;
        const char *component;
        enum covers covers;
} measured[] = {
        {"disk", "/any", "file", ST_DONE, "host", COVERS_CONTENT},
        {"disk", "/own", "file", ST_DONE, "host/vms/own/xvda", COVERS_CONTENT},
        {"luks", "/own", "file", ST_DONE, "host/vms/own/xvda", COVERS_HEADER},
        {"vm", "/any", "facts_of_vm", ST_DONE, "host/vms", COVERS_VM},
        {"hypervisor", "xen", "facts_of_hypervisor", ST_DONE, "host/hypervisor", COVERS_NOTHING},
        {"vms", "own", "facts_of_vms", ST_DONE, "host/vms", COVERS_NOTHING},
        {"size", "/any", "file", ST_DONE, "host", COVERS_NOTHING},
        {"clock", "", "", ST_DONE, "host", COVERS_NOTHING},
        {"VMS", "all", "", ST_INVALID, "", 0},
        {"vmz", "all", "", ST_INVALID, "", 0},
        {"", "all", "", ST_INVALID, "", 0},
};

START_TEST(each_from_its_own)
{
        struct arena *a = arena_new();
        struct target asked_for = target(measured[_i].plugin, measured[_i].argument);
        struct descriptor d = {.targets = {&asked_for, 1}};
        const struct targets_from from = {NULL, opens, NULL};
        struct targets t = TARGETS_NONE;

        gathered = "";
        ck_assert_int_eq(targets_open(&t, &d, NULL, 0, &from, a), measured[_i].status);
        ck_assert_str_eq(gathered, measured[_i].from);
        if (measured[_i].status) {
                ck_assert_str_eq(error_last()->subject, "a target");
                ck_assert_str_eq(error_last()->expected, "disk, luks, vm, hypervisor, vms");
        } else {
                ck_assert_str_eq(t.items[0].component, measured[_i].component);
                ck_assert_int_eq(t.items[0].covers, measured[_i].covers);
        }
        targets_clear(&t);
        arena_free(a);
}
END_TEST

/* --- what has no effect is refused ----------------------------------------------------------- */

static const struct {
        const char *plugin;
        enum status status; /* of a target with digest=, or with salt= */
} plugins[] = {
        {"disk", ST_DONE},          {"luks", ST_INVALID}, {"vm", ST_INVALID},
        {"hypervisor", ST_INVALID}, {"vms", ST_INVALID},  {"of-this-host", ST_DONE},
};

START_TEST(no_effect)
{
        struct target t = target(plugins[_i].plugin, "x");

        ck_assert_int_eq(targets_check(&t, 1), ST_DONE);
        t.alg = HASH_SHA256;
        ck_assert_int_eq(targets_check(&t, 1), plugins[_i].status);
        if (plugins[_i].status)
                ck_assert_str_eq(error_last()->found, "digest=\"sha256\"");
        t.alg = 0;
        t.salted = true;
        ck_assert_int_eq(targets_check(&t, 1), plugins[_i].status);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("target_kinds");
        TCase *t = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_loop_test(t, denied_whole, 0, sizeof asked / sizeof *asked);
        tcase_add_test(t, nothing_asked);
        tcase_add_loop_test(t, each_from_its_own, 0, sizeof measured / sizeof *measured);
        tcase_add_loop_test(t, no_effect, 0, sizeof plugins / sizeof *plugins);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed != 0;
}
