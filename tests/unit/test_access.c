/* SPDX-License-Identifier: Apache-2.0 */
/* Who has which role, what a verifier sees, what errors tell to whom. */
#include "compartment-mgr/access.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { STARTER = 1000, ADMINS = 50, VERIFIERS = 60 };

static const struct {
        uid_t uid;
        gid_t gid, supplementary;
        unsigned roles;
} peers[] = {
        {0, 0, 0, STRANGER | ADMIN},
        {STARTER, 7, 7, STRANGER | ADMIN},
        {1001, 7, 7, STRANGER},
        {1001, ADMINS, 7, STRANGER | ADMIN},
        {1001, 7, ADMINS, STRANGER | ADMIN},
        {1001, VERIFIERS, 7, STRANGER | VERIFIER},
        {1001, 7, VERIFIERS, STRANGER | VERIFIER},
        {1001, ADMINS, VERIFIERS, STRANGER | ADMIN | VERIFIER},
        {65534, 65534, 65534, STRANGER},
};

START_TEST(roles)
{
        struct principal p = {.uid = peers[_i].uid, .gid = peers[_i].gid};

        access_setup(STARTER, ADMINS, VERIFIERS);
        ck_assert_uint_eq(access_roles(&p, &peers[_i].supplementary, 1), peers[_i].roles);
}
END_TEST

START_TEST(no_groups_no_roles)
{
        struct principal p = {.uid = 1001, .gid = (gid_t)-1};
        gid_t none = (gid_t)-1;

        access_setup(0, (gid_t)-1, (gid_t)-1);
        ck_assert_uint_eq(access_roles(&p, &none, 1), STRANGER);
        ck_assert_uint_eq(STRANGER & (ADMIN | VERIFIER | DAEMON | PARENT), 0);
        ck_assert_uint_ne(STRANGER & ANYONE, 0);
}
END_TEST

static const struct {
        unsigned roles;
        uid_t uid;
        uint32_t owner;
        bool sees;
} seen[] = {
        {ADMIN, 0, 1001, true},
        {ADMIN, 0, NO_UID, true},
        {VERIFIER, 1001, 1001, true},
        {VERIFIER, 1001, 1002, false},
        {VERIFIER, NO_UID, NO_UID, false},
        {STRANGER, 1001, 1001, false},
        {0, 1001, 1001, false},
};

START_TEST(who_sees_a_vm)
{
        struct principal p = {.roles = seen[_i].roles, .uid = seen[_i].uid};

        ck_assert(access_sees_vm(&p, seen[_i].owner) == seen[_i].sees);
}
END_TEST

static bool owns(const struct target *t, uint32_t uid)
{
        return !strcmp(t->argument, strcmp(t->plugin, "vm") ? "/own" : "own") && uid == 1001;
}

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
        struct principal p = {.roles = asked[_i].roles, .uid = asked[_i].uid};
        struct target targets[] = {target("disk", "/own"),
                                   target(asked[_i].plugin, asked[_i].argument)};

        ck_assert_int_eq(access_targets(&p, targets, 2, owns), asked[_i].status);
        targets[0] = targets[1];
        targets[1] = target("disk", "/own");
        ck_assert_int_eq(access_targets(&p, targets, 2, owns), asked[_i].status);
}
END_TEST

START_TEST(nothing_asked)
{
        struct principal stranger = {.roles = STRANGER}, verifier = {.roles = VERIFIER};

        ck_assert_int_eq(access_targets(&stranger, NULL, 0, owns), ST_DENIED);
        ck_assert_int_eq(access_targets(&verifier, NULL, 0, owns), ST_DONE);
}
END_TEST

START_TEST(expected_is_for_admins)
{
        struct principal admin = {.roles = ADMIN}, verifier = {.roles = VERIFIER};
        enum status s = FAIL(ST_CHANGED, .subject = "disk:/own", .expected = "secret",
                             .found = "found", .remedy = "remedy");

        ck_assert_int_eq(access_reply(&admin, s), ST_CHANGED);
        ck_assert_str_eq(error_last()->expected, "secret");
        ck_assert_int_eq(access_reply(&verifier, s), ST_CHANGED);
        ck_assert_str_eq(error_last()->expected, "");
        ck_assert_int_eq(error_last()->status, ST_CHANGED);
        ck_assert_str_eq(error_last()->subject, "disk:/own");
        ck_assert_str_eq(error_last()->found, "found");
        ck_assert_str_eq(error_last()->remedy, "remedy");
        ck_assert_int_eq(access_reply(&verifier, ST_DONE), ST_DONE);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("access");
        TCase *t = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_loop_test(t, roles, 0, sizeof peers / sizeof *peers);
        tcase_add_test(t, no_groups_no_roles);
        tcase_add_loop_test(t, who_sees_a_vm, 0, sizeof seen / sizeof *seen);
        tcase_add_loop_test(t, denied_whole, 0, sizeof asked / sizeof *asked);
        tcase_add_test(t, nothing_asked);
        tcase_add_test(t, expected_is_for_admins);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed != 0;
}
