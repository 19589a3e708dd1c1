/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of a start (OpenTC D05.4, figure 3.9). vm_start comes here with the VM claimed. The
 * story asks integrity-mgr, svdm and the domain worker. It holds open disks, and the writing end of
 * a pipe for the secret, which it never reads.
 */
#include "compartment-mgr/device_check.h"
#include "compartment-mgr/live.h"
#include "compartment-mgr/memory_image.h"
#include "compartment-mgr/operation.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/stories.h"
#include "compartment-mgr/workers.h"
#include "lib/interrupt.h"
#include "lib/report.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>
#include <unistd.h>

enum { TURN_MOST = 1800 * 1000 /* ms */ };

/* libxl gives devices and hot-plug programs fixed times, which a Dom0 does not keep if it builds
 * more domains at once than it has CPUs. So starts take turns, in any order. */
static sem_t builders;

static void make_builders(void)
{
        long cpus = sysconf(_SC_NPROCESSORS_ONLN);

        if (sem_init(&builders, 0, cpus > 0 ? (unsigned)cpus : 1))
                fatal("no semaphore for the building of domains");
}

static enum status take_turn(const struct vm_definition *vm)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        const int64_t deadline = deadline_in(TURN_MOST);
        struct timespec until;
        int r;

        pthread_once(&once, make_builders);
        do {
                until = deadline_point(interrupt_look(deadline));
                r = sem_clockwait(&builders, CLOCK_MONOTONIC, &until);
        } while (r && deadline_left(deadline) > 0 && !interrupt_due());
        if (r && interrupt_check())
                return ST_CANCELLED;
        return r ? FAIL(ST_TIMEOUT, .subject = FMT("building VM %s", vm->name),
                        .found = "too many others are being built",
                        .remedy = "start it again when they run")
                 : ST_DONE;
}

static enum status build_paused(struct operation *o, const struct svdm_unlock_rep *devices,
                                uint32_t *domid_out)
{
        struct domain_create_req q = {.config = o->config,
                                      .kernel = operation_boot_file(o, "kernel"),
                                      .ramdisk = operation_boot_file(o, "ramdisk"),
                                      .memory = o->memory_device};
        struct domain_create_rep p = {};
        enum status s;

        q.devices = devices->devices;
        s = take_turn(o->vm);
        if (s)
                return s;
        s = worker_call(workers.domain, o->memory.path ? PEER_LONG : DOMAIN_DEADLINE,
                        CALL(domain_create, &q, &p), o->arena);
        sem_post(&builders);
        *domid_out = p.domid;
        return s;
}

static enum status unpause(struct operation *o, const struct svdm_unlock_rep *devices,
                           uint32_t domid, bool compare)
{
        struct domain_unpause_req q = {
                .domid = domid, .config = o->config, .woken = o->memory.path, .compare = compare};
        struct domain_unpause_rep p;

        q.devices = devices->devices;
        return worker_call(workers.domain, DOMAIN_DEADLINE, CALL(domain_unpause, &q, &p), o->arena);
}

/* Commits. Once the guest runs it writes to its disks, and its image does not fit them any more: so
 * the image is forgotten before. The domain is compared first, so that a start that is refused, or
 * cancelled, keeps it. */
static enum status wake(struct operation *o, const struct svdm_unlock_rep *devices, uint32_t domid)
{
        enum status s = o->memory.path ? unpause(o, devices, domid, true) : ST_DONE;

        if (!s)
                s = compartment_commit(o->compartment);
        return s || !o->memory.path ? s : memory_image_forget(o->arena, o->compartment);
}

/* After unpausing, never before: a paused domain that nobody remembers was not compared. */
static void remember(struct operation *o, uint32_t domid)
{
        compartment_began(o->compartment, false, deadline_in(0));
        if (compartment_set_domain(o->compartment, domid))
                report_error("keeping which domain runs a VM");
}

static void undo_build(struct operation *o)
{
        struct domain_destroy_req q = {.uuid = o->vm->uuid};
        struct domain_destroy_rep p;
        enum status s = worker_call(workers.domain, DOMAIN_DEADLINE, CALL(domain_destroy, &q, &p),
                                    o->arena);

        if (s && s != ST_NOT_FOUND)
                report_error("destroying a domain whose start was refused");
}

static void undo_keep(struct operation *o)
{
        struct svdm_release_req q = {.vm = o->vm->uuid};
        struct svdm_release_rep p;

        if (operation_svdm(o, CALL(svdm_release, &q, &p), PEER_SHORT))
                report_error("giving back the devices of a VM whose start was refused");
}

/* Undoes the steps in reverse. What svdm has not kept goes when the connection to it closes. Before
 * anything was done the operation has no VM yet. */
static void undo(struct operation *o, bool built, bool kept)
{
        struct error why = *error_last();

        interrupt_forbid();
        if (built)
                undo_build(o);
        if (kept)
                undo_keep(o);
        error_keep(&why);
}

/* --- the story --- */

/* What has been done, for undo(). */
struct start {
        struct operation o;
        struct svdm_unlock_rep devices;
        uint32_t domid;
        bool built; /* or half-built, if the worker died */
        bool kept;
};

/* Whatever can be refused before a disk is opened. */
static enum status permit(struct operation *o)
{
        enum status s = operation_must_be_sealed(o);

        if (!s)
                s = operation_read_config(o);
        if (!s)
                s = vm_device_permit_all(&o->config, &o->vm->owner, o->arena);
        return s ? s : device_check_mapped(o);
}

static enum status open_all(struct operation *o)
{
        enum status s;

        if (*compartment_memory(o->compartment))
                operation_with_memory(o, arena_text(o->arena, compartment_memory(o->compartment)),
                                      "memory");
        s = operation_open_disks(o);
        return s ? s
                 : operation_open_targets(o, &o->sealed.descriptor, o->open.disks.items,
                                          o->open.disks.count);
}

static enum status build(struct start *start)
{
        struct operation *o = &start->o;
        enum status s;

        start->built = true;
        s = build_paused(o, &start->devices, &start->domid);
        if (s != ST_EXISTS)
                return s;
        start->built = false; /* that domain is not ours to end */
        return live_refuse_foreign(o->arena, o->vm->name, &o->vm->uuid) ? ST_REFUSED : s;
}

/* Checks after building, when nothing is opened by name any more. Keeps before running: if we die,
 * no running guest loses its disks. */
static enum status run(struct start *start)
{
        struct operation *o = &start->o;
        enum status s = operation_check(o);

        if (s)
                return s;
        start->kept = true;
        s = operation_keep(o);
        if (!s)
                s = wake(o, &start->devices, start->domid);
        if (!s)
                s = unpause(o, &start->devices, start->domid, false);
        if (!s)
                remember(o, start->domid);
        return s;
}

enum status start_vm(struct arena *a, struct compartment *c)
{
        struct start start = {.o = OPERATION_NONE};
        enum status s;

        compartment_set_state(c, VM_STARTING, "");
        s = compartment_allow_cancel(c);
        if (!s)
                s = operation_begin(&start.o, a, c);
        if (!s)
                s = permit(&start.o);
        if (!s)
                s = open_all(&start.o);
        if (!s)
                s = operation_unseal_disks(&start.o); /* measures and judges first */
        if (!s)
                s = operation_unlock(&start.o, &start.devices);
        if (!s)
                s = device_check_others(&start.o);
        if (!s)
                s = build(&start);
        if (!s)
                s = run(&start);
        if (s)
                undo(&start.o, start.built, start.kept);
        operation_end(&start.o);
        compartment_set_refusal(c, s);
        compartment_set_state(c, s ? compartment_at_rest(c) : VM_RUNNING,
                              s ? status_sentence(s) : "");
        return s;
}
