/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event threads. Nothing is lost: each look compares the whole table with the whole list of
 * domains, and a VM that was claimed by somebody else is looked at again when it is released.
 */
#include "compartment-mgr/events.h"
#include "compartment-mgr/live.h"
#include "compartment-mgr/stories.h"
#include "compartment-mgr/workers.h"
#include "lib/channel.h"
#include "lib/report.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE_LEAST = 1, PAUSE_MOST = 30 /* s */, FOLLOWED_AT_ONCE = 8, STOP_TIME = 60 * 1000 };

static struct {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool look;      /* somebody wants all VMs looked at */
        bool passed_by; /* some VM was busy in the last look */
        bool failed;    /* some VM could not be followed */
        bool lost;      /* the hypervisor cannot be reached */
        bool stopping;
        unsigned followed;
        unsigned pause; /* s, before what failed is tried again */
} events = {.pause = PAUSE_LEAST,
            .lock = PTHREAD_MUTEX_INITIALIZER,
            .changed = PTHREAD_COND_INITIALIZER};

static void look_again(void)
{
        pthread_mutex_lock(&events.lock);
        events.look = true;
        pthread_cond_broadcast(&events.changed);
        pthread_mutex_unlock(&events.lock);
}

static _Thread_local bool failed_here;

static void on_release(void)
{
        pthread_mutex_lock(&events.lock);
        if (events.passed_by && !failed_here) {
                events.look = true;
                pthread_cond_broadcast(&events.changed);
        }
        pthread_mutex_unlock(&events.lock);
}

bool events_lost(void)
{
        bool lost;

        pthread_mutex_lock(&events.lock);
        lost = events.lost;
        pthread_mutex_unlock(&events.lock);
        return lost;
}

/* --- one VM ---------------------------------------------------------------------------------- */

/* Looks at the VM anew, now that it is claimed: what made us come may be over. */
static enum status follow_claimed(struct arena *a, struct compartment *c)
{
        const struct vm_definition *vm = compartment_definition(c);
        struct domain_list_rep domains;
        enum status s;

        if (live_domains(a, &domains))
                return ST_DONE; /* looked at again when the hypervisor answers */
        if (live_is_estranged(&domains, c))
                s = FAIL(ST_WRONG_STATE, .subject = FMT("domain %u", compartment_domain(c)),
                         .expected = "its mark in xenstore", .found = "none",
                         .remedy = "xenstored lost its content: reboot this host");
        else
                s = follow_end(a, c, live_find(&domains, &vm->uuid, true));
        if (s)
                report_error("following the end of a domain");
        return s;
}

static void note(bool failed)
{
        pthread_mutex_lock(&events.lock);
        events.failed |= failed;
        if (!failed)
                events.pause = PAUSE_LEAST;
        pthread_cond_broadcast(&events.changed);
        pthread_mutex_unlock(&events.lock);
}

static void *follow_one(void *uuid)
{
        struct arena *a = arena_new();
        struct compartment *c;
        char vm[37];

        uuid_write(uuid, vm);
        free(uuid);
        pthread_mutex_lock(&events.lock);
        events.passed_by = true; /* before claiming, so that no release in between is missed */
        pthread_mutex_unlock(&events.lock);
        if (!compartment_claim(vm, "following the end of its domain", &principal_self, &c)) {
                failed_here = follow_claimed(a, c) != ST_DONE;
                compartment_release(c);
                note(failed_here);
                failed_here = false;
        }
        arena_free(a);
        pthread_mutex_lock(&events.lock);
        events.followed--;
        pthread_cond_broadcast(&events.changed);
        pthread_mutex_unlock(&events.lock);
        return NULL;
}

static void have_followed(const struct uuid *uuid)
{
        struct uuid *copy = memory_new(1, sizeof *copy);
        pthread_t thread;

        *copy = *uuid;
        pthread_mutex_lock(&events.lock);
        while (events.followed >= FOLLOWED_AT_ONCE)
                pthread_cond_wait(&events.changed, &events.lock);
        events.followed++;
        pthread_mutex_unlock(&events.lock);
        if (pthread_create(&thread, NULL, follow_one, copy))
                follow_one(copy);
        else
                pthread_detach(thread);
}

/* --- all VMs --------------------------------------------------------------------------------- */

static bool in_between(enum vm_state state)
{
        return state == VM_STARTING || state == VM_STOPPING || state == VM_SEALING;
}

static void look(struct arena *a)
{
        struct domain_list_rep domains;
        struct vm_definition *definitions;
        struct vm_summary *vms;
        size_t count;
        bool busy = false;

        if (live_domains(a, &domains))
                return;
        compartments_list(a, &definitions, &vms, &count);
        for (size_t i = 0; i < count; i++) {
                busy |= in_between(vms[i].state);
                if (follow_must(vms[i].state, live_find(&domains, &vms[i].uuid, true)))
                        have_followed(&vms[i].uuid);
        }
        if (!busy)
                return;
        pthread_mutex_lock(&events.lock);
        events.passed_by = true;
        pthread_mutex_unlock(&events.lock);
}

/* False if the daemon ends. */
static bool wait_for_a_reason(void)
{
        bool go_on;

        pthread_mutex_lock(&events.lock);
        while (!events.look && !events.stopping)
                pthread_cond_wait(&events.changed, &events.lock);
        events.look = events.passed_by = false;
        go_on = !events.stopping;
        pthread_mutex_unlock(&events.lock);
        return go_on;
}

static void *look_for_ever(void *nothing)
{
        struct arena *a = arena_new();

        while (wait_for_a_reason()) {
                look(a);
                arena_empty(a);
        }
        arena_free(a);
        return nothing;
}

/* Pauses before a VM that could not be followed is tried again: at once it would fail again. */
static void *try_again_for_ever(void *nothing)
{
        for (;;) {
                unsigned pause;

                pthread_mutex_lock(&events.lock);
                while (!events.failed && !events.stopping)
                        pthread_cond_wait(&events.changed, &events.lock);
                events.failed = false;
                pause = events.pause;
                events.pause = 2 * pause > PAUSE_MOST ? PAUSE_MOST : 2 * pause;
                if (events.stopping) {
                        pthread_mutex_unlock(&events.lock);
                        return nothing;
                }
                pthread_mutex_unlock(&events.lock);
                sleep(pause);
                look_again();
        }
}

/* --- the hypervisor -------------------------------------------------------------------------- */

/* Reports the loss once, and once its end. False if the daemon ends. */
static bool set_lost(bool lost)
{
        bool changes, stopping;

        pthread_mutex_lock(&events.lock);
        stopping = events.stopping;
        changes = events.lost != lost;
        events.lost = lost;
        pthread_mutex_unlock(&events.lock);
        if (changes && lost && !stopping)
                report_error("waiting for the hypervisor's events; tried again until it answers");
        else if (changes && !stopping)
                report_info("the hypervisor answers again: looking at all VMs");
        return !stopping;
}

static enum status wait_once(struct job **job, struct arena *a)
{
        struct domain_wait_req q = {};
        struct domain_wait_rep p;
        enum status s = *job ? ST_DONE : job_start(workers.domain, NO_DEADLINE, job);

        if (!s)
                s = job_call(*job, CALL(domain_wait, &q, &p), a);
        return s;
}

static void *wait_for_ever(void *nothing)
{
        struct arena *a = arena_new();
        struct job *job = NULL;
        unsigned pause = PAUSE_LEAST;

        for (;;) {
                enum status s = wait_once(&job, a);

                if (!set_lost(s != ST_DONE))
                        return nothing; /* the worker is about to be stopped: it takes the job */
                arena_empty(a);
                if (!s) {
                        pause = PAUSE_LEAST;
                        look_again();
                        continue;
                }
                job_kill(job);
                job = NULL;
                sleep(pause);
                pause = 2 * pause > PAUSE_MOST ? PAUSE_MOST : 2 * pause;
        }
}

/* --- beginning and end ----------------------------------------------------------------------- */

static void begin(void *(*run)(void *))
{
        pthread_t thread;

        if (pthread_create(&thread, NULL, run, NULL))
                fatal("no thread for the hypervisor's events");
        pthread_detach(thread);
}

void events_start(void)
{
        compartments_on_release(on_release);
        begin(look_for_ever);
        begin(try_again_for_ever);
        begin(wait_for_ever);
}

void events_stop(void)
{
        const struct timespec until = deadline_point(deadline_in(STOP_TIME));

        pthread_mutex_lock(&events.lock);
        events.stopping = true;
        pthread_cond_broadcast(&events.changed);
        while (events.followed &&
               !pthread_cond_clockwait(&events.changed, &events.lock, CLOCK_MONOTONIC, &until))
                ;
        pthread_mutex_unlock(&events.lock);
}
