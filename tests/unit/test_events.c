/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event threads, with a hypervisor that is played here: whom they have followed, that a VM that
 * was busy is looked at again, and that a hypervisor that goes away is waited for. Nothing here
 * depends on how long something takes; each wait ends when what it waits for is there.
 */
#include "compartment-mgr/events.h"
#include "compartment-mgr/compartment.h"
#include "compartment-mgr/stories.h"
#include "compartment-mgr/workers.h"
#include "lib/state_file.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct workers workers;
struct job {
        int nothing;
};

static struct {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        unsigned news;     /* domain_wait's returns that are owed */
        bool away;         /* the hypervisor does not answer */
        bool there;        /* the domain */
        unsigned failures; /* of the first ends that are followed */
        unsigned waits, followed, lists, slept, pause;
} world = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
static struct uuid vm;

/* --- the hypervisor -------------------------------------------------------------------------- */

static void tell(void)
{
        pthread_cond_broadcast(&world.changed);
}

enum status worker_call(struct worker *w, int deadline_ms, struct call call, struct arena *a)
{
        static struct domain_state d;
        struct domain_list_rep *p = call.reply;
        enum status s = ST_DONE;

        (void)w, (void)deadline_ms, (void)a;
        ck_assert_int_eq(call.number, MESSAGE_domain_list);
        pthread_mutex_lock(&world.lock);
        d = (struct domain_state){.uuid = vm, .name = "db1", .ours = true, .phase = DOMAIN_RUNNING};
        p->domains.items = &d;
        p->domains.count = world.there;
        world.lists++;
        if (world.away)
                s = FAIL(ST_UNREACHABLE, .subject = "played");
        tell();
        pthread_mutex_unlock(&world.lock);
        return s;
}

enum status job_start(struct worker *w, int deadline_ms, struct job **job_out)
{
        (void)w;
        ck_assert_int_eq(deadline_ms, -1);
        *job_out = memory_new(1, sizeof **job_out);
        return ST_DONE;
}

enum status job_call(struct job *j, struct call call, struct arena *a)
{
        bool away;

        (void)j, (void)a;
        ck_assert_int_eq(call.number, MESSAGE_domain_wait);
        pthread_mutex_lock(&world.lock);
        world.waits++;
        tell();
        while (!world.news)
                pthread_cond_wait(&world.changed, &world.lock);
        world.news--;
        away = world.away;
        pthread_mutex_unlock(&world.lock);
        return away ? FAIL(ST_UNREACHABLE, .subject = "played") : ST_DONE;
}

void job_kill(struct job *j)
{
        free(j);
}

unsigned __wrap_sleep(unsigned seconds);
unsigned __wrap_sleep(unsigned seconds)
{
        pthread_mutex_lock(&world.lock);
        world.slept++;
        world.pause = seconds;
        tell();
        pthread_mutex_unlock(&world.lock);
        return 0;
}

/* --- the story ------------------------------------------------------------------------------- */

bool follow_must(enum vm_state state, const struct domain_state *d)
{
        return state == VM_RUNNING && !d;
}

enum status follow_end(struct arena *a, struct compartment *c, const struct domain_state *d)
{
        bool fails;

        (void)a;
        ck_assert_ptr_null(d);
        pthread_mutex_lock(&world.lock);
        fails = world.followed++ < world.failures;
        tell();
        pthread_mutex_unlock(&world.lock);
        if (fails)
                return FAIL(ST_BUSY, .subject = "played");
        compartment_set_state(c, VM_STOPPED, "");
        return ST_DONE;
}

/* --- tests ----------------------------------------------------------------------------------- */

static struct arena *a;
static char folder[512];

static void news(void)
{
        pthread_mutex_lock(&world.lock);
        world.news++;
        tell();
        pthread_mutex_unlock(&world.lock);
}

static void set(bool *what, bool value)
{
        pthread_mutex_lock(&world.lock);
        *what = value;
        pthread_mutex_unlock(&world.lock);
}

static void until(const unsigned *count, unsigned least)
{
        pthread_mutex_lock(&world.lock);
        while (*count < least)
                pthread_cond_wait(&world.changed, &world.lock);
        pthread_mutex_unlock(&world.lock);
}

static unsigned now(const unsigned *count)
{
        unsigned value;

        pthread_mutex_lock(&world.lock);
        value = *count;
        pthread_mutex_unlock(&world.lock);
        return value;
}

static void begin(void)
{
        const char *base = getenv("TMPDIR");
        struct vm_definition d = {.uuid = uuid_random(),
                                  .name = "db1",
                                  .owner = {PRINCIPAL_USER, "0"},
                                  .config = {(const uint8_t *)"{}", 2},
                                  .last_refusal = ""};
        struct compartment *c;
        struct vm_summary v;
        int dir;

        snprintf(folder, sizeof folder, "%s/bulkhead-events-XXXXXX", base ? base : "/tmp");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        ck_assert_int_eq(state_folder(folder, &dir), ST_DONE);
        a = arena_new();
        ck_assert_int_eq(compartments_open(dir, true, NULL), ST_DONE);
        ck_assert_int_eq(compartment_define(&d, a, &v), ST_DONE);
        vm = d.uuid;
        ck_assert_int_eq(compartment_claim("db1", "test", &principal_self, &c), ST_DONE);
        compartment_set_state(c, VM_RUNNING, "");
        compartment_release(c);
        world.there = true;
}

static void end(void)
{
        char command[600];

        snprintf(command, sizeof command, "rm -rf '%s'", folder);
        ck_assert_int_eq(system(command), 0);
}

START_TEST(an_end_is_seen)
{
        unsigned lists;

        events_start();
        until(&world.waits, 1);
        news();
        until(&world.waits, 2);
        until(&world.lists, 1);
        ck_assert_uint_eq(now(&world.followed), 0); /* it is there */
        lists = now(&world.lists);
        set(&world.there, false);
        news();
        until(&world.followed, 1);
        ck_assert_uint_ge(now(&world.lists), lists + 2); /* looked at again once claimed */
        events_stop();
}
END_TEST

START_TEST(a_busy_vm_is_looked_at_again)
{
        struct compartment *c;

        ck_assert_int_eq(compartment_claim("db1", "busy", &principal_self, &c), ST_DONE);
        set(&world.there, false);
        events_start();
        until(&world.waits, 1);
        news();
        until(&world.waits, 2);
        until(&world.lists, 1);
        ck_assert_uint_eq(now(&world.followed), 0);
        compartment_release(c); /* whenever that is: before the look, during it, after it */
        until(&world.followed, 1);
        events_stop();
}
END_TEST

START_TEST(a_vm_between_two_states_is_looked_at_again)
{
        struct compartment *c;

        ck_assert_int_eq(compartment_claim("db1", "start", &principal_self, &c), ST_DONE);
        compartment_set_state(c, VM_STARTING, "");
        set(&world.there, false);
        events_start();
        until(&world.waits, 1);
        news();
        until(&world.waits, 2);
        until(&world.lists, 1);
        compartment_set_state(c, VM_RUNNING, "");
        /* Until the look has noted it, releasing again is a start that lasted a little longer. */
        while (!now(&world.followed)) {
                compartment_release(c);
                if (compartment_claim("db1", "start", &principal_self, &c))
                        until(&world.followed, 1);
        }
        events_stop();
}
END_TEST

START_TEST(a_hypervisor_that_went_away_is_waited_for)
{
        events_start();
        until(&world.waits, 1);
        set(&world.away, true);
        set(&world.there, false);
        for (unsigned i = 1; i <= 7; i++) {
                news();
                until(&world.slept, i);
                ck_assert(events_lost());
                ck_assert_uint_eq(now(&world.pause), i < 6 ? 1u << (i - 1) : 30);
        }
        ck_assert_uint_eq(now(&world.followed), 0);
        set(&world.away, false);
        news();
        until(&world.followed, 1);
        until(&world.waits, 9);
        ck_assert(!events_lost());
        events_stop();
}
END_TEST

/* Not at once: each time after a pause that is twice as long. */
START_TEST(an_end_that_cannot_be_followed_is_tried_again)
{
        world.failures = 7;
        events_start();
        until(&world.waits, 1);
        set(&world.there, false);
        news();
        until(&world.followed, 8);
        ck_assert_uint_eq(now(&world.slept), 7);
        ck_assert_uint_eq(now(&world.pause), 30);
        events_stop();
        ck_assert_uint_eq(now(&world.followed), 8);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("events");
        TCase *t = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_set_timeout(t, 60);
        tcase_add_checked_fixture(t, begin, end);
        tcase_add_test(t, an_end_is_seen);
        tcase_add_test(t, a_busy_vm_is_looked_at_again);
        tcase_add_test(t, a_vm_between_two_states_is_looked_at_again);
        tcase_add_test(t, a_hypervisor_that_went_away_is_waited_for);
        tcase_add_test(t, an_end_that_cannot_be_followed_is_tried_again);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed != 0;
}
