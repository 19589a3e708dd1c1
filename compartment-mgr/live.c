/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joins the table with what the hypervisor lists. Requests, facts and the event threads come here;
 * only the domain worker is asked, and nothing is changed.
 */
#include "compartment-mgr/live.h"
#include "compartment-mgr/access.h"
#include "compartment-mgr/compartment.h"
#include "compartment-mgr/vm_device.h"
#include "compartment-mgr/workers.h"

#include <string.h>

enum { TRIES = 3 };

enum status live_domains(struct arena *a, struct domain_list_rep *domains_out)
{
        struct domain_list_req q = {};

        return worker_call(workers.domain, LIST_DEADLINE, CALL(domain_list, &q, domains_out), a);
}

const struct domain_state *live_find(const struct domain_list_rep *domains, const struct uuid *uuid,
                                     bool ours)
{
        for (size_t i = 0; i < domains->domains.count; i++) {
                const struct domain_state *d = &domains->domains.items[i];

                if (d->ours == ours && uuid_equal(&d->uuid, uuid))
                        return d;
        }
        return NULL;
}

bool live_is_saved(const struct domain_state *d)
{
        return d && d->phase == DOMAIN_SHUTDOWN && d->reason == REASON_SUSPEND;
}

bool live_is_estranged(const struct domain_list_rep *domains, const struct compartment *c)
{
        const struct domain_state *d = live_find(domains, &compartment_definition(c)->uuid, false);

        return d && d->domid == compartment_domain(c);
}

const char *live_owner(const struct vm_summary *vm, char text[static PRINCIPAL_TEXT_SIZE])
{
        return vm->foreign || vm->owner.kind == PRINCIPAL_NOBODY
                       ? strcpy(text, "foreign")
                       : principal_write(&vm->owner, text);
}

const char *live_fact(const struct domain_hypervisor_rep *h, const char *name)
{
        for (size_t i = 0; i < h->facts.count; i++)
                if (!strcmp(h->facts.items[i].name, name))
                        return h->facts.items[i].text;
        return "";
}

/* --- states ---------------------------------------------------------------------------------- */

static bool should_run(const struct vm_summary *vm)
{
        return vm->state == VM_RUNNING || vm->state == VM_SUSPENDED;
}

/* The table is right about what is under way; the hypervisor about what runs. */
static void join(struct vm_summary *vm, const struct domain_list_rep *domains)
{
        const struct domain_state *d = live_find(domains, &vm->uuid, true);

        if (d) {
                vm->domid = d->domid;
                vm->memory = d->memory;
        }
        if (!should_run(vm))
                return;
        if (!d && live_find(domains, &vm->uuid, false))
                vm->state = VM_UNKNOWN; /* which may be ours without its mark */
        else if (!d)
                vm->state = VM_GONE;
        else if (d->phase == DOMAIN_SHUTDOWN && d->reason != REASON_SUSPEND)
                vm->state = VM_ENDED;
        else if (d->phase == DOMAIN_DYING)
                vm->state = VM_GONE;
        else if (d->phase != DOMAIN_RUNNING)
                vm->state = VM_SUSPENDED;
}

void live_join(struct arena *a, struct vm_summary *vm)
{
        struct domain_list_rep domains;

        if (!live_domains(a, &domains))
                join(vm, &domains);
        else if (should_run(vm))
                vm->state = VM_UNKNOWN;
}

/* --- devices --------------------------------------------------------------------------------- */

static bool has_device(const struct domain_devices_rep *p, const char *device)
{
        for (size_t i = 0; i < p->devices.count; i++)
                if (!strcmp(p->devices.items[i].device, device))
                        return true;
        return false;
}

void live_devices(struct arena *a, const struct vm_definition *vm,
                  struct device_state **devices_out, size_t *count_out)
{
        struct config_parse_req parse = {.json = vm->config};
        struct config_parse_rep parsed;
        struct domain_devices_req q = {.uuid = vm->uuid};
        struct domain_devices_rep p = {};
        const struct vm_device *devices;
        struct device_state *items;
        size_t count;

        *count_out = 0;
        if (worker_call(workers.config, CONFIG_DEADLINE, CALL(config_parse, &parse, &parsed), a))
                return;
        if (worker_call(workers.domain, DOMAIN_DEADLINE, CALL(domain_devices, &q, &p), a))
                p.devices.count = 0;
        devices = vm_device_list(&parsed.config, a, &count);
        *devices_out = items = arena_get_many(a, count, sizeof *items);
        for (; *count_out < count; ++*count_out) {
                const struct vm_device *d = &devices[*count_out];

                items[*count_out] = (struct device_state){d->name, d->where,
                                                          has_device(&p, d->name), d->kind->name};
        }
}

/* --- the list -------------------------------------------------------------------------------- */

/* As the hypervisor says it of a domain that others started. */
static enum vm_state state_of_foreign(enum domain_phase phase)
{
        static const enum vm_state states[domain_phase_count] = {[DOMAIN_PAUSED] = VM_PAUSED,
                                                                 [DOMAIN_RUNNING] = VM_RUNNING,
                                                                 [DOMAIN_SHUTDOWN] = VM_SHUTDOWN,
                                                                 [DOMAIN_DYING] = VM_DYING};

        return states[phase];
}

static void add_foreign(const struct domain_list_rep *domains, struct vm_summary *vms,
                        size_t *count)
{
        for (size_t i = 0; i < domains->domains.count; i++) {
                const struct domain_state *d = &domains->domains.items[i];

                if (!d->ours)
                        vms[(*count)++] = (struct vm_summary){.uuid = d->uuid,
                                                              .name = d->name,
                                                              .owner = principal_nobody,
                                                              .state = state_of_foreign(d->phase),
                                                              .foreign = true,
                                                              .domid = d->domid,
                                                              .memory = d->memory,
                                                              .last_refusal = ""};
        }
}

static bool sees(const struct caller *c, const struct principal *owner)
{
        if (!c)
                return true;
        return c->roles ? access_sees_vm(c, owner) : principal_is(&c->principal, owner);
}

/* The table at an instant at which nothing changed between it and the hypervisor's list, so that
 * a start or a stop just then is not told as a domain that is gone. */
static enum status read_both(struct arena *a, struct domain_list_rep *domains,
                             struct vm_definition **definitions, struct vm_summary **vms,
                             size_t *count)
{
        enum status s = ST_DONE;

        for (int i = 0; i < TRIES; i++) {
                uint64_t before = compartments_changes();

                s = live_domains(a, domains);
                compartments_list(a, definitions, vms, count);
                if (s || before == compartments_changes())
                        return s;
        }
        return s;
}

enum status live_list(struct arena *a, const struct caller *c, struct vm_summary **vms_out,
                      size_t *count_out)
{
        struct domain_list_rep domains = {};
        struct vm_definition *definitions;
        struct vm_summary *vms, *to, *damaged;
        size_t count, n = 0, damaged_count;
        enum status s = read_both(a, &domains, &definitions, &vms, &count);

        compartments_damaged(a, &damaged, &damaged_count);
        if (s)
                domains.domains.count = 0;
        to = arena_get_many(a, count + damaged_count + domains.domains.count, sizeof *to);
        for (size_t i = 0; i < count; i++) {
                if (!sees(c, &definitions[i].owner))
                        continue;
                to[n] = vms[i];
                if (!s)
                        join(&to[n], &domains);
                else if (should_run(&to[n]))
                        to[n].state = VM_UNKNOWN;
                n++;
        }
        for (size_t i = 0; c && (c->roles & ADMIN) && i < damaged_count; i++)
                to[n++] = damaged[i];
        if (!c || (c->roles & ADMIN))
                add_foreign(&domains, to, &n);
        *vms_out = to;
        *count_out = n;
        return s == ST_UNREACHABLE || s == ST_TIMEOUT ? ST_DONE : s;
}

/* --- what is not ours ------------------------------------------------------------------------ */

enum status live_refuse_foreign(struct arena *a, const char *name, const struct uuid *uuid)
{
        struct domain_list_rep domains;

        if (live_domains(a, &domains))
                return ST_DONE;
        for (size_t i = 0; i < domains.domains.count; i++) {
                const struct domain_state *d = &domains.domains.items[i];
                bool same_uuid = !uuid_is_zero(uuid) && uuid_equal(&d->uuid, uuid);

                if (!d->ours && (same_uuid || !strcmp(d->name, name)))
                        return FAIL(ST_REFUSED, .subject = FMT("VM %s", name),
                                    .expected = "a VM that Bulkhead started",
                                    .found = FMT("foreign domain %u, '%s', with that %s", d->domid,
                                                 d->name, same_uuid ? "UUID" : "name"),
                                    .remedy = "use what started it, such as xl: Bulkhead leaves it "
                                              "alone");
        }
        return ST_DONE;
}
