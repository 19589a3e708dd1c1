/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of a domain that ended by itself: gives its devices back, and then does what the VM's
 * configuration says. The event threads (events.c) come here with the VM claimed. The story asks
 * the configuration worker, and all that a stop and a start ask.
 */
#include "compartment-mgr/live.h"
#include "compartment-mgr/stories.h"
#include "compartment-mgr/workers.h"
#include "lib/channel.h"
#include "lib/report.h"

#include <string.h>

static bool is(const struct domain_state *d, enum domain_phase phase)
{
        return d && d->phase == phase;
}

static bool has_ended(const struct domain_state *d)
{
        return !d || (is(d, DOMAIN_SHUTDOWN) && !live_is_saved(d));
}

bool follow_must(enum vm_state state, const struct domain_state *d)
{
        switch (state) {
        case VM_RUNNING:
                return has_ended(d) || live_is_saved(d) || is(d, DOMAIN_PAUSED);
        case VM_SUSPENDED:
                return has_ended(d) || is(d, DOMAIN_RUNNING);
        case VM_PRESERVED:
                return !d;
        default:
                return false;
        }
}

/* What the configuration says about that end: "destroy", "restart" or "preserve". If it cannot be
 * read, or has nothing about it: "destroy". */
static enum status action_of(struct arena *a, struct compartment *c, enum domain_reason reason,
                             const char **action_out)
{
        struct config_parse_req q = {.json = compartment_definition(c)->config};
        struct config_parse_rep p;
        enum status s = worker_call(workers.config, CONFIG_DEADLINE, CALL(config_parse, &q, &p), a);

        *action_out = "destroy";
        if (s)
                return s;
        if (reason == REASON_POWEROFF)
                *action_out = p.config.on_poweroff;
        else if (reason == REASON_REBOOT)
                *action_out = p.config.on_reboot;
        else if (reason == REASON_CRASH || reason == REASON_WATCHDOG)
                *action_out = p.config.on_crash;
        return ST_DONE;
}

static const char *words_for(struct arena *a, const struct domain_state *d)
{
        switch (d->reason) {
        case REASON_POWEROFF:
                return "the guest shut itself down";
        case REASON_REBOOT:
                return "the guest asked to be started again";
        case REASON_WATCHDOG:
                return "the guest's watchdog ended it";
        case REASON_CRASH:
                return "the guest crashed";
        case REASON_UNKNOWN:
                return arena_print(a, "unknown: shutdown reason %u of the hypervisor", d->code);
        default:
                return arena_print(a, "unknown: a shutdown for the reason '%s'",
                                   domain_reason_word(d->reason));
        }
}

static enum status too_fast(struct compartment *c)
{
        return FAIL(ST_REFUSED, .subject = FMT("restart of VM %s", compartment_definition(c)->name),
                    .expected = "a guest that runs for 20 s before it asks for that again",
                    .found = "one that comes down again at once",
                    .remedy = FMT("see its console; then: bulkhead vm start %s",
                                  compartment_definition(c)->name));
}

static enum status start_again(struct arena *a, struct compartment *c, bool fast)
{
        enum status s;

        if (fast)
                return compartment_set_refusal(c, too_fast(c));
        s = start_vm(a, c);
        if (!s)
                compartment_began(c, true, deadline_in(0));
        return s;
}

static enum status ended(struct arena *a, struct compartment *c, const struct domain_state *d)
{
        bool fast = compartment_restarts_too_fast(c, deadline_in(0)), clean;
        const char *action, *why = words_for(a, d);
        enum status s = action_of(a, c, d->reason, &action);

        if (s)
                report_error("reading what is to happen at the end of a VM: it is not restarted");
        if (!strcmp(action, "preserve")) {
                compartment_set_state(c, VM_PRESERVED,
                                      arena_print(a, "%s; its domain and disks are kept", why));
                return ST_DONE;
        }
        s = stop_ended(a, c, why, &clean);
        if (s || strcmp(action, "restart"))
                return s;
        return start_again(a, c, fast);
}

enum status follow_end(struct arena *a, struct compartment *c, const struct domain_state *d)
{
        bool clean;

        if (!follow_must(compartment_state(c), d))
                return ST_DONE;
        if (!d)
                return stop_ended(a, c, "its domain is gone: ended by others", &clean);
        if (live_is_saved(d))
                return *compartment_memory(c) ? stop_saved(a, c) : hibernate_run_on(a, c);
        if (is(d, DOMAIN_PAUSED)) {
                compartment_set_state(c, VM_SUSPENDED, "paused by others");
                return ST_DONE;
        }
        if (is(d, DOMAIN_RUNNING)) {
                compartment_set_state(c, VM_RUNNING, "unpaused by others");
                return ST_DONE;
        }
        return ended(a, c, d);
}
