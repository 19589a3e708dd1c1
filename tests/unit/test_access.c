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
        struct local_peer p = {.uid = peers[_i].uid,
                               .gid = peers[_i].gid,
                               .groups = {peers[_i].supplementary},
                               .groups_count = 1};

        access_setup(STARTER, ADMINS, VERIFIERS);
        ck_assert_uint_eq(access_roles(&p), peers[_i].roles);
}
END_TEST

START_TEST(no_groups_no_roles)
{
        struct local_peer p = {
                .uid = 1001, .gid = (gid_t)-1, .groups = {(gid_t)-1}, .groups_count = 1};

        access_setup(0, (gid_t)-1, (gid_t)-1);
        ck_assert_uint_eq(access_roles(&p), STRANGER);
        ck_assert_uint_eq(STRANGER & (ADMIN | VERIFIER | DAEMON | PARENT), 0);
        ck_assert_uint_ne(STRANGER & ANYONE, 0);
}
END_TEST

static const struct {
        unsigned roles;
        struct principal asker, owner;
        bool sees;
} seen[] = {
        {ADMIN, {PRINCIPAL_USER, "0"}, {PRINCIPAL_USER, "1001"}, true},
        {ADMIN, {PRINCIPAL_USER, "0"}, {PRINCIPAL_CERTIFICATE, "tenant"}, true},
        {VERIFIER, {PRINCIPAL_USER, "1001"}, {PRINCIPAL_USER, "1001"}, true},
        {VERIFIER, {PRINCIPAL_USER, "1001"}, {PRINCIPAL_USER, "1002"}, false},
        {VERIFIER, {PRINCIPAL_USER, "1001"}, {PRINCIPAL_CERTIFICATE, "1001"}, false},
        {VERIFIER, {PRINCIPAL_CERTIFICATE, "tenant"}, {PRINCIPAL_CERTIFICATE, "tenant"}, true},
        {VERIFIER, {PRINCIPAL_CERTIFICATE, "tenant"}, {PRINCIPAL_CERTIFICATE, "tenants"}, false},
        {VERIFIER, {PRINCIPAL_NOBODY, ""}, {PRINCIPAL_NOBODY, ""}, false},
        {STRANGER, {PRINCIPAL_USER, "1001"}, {PRINCIPAL_USER, "1001"}, false},
        {0, {PRINCIPAL_USER, "1001"}, {PRINCIPAL_USER, "1001"}, false},
};

START_TEST(who_sees_a_vm)
{
        struct caller c = {.roles = seen[_i].roles, .principal = seen[_i].asker};

        ck_assert(access_sees_vm(&c, &seen[_i].owner) == seen[_i].sees);
}
END_TEST

START_TEST(expected_is_for_admins)
{
        struct caller admin = {.roles = ADMIN}, verifier = {.roles = VERIFIER};
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
        tcase_add_test(t, expected_is_for_admins);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed != 0;
}
