/* SPDX-License-Identifier: Apache-2.0 */
/*
 * getCurrentState(): gathers what this host is and runs, from here and from the two other daemons.
 * A daemon that does not answer is a warning among the facts, not a failure.
 */
#include "compartment-mgr/autostart.h"
#include "compartment-mgr/events.h"
#include "compartment-mgr/facts.h"
#include "compartment-mgr/live.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/stories.h"
#include "compartment-mgr/tcb.h"
#include "compartment-mgr/workers.h"
#include "lib/kernel_pcr.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STATUS_DEADLINE = 10 * 1000 };

static bool users_are_own;
static const char *hypervisor_name;

void state_setup(bool own_users, const char *hypervisor)
{
        users_are_own = own_users;
        hypervisor_name = hypervisor;
        facts_setup(hypervisor);
}

static void add(struct facts *f, const char *area, const char *name, const char *value,
                uint8_t level)
{
        if (f->count < f->room)
                f->items[f->count++] = (struct fact){area, name, value, level};
}

static void add_own(struct arena *a, struct facts *f)
{
        size_t running, count = compartments_count(&running), damaged_count;
        struct vm_summary *damaged;

        add(f, "host", "version", BULKHEAD_VERSION, FACT_PLAIN);
        if (users_are_own)
                add(f, "host", "users", "each daemon has its own", FACT_PLAIN);
        else
                add(f, "host", "users",
                    arena_print(a,
                                "all daemons run as uid %u: not started as root, so they are "
                                "not kept apart",
                                (unsigned)getuid()),
                    FACT_WARNING);
        add(f, "vm", "defined", arena_print(a, "%zu", count), FACT_PLAIN);
        compartments_damaged(a, &damaged, &damaged_count);
        if (damaged_count)
                add(f, "vm", "damaged",
                    arena_print(a, "%zu definitions cannot be read: bulkhead vm list names them",
                                damaged_count),
                    FACT_WARNING);
        add(f, "vm", "running",
            arena_print(a, "%zu%s", running, strcmp(hypervisor_name, "sim") ? "" : " (simulated)"),
            FACT_PLAIN);
        if (*autostart_waits_for())
                add(f, "vm", "autostart", arena_print(a, "waits for %s", autostart_waits_for()),
                    FACT_NOTE);
}

static const char *mebibytes(struct arena *a, const char *bytes)
{
        return arena_print(a, "%llu MiB", strtoull(bytes, NULL, 10) >> 20);
}

static void add_foreign(struct arena *a, struct facts *f)
{
        struct domain_list_rep domains;
        size_t foreign = 0;

        if (live_domains(a, &domains))
                return;
        for (size_t i = 0; i < domains.domains.count; i++)
                foreign += !domains.domains.items[i].ours;
        if (foreign)
                add(f, "vm", "foreign",
                    arena_print(a, "%zu, started by others and left alone", foreign), FACT_NOTE);
}

static void add_hypervisor(struct arena *a, struct facts *f)
{
        struct domain_hypervisor_req q = {};
        struct domain_hypervisor_rep p;

        if (!strcmp(hypervisor_name, "sim"))
                add(f, "hypervisor", "kind", "simulated: VMs are records, nothing is run",
                    FACT_WARNING);
        else
                add(f, "hypervisor", "kind", hypervisor_name, FACT_PLAIN);
        if (events_lost() ||
            worker_call(workers.domain, STATUS_DEADLINE, CALL(domain_hypervisor, &q, &p), a)) {
                add(f, "hypervisor", "state",
                    "does not answer: tried again until it does; see compartment-mgr's log",
                    FACT_WARNING);
                return;
        }
        add(f, "hypervisor", "version", live_fact(&p, "version"), FACT_PLAIN);
        add(f, "hypervisor", "free memory", mebibytes(a, live_fact(&p, "free-memory")), FACT_PLAIN);
        add_foreign(a, f);
}

static void add_all(struct facts *f, const struct fact *items, size_t count)
{
        for (size_t i = 0; i < count; i++)
                add(f, items[i].area, items[i].name, items[i].value, items[i].level);
}

static void add_peer(struct facts *f, struct arena *a, enum peer peer, const char *name)
{
        struct im_status_req im_q = {};
        struct svdm_status_req svdm_q = {};
        struct im_status_rep im = {0};
        struct svdm_status_rep svdm = {0};
        int fd = -1;
        enum status s = peer_connect(peer, PEER_GLANCE, &fd);

        if (!s && peer == PEER_IM)
                s = peer_ask(fd, CALL(im_status, &im_q, &im), a, PEER_BRIEF);
        else if (!s)
                s = peer_ask(fd, CALL(svdm_status, &svdm_q, &svdm), a, PEER_BRIEF);
        if (fd >= 0)
                close(fd);
        if (s) {
                const struct error *e = error_last();

                add(f, "host", name,
                    arena_print(a, "%s%s%s", status_sentence(s), e->found[0] ? ": " : "", e->found),
                    FACT_WARNING);
                return;
        }
        add(f, "host", name, "answers", FACT_PLAIN);
        add_all(f, im.facts.items, im.facts.count);
        add_all(f, svdm.facts.items, svdm.facts.count);
}

/* integrity-mgr's facts say so, if it answers. */
static bool is_approved(const struct facts *f)
{
        for (size_t i = 0; i < f->count; i++)
                if (!strcmp(f->items[i].area, "host") && !strcmp(f->items[i].name, "present state"))
                        return !strcmp(f->items[i].value, "approved");
        return false;
}

static void add_tcb(struct facts *f, struct arena *a)
{
        struct fact facts[TCB_FACTS];
        struct stat root = {0};
        struct tcb tcb;

        if (stat("/", &root))
                root.st_dev = 0;
        tcb_read("", root.st_dev, kernel_pcr_bank(f->items, f->count), &tcb);
        add_all(f, facts, tcb_facts(a, &tcb, is_approved(f), facts));
}

void state_facts(struct arena *a, struct facts *facts_out)
{
        facts_out->items = arena_get_many(a, STATUS_FACTS_MOST, sizeof *facts_out->items);
        facts_out->count = 0;
        facts_out->room = STATUS_FACTS_MOST;
        add_own(a, facts_out);
        add_hypervisor(a, facts_out);
        add_peer(facts_out, a, PEER_IM, "integrity-mgr");
        add_tcb(facts_out, a);
        add_peer(facts_out, a, PEER_SVDM, "svdm");
}
