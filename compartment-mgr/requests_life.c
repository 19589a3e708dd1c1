/* SPDX-License-Identifier: Apache-2.0 */
/* Requests about the life of one VM: each claims it, looks whether it is in the right state, and
 * calls a story. */
#include "compartment-mgr/handlers.h"
#include "compartment-mgr/stories.h"

/* What these requests have in common: the VM is claimed and has to be in a certain state; then
 * something is done with it, and the reply has its summary. */
struct deed {
        const char *name; /* as others are told that it is under way */
        enum status (*may)(struct request *r, const struct compartment *c);
        enum status (*act)(struct request *r, struct compartment *c, const void *q, void *p);
};

static enum status act(struct request *r, const char *vm, const struct deed *deed, const void *q,
                       void *p, struct vm_summary *vm_out)
{
        struct compartment *c;
        enum status s = requests_claim(r, vm, deed->name, &c);

        if (s)
                return s;
        s = deed->may(r, c);
        if (!s)
                s = deed->act(r, c, q, p);
        if (!s)
                compartment_summary(c, r->arena, vm_out);
        compartment_release(c);
        return s;
}

static const char *to_be_running(struct request *r, const struct compartment *c)
{
        const char *name = compartment_definition(c)->name;

        switch (compartment_state(c)) {
        case VM_SUSPENDED:
                return arena_print(r->arena, "bulkhead vm resume %s", name);
        case VM_PRESERVED:
                return arena_print(r->arena, "bulkhead vm destroy %s", name);
        default:
                return arena_print(r->arena, "bulkhead vm start %s", name);
        }
}

static enum status may_always(struct request *r, const struct compartment *c)
{
        (void)r, (void)c;
        return ST_DONE;
}

static enum status must_be_stopped(struct request *r, const struct compartment *c)
{
        return compartment_must_be(c, VM_STOPPED, requests_to_be_stopped(r, c));
}

static enum status must_be_running(struct request *r, const struct compartment *c)
{
        return compartment_must_be(c, VM_RUNNING, to_be_running(r, c));
}

static enum status must_be_at_rest(struct request *r, const struct compartment *c)
{
        return compartment_must_be(c, compartment_at_rest(c), requests_to_be_stopped(r, c));
}

/* VM_STOPPING: an earlier stop came half-way. */
static enum status must_be_running_or_stopping(struct request *r, const struct compartment *c)
{
        return compartment_state(c) == VM_STOPPING ? ST_DONE : must_be_running(r, c);
}

static enum status must_be_suspended(struct request *r, const struct compartment *c)
{
        const char *name = compartment_definition(c)->name;

        return compartment_must_be(c, VM_SUSPENDED,
                                   compartment_state(c) == VM_HIBERNATING
                                           ? arena_print(r->arena, "bulkhead vm start %s", name)
                                           : arena_print(r->arena, "bulkhead vm show %s", name));
}

static enum status do_seal(struct request *r, struct compartment *c, const void *q, void *p)
{
        const struct vm_seal_req *ask = q;
        struct vm_seal_rep *reply = p;

        return seal_vm(r->arena, c, ask->descriptor, ask->format, ask->yes, ask->passphrase,
                       ask->form, &reply->warning);
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
DEED(seal, must_be_stopped)
DEED(slots, may_always)
DEED(passphrase, must_be_stopped)
DEED(start, must_be_at_rest)
DEED(stop, must_be_running_or_stopping)
DEED(destroy, may_always) /* this also clears away a domain that nobody knows of */
DEED(suspend, must_be_running)
DEED(resume, must_be_suspended)
DEED(hibernate, must_be_running)
DEED(attach, must_be_running)
DEED(detach, must_be_running)
DEED(autostart, may_always)
