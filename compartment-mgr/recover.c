/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of the daemon's start: brings the table of VMs into line with what the hypervisor runs
 * and what integrity-mgr has committed to. If the hypervisor answers, what runs is known before the
 * first request. The rest is cleared up beside the first requests; until then each VM is claimed.
 */
#include "compartment-mgr/autostart.h"
#include "compartment-mgr/events.h"
#include "compartment-mgr/live.h"
#include "compartment-mgr/operation.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/stories.h"
#include "compartment-mgr/workers.h"
#include "lib/report.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { PAUSE_MOST = 30 /* s */ };

struct left { /* VMs that stay claimed until they are sorted out */
        struct compartment **vms;
        bool *half_built;
        size_t count;
        int state;
};

/* --- what runs ------------------------------------------------------------------------------- */

static void take_over(struct compartment *c, const struct domain_state *d, enum vm_state state)
{
        report_info("VM %s is there as domain %u: taken over", compartment_definition(c)->name,
                    d->domid);
        if (compartment_set_domain(c, d->domid))
                report_error("keeping which domain runs a VM");
        compartment_set_state(c, state, "taken over");
}

/* A paused domain is suspended if it is on record as having run. Otherwise it was perhaps never
 * compared, and is not taken over. A domain that has ended, or was saved without an image that
 * counts, is taken over, and the first look at events follows its end. */
static bool is_taken_over(struct compartment *c, const struct domain_state *d)
{
        bool paused = d->phase == DOMAIN_PAUSED, saved = live_is_saved(d);

        if ((paused || saved) && compartment_domain(c) != d->domid)
                return false;
        if (d->phase == DOMAIN_DYING || (saved && *compartment_memory(c)))
                return false;
        take_over(c, d, paused ? VM_SUSPENDED : VM_RUNNING);
        return true;
}

static void warn_foreign(const struct compartment *c, const struct domain_list_rep *domains)
{
        const struct vm_definition *vm = compartment_definition(c);
        const struct domain_state *d = live_find(domains, &vm->uuid, false);

        if (d)
                report_warning(
                        "VM %s: domain %u has its UUID and was not started by Bulkhead: it is "
                        "left alone, and the VM cannot be started beside it",
                        vm->name, d->domid);
}

/* A VM whose state was unknown turns out to be at rest. */
static void comes_to_rest(struct compartment *c)
{
        if (compartment_state(c) == VM_UNKNOWN)
                compartment_set_state(c, compartment_at_rest(c), "the hypervisor answers");
}

/* Leaves in *left the VMs whose domains are not taken over. */
static void sort_out(struct left *left, const struct domain_list_rep *domains)
{
        size_t count = left->count;

        left->count = 0;
        for (size_t i = 0; i < count; i++) {
                struct compartment *c = left->vms[i];
                const struct domain_state *d =
                        live_find(domains, &compartment_definition(c)->uuid, true);

                warn_foreign(c, domains);
                if (!d && live_is_estranged(domains, c)) {
                        compartment_set_state(c, VM_RUNNING, "its domain has lost its mark");
                        compartment_release(c);
                        continue;
                }
                if (d && is_taken_over(c, d)) {
                        compartment_release(c);
                        continue;
                }
                if (!d && compartment_domain(c))
                        report_warning("VM %s ended while compartment-mgr was away",
                                       compartment_definition(c)->name);
                comes_to_rest(c);
                left->half_built[left->count] = d != NULL;
                left->vms[left->count++] = c;
        }
}

static bool sort_out_now(struct left *left)
{
        struct arena *a = arena_new();
        struct domain_list_rep domains;
        enum status s = live_domains(a, &domains);

        if (!s)
                sort_out(left, &domains);
        arena_free(a);
        return !s;
}

/* --- what was left half-done ----------------------------------------------------------------- */

static void destroy_half_built(struct arena *a, const struct vm_definition *vm)
{
        struct domain_destroy_req q = {.uuid = vm->uuid};
        struct domain_destroy_rep p;
        enum status s =
                worker_call(workers.domain, DOMAIN_DEADLINE, CALL(domain_destroy, &q, &p), a);

        if (s && s != ST_NOT_FOUND)
                report_error("destroying a half-built domain");
}

static enum status clear_up(struct arena *a, struct compartment *c)
{
        struct operation o = OPERATION_NONE;
        enum status s = operation_begin(&o, a, c);

        if (s)
                report_error("clearing up after a restart; tried again before the next operation");
        operation_end(&o);
        return s;
}

/* What is the matter with a peer or the TPM is so for each VM. */
static bool concerns_all(enum status s)
{
        return s == ST_UNREACHABLE || s == ST_TIMEOUT || s == ST_TPM || s == ST_TPM_LOCKED ||
               s == ST_TPM_REPLACED || s == ST_NOT_APPROVED || s == ST_NOT_SET_UP;
}

/* Such a cause is waited for once, not once for each VM: meanwhile every VM would be busy without a
 * reason. Once released, each VM refuses with the cause. */
static void clear_up_all(struct left *l)
{
        struct arena *a = arena_new();
        enum status s = ST_DONE;

        for (size_t i = 0; i < l->count; i++) {
                if (l->half_built[i])
                        destroy_half_built(a, compartment_definition(l->vms[i]));
                if (compartment_set_domain(l->vms[i], 0))
                        report_error("forgetting which domain ran a VM");
                if (!concerns_all(s))
                        s = clear_up(a, l->vms[i]);
                compartment_release(l->vms[i]);
                arena_empty(a);
        }
        arena_free(a);
}

/* --- in order -------------------------------------------------------------------------------- */

struct going_on {
        struct left left;
        bool sorted_out;
};

static void *go_on(void *arg)
{
        struct going_on *g = arg;

        for (unsigned pause = 1; !g->sorted_out;
             pause = pause < PAUSE_MOST / 2 ? 2 * pause : PAUSE_MOST) {
                sleep(pause);
                g->sorted_out = sort_out_now(&g->left);
        }
        events_start();
        clear_up_all(&g->left);
        autostart_run(g->left.state);
        free(g->left.vms);
        free(g->left.half_built);
        free(g);
        return NULL;
}

static void claim_all(struct left *left)
{
        struct vm_definition *definitions;
        struct vm_summary *summaries;
        struct arena *a = arena_new();
        size_t count;

        compartments_list(a, &definitions, &summaries, &count);
        left->vms = memory_new(count, sizeof *left->vms);
        left->half_built = memory_new(count, sizeof *left->half_built);
        for (size_t i = 0; i < count; i++) {
                char uuid[37];

                uuid_write(&definitions[i].uuid, uuid);
                if (!compartment_claim(uuid, "clearing up after a restart", &principal_self,
                                       &left->vms[left->count]))
                        left->count++;
        }
        arena_free(a);
}

static void wait_for_hypervisor(const struct left *left)
{
        report_error("asking the hypervisor what runs; no VM can be used until it answers");
        for (size_t i = 0; i < left->count; i++)
                compartment_set_state(left->vms[i], VM_UNKNOWN, "the hypervisor does not answer");
}

void recover_host(int state)
{
        struct going_on *g = memory_new(1, sizeof *g);
        pthread_t thread;

        g->left.state = state;
        claim_all(&g->left);
        g->sorted_out = sort_out_now(&g->left);
        if (!g->sorted_out)
                wait_for_hypervisor(&g->left);
        if (pthread_create(&thread, NULL, go_on, g))
                fatal("no thread to clear up in");
        pthread_detach(thread);
}
