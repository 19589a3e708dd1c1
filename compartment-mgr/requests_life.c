/* SPDX-License-Identifier: Apache-2.0 */
/* Requests about the life of one VM: each claims it, looks whether it is in the right state, and
 * calls a story. */
#include "compartment-mgr/handlers.h"
#include "compartment-mgr/stories.h"

#include <string.h>

/* What these requests have in common: the VM is claimed and has to be in a certain state; then
 * something is done with it, and the reply has its summary. */
struct deed {
        const char *name; /* as others are told that it is under way */
        bool (*may)(const struct compartment *c);
        enum status (*act)(struct request *r, struct compartment *c, const void *q, void *p);
};

static bool may_always(const struct compartment *c)
{
        (void)c;
        return true;
}

static bool is_stopped(const struct compartment *c)
{
        return compartment_state(c) == VM_STOPPED;
}

static bool is_running(const struct compartment *c)
{
        return compartment_state(c) == VM_RUNNING;
}

static bool is_suspended(const struct compartment *c)
{
        return compartment_state(c) == VM_SUSPENDED;
}

static bool is_at_rest(const struct compartment *c)
{
        return compartment_state(c) == compartment_at_rest(c);
}

/* VM_STOPPING: an earlier stop came half-way. */
static bool is_running_or_stopping(const struct compartment *c)
{
        return is_running(c) || compartment_state(c) == VM_STOPPING;
}

/* --- why not, and what leads to what was meant ------------------------------------------------ */

#define NOTHING ": nothing is to be done"
#define ENDED "preserved: it has ended, and its domain is kept to be looked at"
/* first and then are commands about the VM, in this order. Without them nothing leads to what was
 * meant, or the VM is there already. requests_to_be_stopped() has the command for a state that has
 * no row. */
static const struct advice {
        const char *deed;
        enum vm_state state;
        const char *found, *first, *then;
} advice[] = {
        {"stop", VM_STOPPED, "stopped" NOTHING, NULL, NULL},
        {"start", VM_RUNNING, "running" NOTHING, NULL, NULL},
        {"start", VM_SUSPENDED, "suspended", "resume", NULL},
        {"start", VM_STOPPING, "stopping: a stop came half-way", "stop", "start"},
        {"start", VM_PRESERVED, ENDED, "destroy", "start"},
        {"suspend", VM_SUSPENDED, "suspended" NOTHING, NULL, NULL},
        {"suspend", VM_STOPPED, "stopped: nothing of it runs", NULL, NULL},
        {"suspend", VM_HIBERNATING, "hibernating: its memory lies in an image already", NULL, NULL},
        {"suspend", VM_STOPPING, "stopping: it ends", NULL, NULL},
        {"suspend", VM_PRESERVED, ENDED, NULL, NULL},
        {"hibernate", VM_HIBERNATING, "hibernating" NOTHING, NULL, NULL},
        {"hibernate", VM_SUSPENDED, "suspended", "resume", "hibernate"},
        {"hibernate", VM_STOPPED, "stopped: nothing of it runs", NULL, NULL},
        {"hibernate", VM_STOPPING, "stopping: it ends", NULL, NULL},
        {"hibernate", VM_PRESERVED, ENDED, NULL, NULL},
        {"resume", VM_RUNNING, "running" NOTHING, NULL, NULL},
        {"resume", VM_HIBERNATING, "hibernating", "start", NULL},
        {"resume", VM_STOPPED, "stopped: nothing of it is suspended", "start", NULL},
        {"resume", VM_STOPPING, "stopping: a stop came half-way", "stop", "start"},
        {"resume", VM_PRESERVED, ENDED, "destroy", "start"},
        {"attach", VM_STOPPED, "stopped: a start attaches all devices", "start", NULL},
        {"attach", VM_HIBERNATING, "hibernating", "start", NULL},
        {"attach", VM_SUSPENDED, "suspended", "resume", NULL},
        {"attach", VM_STOPPING, "stopping: it ends", NULL, NULL},
        {"attach", VM_PRESERVED, ENDED, NULL, NULL},
        {"detach", VM_STOPPED, "stopped: it has no device now", NULL, NULL},
        {"detach", VM_HIBERNATING, "hibernating", "start", NULL},
        {"detach", VM_SUSPENDED, "suspended", "resume", NULL},
        {"detach", VM_STOPPING, "stopping: it ends", NULL, NULL},
        {"detach", VM_PRESERVED, ENDED, NULL, NULL},
};

static const struct advice *advice_for(const char *deed, enum vm_state state)
{
        for (size_t i = 0; i < sizeof advice / sizeof *advice; i++)
                if (advice[i].state == state && !strcmp(advice[i].deed, deed))
                        return &advice[i];
        return NULL;
}

static const char *command(struct request *r, const char *before, const char *verb,
                           const char *name)
{
        return verb ? arena_print(r->arena, "%sbulkhead vm %s %s", before, verb, name) : "";
}

static enum status refuse(struct request *r, const struct compartment *c, const char *deed)
{
        const enum vm_state state = compartment_state(c);
        const struct advice *to = advice_for(deed, state);
        const char *name = compartment_definition(c)->name;

        if (!to)
                return FAIL(ST_WRONG_STATE, .subject = FMT("VM %s", name),
                            .expected = vm_state_word(VM_STOPPED), .found = vm_state_word(state),
                            .remedy = requests_to_be_stopped(r, c));
        return FAIL(ST_WRONG_STATE, .subject = FMT("VM %s", name), .found = to->found,
                    .remedy = FMT_LONG("%s%s", command(r, "", to->first, name),
                                       command(r, ", then ", to->then, name)));
}

static enum status act(struct request *r, const char *vm, const struct deed *deed, const void *q,
                       void *p, struct vm_summary *vm_out)
{
        struct compartment *c;
        enum status s = requests_claim(r, vm, deed->name, &c);

        if (s)
                return s;
        s = deed->may(c) ? deed->act(r, c, q, p) : refuse(r, c, deed->name);
        if (!s)
                compartment_summary(c, r->arena, vm_out);
        compartment_release(c);
        return s;
}

/* --- what is done ---------------------------------------------------------------------------- */

static enum status do_seal(struct request *r, struct compartment *c, const void *q, void *p)
{
        return seal_vm(r->arena, c, q, &((struct vm_seal_rep *)p)->warning);
}

static enum status do_start(struct request *r, struct compartment *c, const void *q, void *p)
{
        (void)q, (void)p;
        return start_vm(r->arena, c);
}

static enum status do_stop(struct request *r, struct compartment *c, const void *q, void *p)
{
        const struct vm_stop_req *ask = q;
        struct vm_stop_rep *reply = p;

        reply->seconds = ask->seconds ? ask->seconds : STOP_SECONDS;
        return stop_vm(r->arena, c, reply->seconds, &reply->clean);
}

static enum status do_destroy(struct request *r, struct compartment *c, const void *q, void *p)
{
        (void)q, (void)p;
        return stop_at_once(r->arena, c);
}

static enum status do_suspend(struct request *r, struct compartment *c, const void *q, void *p)
{
        (void)q, (void)p;
        return suspend_vm(r->arena, c);
}

static enum status do_resume(struct request *r, struct compartment *c, const void *q, void *p)
{
        (void)q, (void)p;
        return suspend_resume(r->arena, c);
}

static enum status do_hibernate(struct request *r, struct compartment *c, const void *q, void *p)
{
        (void)q, (void)p;
        return hibernate_vm(r->arena, c);
}

static enum status do_attach(struct request *r, struct compartment *c, const void *q, void *p)
{
        (void)p;
        return attach_device(r->arena, c, ((const struct vm_attach_req *)q)->device);
}

static enum status do_detach(struct request *r, struct compartment *c, const void *q, void *p)
{
        (void)p;
        return attach_detach(r->arena, c, ((const struct vm_detach_req *)q)->device);
}

static enum status do_slots(struct request *r, struct compartment *c, const void *q, void *p)
{
        (void)q;
        return passphrase_list(r->arena, c, &((struct vm_slots_rep *)p)->disks);
}

static enum status do_passphrase(struct request *r, struct compartment *c, const void *q, void *p)
{
        return passphrase_change(r->arena, c, q, p);
}

static enum status do_autostart(struct request *r, struct compartment *c, const void *q, void *p)
{
        (void)r, (void)p;
        return compartment_set_autostart(c, ((const struct vm_autostart_req *)q)->on);
}

#define DEED(name, may)                                                                            \
        enum status on_vm_##name(struct request *r, const struct vm_##name##_req *q,               \
                                 struct vm_##name##_rep *p)                                        \
        {                                                                                          \
                static const struct deed deed = {#name, may, do_##name};                           \
                                                                                                   \
                return act(r, q->vm, &deed, q, p, &p->vm);                                         \
        }
DEED(seal, is_stopped)
DEED(slots, may_always)
DEED(passphrase, is_stopped)
DEED(start, is_at_rest)
DEED(stop, is_running_or_stopping)
DEED(destroy, may_always) /* this also clears away a domain that nobody knows of */
DEED(suspend, is_running)
DEED(resume, is_suspended)
DEED(hibernate, is_running)
DEED(attach, is_running)
DEED(detach, is_running)
DEED(autostart, may_always)
