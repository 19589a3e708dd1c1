/* SPDX-License-Identifier: Apache-2.0 */
/* Two definitions at once that have one MAC address. A configuration here is its one address. */
#include "compartment-mgr/compartment.h"
#include "compartment-mgr/workers.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct vm_definition stored[2];
static size_t stored_count;
static void (*while_listing)(void); /* once */
static struct nic nics[16];
static size_t nics_count;

static enum status test_worker_call(struct worker *w, int deadline_ms, struct call call,
                                    struct arena *a)
{
        const struct config_parse_req *q = call.request;
        struct config_parse_rep *p = call.reply;

        (void)w, (void)deadline_ms;
        *p = (struct config_parse_rep){0};
        nics[nics_count] = (struct nic){
                .device = "vif0",
                .mac = arena_print(a, "%.*s", (int)q->json.len, (const char *)q->json.data)};
        p->config.nics.items = &nics[nics_count++];
        p->config.nics.count = 1;
        return ST_DONE;
}

static enum status test_list(struct arena *a, struct vm_definition **all,
                             struct vm_summary **summaries, size_t *count)
{
        void (*act)(void) = while_listing;

        (void)a, (void)summaries;
        while_listing = NULL;
        if (act)
                act();
        *all = stored;
        *count = stored_count;
        return ST_DONE;
}

#define worker_call test_worker_call
#define compartments_list test_list
#include "compartment-mgr/mac_guard.c"

static struct arena *a;
static const char mac[] = "00:16:3e:00:00:01", in_capitals[] = "00:16:3E:00:00:01";

static struct vm_definition definition(uint8_t number, const char *name, const char *address)
{
        return (struct vm_definition){
                .uuid = {{number}},
                .name = name,
                .config = {(const uint8_t *)address, strlen(address)},
        };
}

static void begin(void)
{
        a = arena_new();
}

static void end(void)
{
        ck_assert_ptr_null(claims);
        arena_free(a);
}

static void store(const struct vm_definition *d)
{
        stored[stored_count++] = *d;
}

static void come_second(void)
{
        const struct vm_definition twin = definition(2, "twin", in_capitals),
                                   other = definition(3, "other", "00:16:3e:00:00:02");
        struct mac_claim c;

        ck_assert_int_eq(mac_guard_claim(&c, &twin, a), ST_EXISTS);
        ck_assert_str_eq(error_last()->subject, "interface vif0 of VM twin");
        ck_assert(strstr(error_last()->found, "of VM first has"));
        ck_assert_int_eq(mac_guard_claim(&c, &other, a), ST_DONE);
        mac_guard_drop(&c);
}

/* The second one comes after the first has looked, and before it has stored. */
START_TEST(one_of_two_at_once_is_refused)
{
        const struct vm_definition first = definition(1, "first", mac);
        struct mac_claim c;

        while_listing = _i ? come_second : NULL;
        ck_assert_int_eq(mac_guard_claim(&c, &first, a), ST_DONE);
        come_second();
        store(&first);
        mac_guard_drop(&c);
        come_second();
}
END_TEST

START_TEST(what_was_not_stored_is_free_again)
{
        const struct vm_definition first = definition(1, "first", mac),
                                   twin = definition(2, "twin", in_capitals);
        struct mac_claim c;

        ck_assert_int_eq(mac_guard_claim(&c, &first, a), ST_DONE);
        mac_guard_drop(&c);
        ck_assert_int_eq(mac_guard_claim(&c, &twin, a), ST_DONE);
        mac_guard_drop(&c);
}
END_TEST

/* A name that is taken is refused where it is stored; a VM may be given what it has. */
START_TEST(nobody_is_his_own_twin)
{
        const struct vm_definition first = definition(1, "first", mac),
                                   renamed = definition(1, "renamed", in_capitals),
                                   namesake = definition(2, "first", in_capitals);
        struct mac_claim c;

        store(&first);
        ck_assert_int_eq(mac_guard_claim(&c, &renamed, a), ST_DONE);
        mac_guard_drop(&c);
        ck_assert_int_eq(mac_guard_claim(&c, &namesake, a), ST_DONE);
        mac_guard_drop(&c);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("mac_guard");
        TCase *t = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_checked_fixture(t, begin, end);
        tcase_add_loop_test(t, one_of_two_at_once_is_refused, 0, 2);
        tcase_add_test(t, what_was_not_stored_is_free_again);
        tcase_add_test(t, nobody_is_his_own_twin);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
