/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked at the door: one thin handler for each message. The message table has checked
 * access by role; a handler checks it by VM, and then calls a story or another daemon. Errors pass
 * access_reply() on the way out.
 */
#include "compartment-mgr/requests.h"
#include "compartment-mgr/access.h"
#include "compartment-mgr/live.h"
#include "compartment-mgr/mac_guard.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/state_key.h"
#include "compartment-mgr/stories.h"
#include "compartment-mgr/work.h"
#include "compartment-mgr/workers.h"
#include "lib/component.h"
#include "lib/report.h"
#include "lib/told.h"

#include <inttypes.h>
#include <string.h>

#define CM_MSG(number, name, who, asked, answered)                                                 \
        static enum status on_##name(struct request *, const struct name##_req *,                  \
                                     struct name##_rep *);                                         \
        static enum status call_##name(struct request *r, const void *q, void *p)                  \
        {                                                                                          \
                return access_reply(r->caller, on_##name(r, q, p));                                \
        }
#include "bulkhead/messages.def"

const struct handler requests_handlers[] = {
#define CM_MSG HANDLER_ENTRY
#include "bulkhead/messages.def"
};
const size_t requests_handlers_count = sizeof requests_handlers / sizeof *requests_handlers;

/* --- the host ---------------------------------------------------------------------------- */

static const char *describe_work(struct arena *a, const struct work_under_way *w)
{
        const bool has_vm = strcmp(w->vm, "-") != 0;
        char who[PRINCIPAL_TEXT_SIZE];

        return arena_print(a, "%s%s%s, for %s, since %lld s", w->operation, has_vm ? " of VM " : "",
                           has_vm ? w->vm : "", principal_write(&w->asker, who),
                           (long long)(deadline_in(0) - w->since) / 1000);
}

/* What is being worked on: on VMs that the caller may see, and for the caller. */
static void add_work(struct request *r, struct facts *f)
{
        struct work_under_way *work;
        size_t count = works_list(r->arena, &work);

        for (size_t i = 0; i < count && f->count < f->room; i++)
                if (access_sees_vm(r->caller, &work[i].owner))
                        f->items[f->count++] = (struct fact){
                                "jobs", arena_print(r->arena, "%" PRIu64, work[i].number),
                                describe_work(r->arena, &work[i]), FACT_PLAIN};
}

static enum status on_job_cancel(struct request *r, const struct job_cancel_req *q,
                                 struct job_cancel_rep *p)
{
        return work_cancel(q->job, &r->caller->principal, r->caller->roles & ADMIN, r->arena,
                           &p->operation, &p->vm);
}

static enum status make_status(int64_t deadline, struct arena *a, void *reply)
{
        struct status_rep *p = reply;
        struct facts facts;

        (void)deadline;
        state_facts(a, &facts);
        p->facts = (struct fact_list){facts.items, facts.count};
        return ST_DONE;
}

/* Of whoever has no administrator's rights: questions in a loop must not keep the hypervisor and
 * the other daemons from starts. */
static enum status facts_told(struct arena *a, struct facts *facts_out)
{
        static struct told status = TOLD_INIT(1000);
        struct status_rep p = {0};
        enum status s = told(&status, &shape_status_rep, make_status, a, &p);

        facts_out->items = arena_get_many(a, STATUS_FACTS_MOST, sizeof *p.facts.items);
        facts_out->count = s ? 0 : p.facts.count;
        facts_out->room = STATUS_FACTS_MOST;
        if (facts_out->count)
                memcpy(facts_out->items, p.facts.items, facts_out->count * sizeof *p.facts.items);
        return s;
}

static enum status on_status(struct request *r, const struct status_req *q, struct status_rep *p)
{
        struct facts facts;
        enum status s = ST_DONE;

        (void)q;
        if (r->caller->roles & ADMIN)
                state_facts(r->arena, &facts);
        else
                s = facts_told(r->arena, &facts);
        if (s)
                return s;
        add_work(r, &facts);
        p->facts = (struct fact_list){facts.items, facts.count};
        return ST_DONE;
}

static enum status on_host_setup(struct request *r, const struct host_setup_req *q,
                                 struct host_setup_rep *p)
{
        struct im_setup_req ask = {.asker = r->caller->principal,
                                   .passphrase = q->passphrase,
                                   .site_public = q->site_public,
                                   .alg = q->alg,
                                   .static_pcrs = q->static_pcrs};
        struct im_setup_rep answer;
        enum status s = peer_call(PEER_IM, CALL(im_setup, &ask, &answer), r->arena, PEER_SHORT);

        if (!s)
                p->trust = answer.trust;
        return s;
}

static enum status on_host_approval(struct request *r, const struct host_approval_req *q,
                                    struct host_approval_rep *p)
{
        struct im_approval_req ask = {.asker = r->caller->principal, .next_epoch = q->next_epoch};
        struct im_approval_rep answer;
        enum status s;

        ask.future = q->future;
        s = peer_call(PEER_IM, CALL(im_approval, &ask, &answer), r->arena, PEER_SHORT);
        if (s)
                return s;
        p->pcrs = answer.pcrs;
        p->epoch = answer.epoch;
        p->to_sign = answer.to_sign;
        p->site_key_here = answer.site_key_here;
        return ST_DONE;
}

static enum status on_host_approve(struct request *r, const struct host_approve_req *q,
                                   struct host_approve_rep *p)
{
        struct im_approve_req ask = {.asker = r->caller->principal,
                                     .epoch = q->epoch,
                                     .passphrase = q->passphrase,
                                     .signature = q->signature};
        struct im_approve_rep answer;

        enum status s;

        (void)p;
        ask.pcrs = q->pcrs;
        s = peer_call(PEER_IM, CALL(im_approve, &ask, &answer), r->arena, PEER_SHORT);
        if (!s)
                state_key_retry();
        return s;
}

static enum status on_host_approvals(struct request *r, const struct host_approvals_req *q,
                                     struct host_approvals_rep *p)
{
        struct im_approvals_req ask = {.asker = r->caller->principal};
        struct im_approvals_rep answer;
        enum status s = peer_call(PEER_IM, CALL(im_approvals, &ask, &answer), r->arena, PEER_SHORT);

        (void)q;
        if (s)
                return s;
        p->approvals = answer.approvals;
        p->pcrs = answer.pcrs;
        p->epoch = answer.epoch;
        p->site_key = answer.site_key;
        p->site_key_here = answer.site_key_here;
        p->unknown = answer.unknown;
        return ST_DONE;
}

static enum status on_host_retire(struct request *r, const struct host_retire_req *q,
                                  struct host_retire_rep *p)
{
        struct im_retire_req ask = {.asker = r->caller->principal, .epoch = q->epoch};
        struct im_retire_rep answer;
        enum status s = peer_call(PEER_IM, CALL(im_retire, &ask, &answer), r->arena, PEER_SHORT);

        if (!s)
                p->epoch = answer.epoch;
        return s;
}

static enum status on_trust(struct request *r, const struct trust_req *q, struct trust_rep *p)
{
        struct im_trust_req ask = {.asker = r->caller->principal};
        struct im_trust_rep answer;
        enum status s = peer_call(PEER_IM, CALL(im_trust, &ask, &answer), r->arena, PEER_BRIEF);

        (void)q;
        if (!s)
                p->trust = answer.trust;
        return s;
}

static enum status on_progress(struct request *r, const struct progress_req *q,
                               struct progress_rep *p)
{
        struct im_progress_req ask = {.asker = r->caller->principal};
        struct im_progress_rep answer;
        enum status s = peer_call(PEER_IM, CALL(im_progress, &ask, &answer), r->arena, PEER_BRIEF);

        (void)q;
        if (!s)
                *p = (struct progress_rep){answer.done, answer.total, answer.what};
        return s;
}

static enum status on_attest(struct request *r, const struct attest_req *q, struct attest_rep *p)
{
        return attest_request(r, q, p);
}

/* --- VMs --------------------------------------------------------------------------------- */

/* A VM that is not in the table may be one that others started: then the refusal says so. */
static enum status claim(struct request *r, const char *vm, const char *operation,
                         struct compartment **c_out)
{
        enum status s = compartment_claim(vm, operation, &r->caller->principal, c_out);
        struct error why = *error_last();
        struct uuid uuid = {};

        if (s != ST_NOT_FOUND)
                return s;
        uuid_read(vm, &uuid);
        if (live_refuse_foreign(r->arena, vm, &uuid))
                return ST_REFUSED;
        error_keep(&why);
        return s;
}

/* The command that leads from the state at hand to one in which a VM can be started or sealed. */
static const char *to_be_stopped(struct request *r, const struct compartment *c)
{
        const char *name = compartment_definition(c)->name;

        switch (compartment_state(c)) {
        case VM_RUNNING:
        case VM_STOPPING:
                return arena_print(r->arena, "bulkhead vm stop %s", name);
        case VM_HIBERNATING:
                return arena_print(r->arena,
                                   "bulkhead vm start %s wakes it, and bulkhead vm stop %s then "
                                   "stops it with nothing lost",
                                   name, name);
        case VM_SUSPENDED:
                return arena_print(r->arena,
                                   "bulkhead vm resume %s lets it run on, and bulkhead vm stop %s "
                                   "then stops it with nothing lost",
                                   name, name);
        case VM_PRESERVED:
                return arena_print(r->arena, "bulkhead vm destroy %s", name);
        default:
                return arena_print(r->arena, "bulkhead vm show %s", name);
        }
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

/* `self` is no caller, and no door admits a VM or a host: such an owner could never ask for what is
 * its own. */
static enum status may_be_owner(const struct principal *owner)
{
        char text[PRINCIPAL_TEXT_SIZE];

        if (owner->kind == PRINCIPAL_USER || owner->kind == PRINCIPAL_CERTIFICATE)
                return principal_needed(owner, "the owner of a VM");
        return FAIL(ST_INVALID, .subject = "the owner of a VM",
                    .expected = "a principal that a door admits: uid:NUMBER or tls:NAME",
                    .found = principal_write(owner, text),
                    .remedy = "name one: --owner uid:NUMBER or tls:NAME");
}

/* Root decides about VMs of others: a VM is shown and attested as its owner's, and networks and
 * predicates go by the owner. */
static enum status may_own(const struct caller *asker, const struct principal *owner)
{
        char text[PRINCIPAL_TEXT_SIZE], other[PRINCIPAL_TEXT_SIZE];
        enum status s = may_be_owner(owner);

        if (s || principal_is(owner, &asker->principal) || access_is_root(asker))
                return s;
        principal_write(owner, text);
        return FAIL(ST_DENIED, .subject = FMT("a VM of owner %s", text),
                    .expected = FMT("root, or %s", text),
                    .found = FMT("asked for by %s", principal_write(&asker->principal, other)),
                    .remedy = FMT("let root define it, with sudo and --owner %s; or leave --owner "
                                  "out",
                                  text));
}

/* The owner is the principal that asks, unless the request names another one. */
static enum status owner_of(const struct request *r, const struct vm_define_req *q,
                            struct principal *owner_out)
{
        *owner_out = q->owner.kind == PRINCIPAL_NOBODY ? r->caller->principal : q->owner;
        return may_own(r->caller, owner_out);
}

static enum status on_vm_define(struct request *r, const struct vm_define_req *q,
                                struct vm_define_rep *p)
{
        struct config_read_req ask = {.xl_cfg = q->config};
        struct config_read_rep c;
        struct vm_definition d = {.last_refusal = ""};
        enum status s = owner_of(r, q, &d.owner);

        if (!s)
                s = worker_call(workers.config, CONFIG_DEADLINE, CALL(config_read, &ask, &c),
                                r->arena);
        if (s)
                return s;
        d.uuid = c.uuid;
        d.name = c.name;
        d.config = c.json;
        d.disks = c.disks;
        s = mac_guard_check(&d, r->arena);
        return s ? s : compartment_define(&d, r->arena, &p->vm);
}

static enum status on_vm_replace(struct request *r, const struct vm_replace_req *q,
                                 struct vm_replace_rep *p)
{
        struct compartment *c;
        const char *vm;
        enum status s = replace_which(r->arena, q, &vm);

        if (!s && q->owner.kind != PRINCIPAL_NOBODY)
                s = may_own(r->caller, &q->owner);
        if (!s)
                s = claim(r, vm, "define --replace", &c);
        if (s)
                return s;
        s = compartment_must_be(c, VM_STOPPED, to_be_stopped(r, c));
        if (!s)
                s = replace_vm(r->arena, c, q);
        if (!s)
                compartment_summary(c, r->arena, &p->vm);
        compartment_release(c);
        return s;
}

static enum status on_vm_undefine(struct request *r, const struct vm_undefine_req *q,
                                  struct vm_undefine_rep *p)
{
        struct compartment *c;
        enum status s = claim(r, q->vm, "undefine", &c);

        if (s)
                return s;
        s = compartment_must_be(c, VM_STOPPED, to_be_stopped(r, c));
        if (!s)
                s = undefine_forget(r->arena, c, q->forget_key, p);
        if (!s)
                stop_forget(r->arena, c);
        if (!s)
                return compartment_undefine(c);
        compartment_release(c);
        return s;
}

static enum status on_vm_list(struct request *r, const struct vm_list_req *q, struct vm_list_rep *p)
{
        (void)q;
        return live_list(r->arena, r->caller, &p->vms.items, &p->vms.count);
}

/* Only an admin is told of a VM that others started. */
static enum status no_such_vm(struct request *r, const char *vm)
{
        struct uuid uuid = {};

        uuid_read(vm, &uuid);
        if ((r->caller->roles & ADMIN) && live_refuse_foreign(r->arena, vm, &uuid))
                return ST_REFUSED;
        return FAIL(ST_NOT_FOUND, .subject = FMT("VM %s", vm),
                    .remedy = "`bulkhead vm list` shows what is defined");
}

static enum status on_vm_show(struct request *r, const struct vm_show_req *q, struct vm_show_rep *p)
{
        struct im_sealed_req ask = {.to_settle = false};
        struct im_sealed_rep sealed;
        struct vm_definition d;
        enum status s = compartment_find(q->vm, r->arena, &d, &p->vm);

        if (s == ST_DAMAGED && (r->caller->roles & ADMIN))
                return s;
        if (s || !access_sees_vm(r->caller, &d.owner))
                return no_such_vm(r, q->vm);
        live_join(r->arena, &p->vm);
        p->config = d.config;
        p->disks = d.disks;
        live_devices(r->arena, &d, &p->devices.items, &p->devices.count);
        if (!d.generation)
                return ST_DONE;
        ask.vm = d.uuid;
        s = peer_call(PEER_IM, CALL(im_sealed, &ask, &sealed), r->arena, PEER_SHORT);
        if (!s)
                p->descriptor = sealed.descriptor.canonical;
        return s;
}

/* --- the life of one VM ---------------------------------------------------------------------- */

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
        enum status s = claim(r, vm, deed->name, &c);

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

static enum status may_always(struct request *r, const struct compartment *c)
{
        (void)r, (void)c;
        return ST_DONE;
}

static enum status must_be_stopped(struct request *r, const struct compartment *c)
{
        return compartment_must_be(c, VM_STOPPED, to_be_stopped(r, c));
}

static enum status must_be_running(struct request *r, const struct compartment *c)
{
        return compartment_must_be(c, VM_RUNNING, to_be_running(r, c));
}

static enum status must_be_at_rest(struct request *r, const struct compartment *c)
{
        return compartment_must_be(c, compartment_at_rest(c), to_be_stopped(r, c));
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
        static enum status on_vm_##name(struct request *r, const struct vm_##name##_req *q,        \
                                        struct vm_##name##_rep *p)                                 \
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

/* --- events ------------------------------------------------------------------------------ */

static enum status on_watch(struct request *r, const struct watch_req *q, struct watch_rep *p)
{
        (void)q;
        (void)p;
        server_watch(r);
        return ST_DONE;
}

static struct server *door;

void requests_open(struct server *server)
{
        door = server;
}

void requests_vm_changed(const struct vm_definition *vm, enum vm_state state, const char *why)
{
        char component[COMPONENT_VM];
        struct vm_changed_event e = {.component = component_vm(&vm->uuid, component),
                                     .vm = vm->name,
                                     .state = state,
                                     .why = why};

        report_info("VM %s: %s%s%s", vm->name, vm_state_word(state), *why ? ": " : "", why);
        server_tell(door, TELL(vm_changed, &e));
}
