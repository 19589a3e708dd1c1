/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a restart: the table of VMs meets what the hypervisor runs and what integrity-mgr has
 * committed to. What runs is known before the first request; the rest is cleared up beside the
 * first requests, each VM being claimed until then.
 */
#include "compartment-mgr/operation.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/stories.h"
#include "compartment-mgr/workers.h"
#include "lib/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const char *domain_state(const struct domain_list_rep *domains, const struct uuid *uuid)
{
        for (size_t i = 0; i < domains->domains.count; i++)
                if (!memcmp(&domains->domains.items[i].uuid, uuid, sizeof *uuid))
                        return domains->domains.items[i].state;
        return NULL;
}

struct left { /* VMs that do not run, claimed until they are cleared up */
        struct compartment **vms;
        bool *half_built;
        size_t count;
};

static void destroy_half_built(struct arena *a, const struct vm_definition *vm)
{
        struct domain_destroy_req q = {.uuid = vm->uuid};
        struct domain_destroy_rep p;

        if (worker_call(workers.domain, DOMAIN_DEADLINE, MESSAGE_domain_destroy, &q, &p, a))
                log_error("destroying a half-built domain");
}

static enum status clear_up(struct arena *a, struct compartment *c)
{
        struct operation o = OPERATION_NONE;
        enum status s = operation_begin(&o, a, c);

        if (s)
                log_error("clearing up after a restart; tried again before the next operation");
        operation_end(&o);
        return s;
}

/* One peer that is away is waited for once, not once a VM. */
static void *clear_up_all(void *left)
{
        struct left *l = left;
        struct arena *a = arena_new();
        enum status s = ST_DONE;

        for (size_t i = 0; i < l->count; i++) {
                if (l->half_built[i])
                        destroy_half_built(a, compartment_definition(l->vms[i]));
                if (s != ST_UNREACHABLE)
                        s = clear_up(a, l->vms[i]);
                compartment_release(l->vms[i]);
                arena_empty(a);
        }
        arena_free(a);
        free(l->vms);
        free(l->half_built);
        free(l);
        return NULL;
}

static void sort_out(struct compartment *c, const char *domain, struct left *left)
{
        if (domain && !strcmp(domain, "running")) {
                log_info("VM %s runs: taken over", compartment_definition(c)->name);
                compartment_set_state(c, VM_RUNNING, "taken over");
                compartment_release(c);
                return;
        }
        left->half_built[left->count] = domain != NULL;
        left->vms[left->count++] = c;
}

void recover(void)
{
        struct domain_list_req q = {};
        struct domain_list_rep domains;
        struct vm_definition *definitions;
        struct vm_summary *summaries;
        struct arena *a = arena_new();
        struct left *left = memory_new(1, sizeof *left);
        pthread_t thread;
        size_t count;

        if (worker_call(workers.domain, DOMAIN_DEADLINE, MESSAGE_domain_list, &q, &domains, a)) {
                log_error("asking the hypervisor what runs");
                fatal("cannot tell which VMs run");
        }
        compartments_list(a, &definitions, &summaries, &count);
        left->vms = memory_new(count, sizeof *left->vms);
        left->half_built = memory_new(count, sizeof *left->half_built);
        for (size_t i = 0; i < count; i++) {
                struct compartment *c;
                char uuid[37];

                uuid_write(&definitions[i].uuid, uuid);
                if (!compartment_claim(uuid, "clearing up after a restart", &c))
                        sort_out(c, domain_state(&domains, &definitions[i].uuid), left);
        }
        arena_free(a);
        if (pthread_create(&thread, NULL, clear_up_all, left))
                clear_up_all(left);
        else
                pthread_detach(thread);
}
