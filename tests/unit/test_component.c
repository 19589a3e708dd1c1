/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers of components: the grammar, one written form each, parents, children, order. */
#include "lib/component.h"
#include "lib/message.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define VM "host/vms/11111111-2222-4333-8444-555555555555"

static struct arena *a;

static void begin(void)
{
        a = arena_new();
}

static void end(void)
{
        arena_free(a);
}

/* Percent-encoded by Python: "/".join(urllib.parse.quote(n, safe=":+") for n in names), with the
 * dots of "." and ".." by hand, and "~" too, which that leaves. */
static const struct {
        const char *parent, *name, *id;
} made[] = {
        {"", "host", "host"},
        {"host", "hypervisor", COMPONENT_HYPERVISOR},
        {VM, "xvda", VM "/xvda"},
        {"host/storage", "/dev/vg/db01", "host/storage/%2Fdev%2Fvg%2Fdb01"},
        {"host/storage", "/srv/a b~.img", "host/storage/%2Fsrv%2Fa%20b%7E.img"},
        {"host", "a._:+-Z9", "host/a._:+-Z9"},
        {"host", "%41", "host/%2541"},
        {"host", "\xc3\xa4\n\x7f", "host/%C3%A4%0A%7F"},
        {"host", ".", "host/%2E"},
        {"host", "..", "host/%2E%2E"},
        {"host", "...", "host/..."},
        {"host", ".x", "host/.x"},
};

START_TEST(a_child_and_its_parent)
{
        const char *id;

        ck_assert_int_eq(component_child(a, made[_i].parent, made[_i].name, &id), ST_DONE);
        ck_assert_str_eq(id, made[_i].id);
        ck_assert_int_eq(component_parse(id), ST_DONE);
        ck_assert_str_eq(component_parent(a, id), made[_i].parent);
        ck_assert_str_eq(component_name(a, id), made[_i].name);
}
END_TEST

static const char *const none[] = {
        "",         "/",          "/host",     "host/",    "host//vms", "host vms",      "host/a\n",
        "host/%2f", "host/%4",    "host/%",    "host/%GG", "host/%41",  "host/%00",      "host/..",
        "host/.",   "host/.%2E",  "host/%2E.", "../host",  "host/~",    "host/\xc3\xa4", "host/a%",
        "host/%2%", "host/a%2Ex",
};

START_TEST(what_is_no_identifier)
{
        ck_assert_int_eq(component_parse(none[_i]), ST_INVALID);
}
END_TEST

START_TEST(limits)
{
        char text[COMPONENT_MOST + 2];
        const char *id;

        memset(text, 'x', sizeof text - 1);
        text[sizeof text - 1] = 0;
        ck_assert_int_eq(component_parse(text), ST_INVALID);
        ck_assert_int_eq(component_child(a, "", text, &id), ST_TOO_LARGE);
        text[COMPONENT_MOST] = 0;
        ck_assert_int_eq(component_parse(text), ST_DONE);
        ck_assert_int_eq(component_child(a, "", text, &id), ST_DONE);
        ck_assert_int_eq(component_child(a, text, "x", &id), ST_TOO_LARGE);
        ck_assert_int_eq(component_child(a, "host", "", &id), ST_INVALID);
}
END_TEST

/* A component before its parts, they before its siblings. */
static const char *const ordered[] = {
        "",        "host",      "host/a",   "host/a/b", "host/a/b/c",
        "host/a+", "host/a+/b", "host/a-b", "hostess",
};

START_TEST(order)
{
        for (int i = 0; i < (int)(sizeof ordered / sizeof *ordered); i++) {
                int r = component_compare(ordered[_i], ordered[i]);

                ck_assert_int_eq((r > 0) - (r < 0), (_i > i) - (_i < i));
        }
}
END_TEST

START_TEST(what_is_in_what)
{
        ck_assert(component_is_in(VM, COMPONENT_VMS) && component_is_in(VM, VM));
        ck_assert(component_is_in(VM "/xvda", COMPONENT_HOST));
        ck_assert(!component_is_in(VM "a", VM) && !component_is_in(COMPONENT_VMS, VM));
        ck_assert(!component_is_in("hostess", COMPONENT_HOST));
}
END_TEST

START_TEST(of_a_vm)
{
        char id[COMPONENT_VM];
        struct uuid uuid;

        ck_assert(uuid_read("11111111-2222-4333-8444-555555555555", &uuid));
        ck_assert_str_eq(component_vm(&uuid, id), VM);
        ck_assert_uint_eq(strlen(id), COMPONENT_VM - 1);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("component");
        TCase *t = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_checked_fixture(t, begin, end);
        tcase_add_loop_test(t, a_child_and_its_parent, 0, sizeof made / sizeof *made);
        tcase_add_loop_test(t, what_is_no_identifier, 0, sizeof none / sizeof *none);
        tcase_add_test(t, limits);
        tcase_add_loop_test(t, order, 0, sizeof ordered / sizeof *ordered);
        tcase_add_test(t, what_is_in_what);
        tcase_add_test(t, of_a_vm);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed != 0;
}
