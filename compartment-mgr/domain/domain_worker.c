/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The domain worker: the only program that has libxl. It reads no outside input except what libxl
 * itself reads.
 *
 *   domain_worker --hypervisor xen FOLDER   builds, runs and ends domains; as root, for libxl
 *   domain_worker --hypervisor sim FOLDER   the same with records in FOLDER
 *
 * Each request is served in a child of its own.
 */
#include "compartment-mgr/domain/domain.h"
#include "lib/report.h"
#include "lib/worker.h"

#include <string.h>

#define DOMAIN_MSG HANDLER_PROTOTYPE
#include "bulkhead/messages.def"

static const struct domain_backend *const backends[] = {&domain_xen, &domain_sim};
static const struct domain_backend *backend;

/* --- requests ---------------------------------------------------------------------------- */

enum status on_domain_create(struct request *r, const struct domain_create_req *q,
                             struct domain_create_rep *p)
{
        return backend->create(q, r->arena, &p->domid);
}

enum status on_domain_unpause(struct request *r, const struct domain_unpause_req *q,
                              struct domain_unpause_rep *p)
{
        (void)p;
        return backend->unpause(q, r->arena);
}

enum status on_domain_stop(struct request *r, const struct domain_stop_req *q,
                           struct domain_stop_rep *p)
{
        return backend->stop(&q->uuid, q->seconds, r->arena, &p->clean);
}

enum status on_domain_destroy(struct request *r, const struct domain_destroy_req *q,
                              struct domain_destroy_rep *p)
{
        (void)p;
        return backend->destroy(&q->uuid, r->arena);
}

enum status on_domain_save(struct request *r, const struct domain_save_req *q,
                           struct domain_save_rep *p)
{
        (void)p;
        return backend->save(q, r->arena);
}

enum status on_domain_suspend(struct request *r, const struct domain_suspend_req *q,
                              struct domain_suspend_rep *p)
{
        (void)p;
        return backend->suspend(&q->uuid, r->arena);
}

enum status on_domain_resume(struct request *r, const struct domain_resume_req *q,
                             struct domain_resume_rep *p)
{
        (void)p;
        return backend->resume(&q->uuid, r->arena);
}

enum status on_domain_attach(struct request *r, const struct domain_attach_req *q,
                             struct domain_attach_rep *p)
{
        (void)p;
        return backend->attach(q, r->arena);
}

enum status on_domain_detach(struct request *r, const struct domain_detach_req *q,
                             struct domain_detach_rep *p)
{
        (void)p;
        return backend->detach(&q->uuid, q->device, r->arena);
}

enum status on_domain_devices(struct request *r, const struct domain_devices_req *q,
                              struct domain_devices_rep *p)
{
        return backend->devices(&q->uuid, r->arena, &p->devices.items, &p->devices.count);
}

enum status on_domain_hypervisor(struct request *r, const struct domain_hypervisor_req *q,
                                 struct domain_hypervisor_rep *p)
{
        (void)q;
        return backend->facts(r->arena, &p->facts.items, &p->facts.count);
}

enum status on_domain_wait(struct request *r, const struct domain_wait_req *q,
                           struct domain_wait_rep *p)
{
        (void)q;
        (void)p;
        return backend->wait(r->arena);
}

enum status on_domain_disks(struct request *r, const struct domain_disks_req *q,
                            struct domain_disks_rep *p)
{
        (void)q;
        return backend->disks(r->arena, &p->disks.items, &p->disks.count);
}

enum status on_domain_list(struct request *r, const struct domain_list_req *q,
                           struct domain_list_rep *p)
{
        (void)q;
        return backend->list(r->arena, &p->domains.items, &p->domains.count);
}

/* --- entry ------------------------------------------------------------------------------- */

static const struct handler handlers[] = {
#define DOMAIN_MSG HANDLER_ENTRY
#include "bulkhead/messages.def"
};

static _Noreturn void serve(const char *name, const char *folder)
{
        static struct worker_duty duty = {
                .name = "domain_worker",
                .handlers = handlers,
                .handlers_count = sizeof handlers / sizeof *handlers,
        };

        for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
                if (!strcmp(backends[i]->name, name))
                        backend = backends[i];
        if (!backend)
                fatal("hypervisor %s: not in this version", name);
        if (backend->open(folder))
                fatal("hypervisor %s: %s: %s; %s", name, status_sentence(error_last()->status),
                      error_last()->found, error_last()->remedy);
        duty.sandbox = backend->sandbox;
        if (duty.sandbox)
                sandbox_warm_up(duty.sandbox->profile);
        worker_serve(&duty);
}

int main(int argc, char **argv)
{
        process_harden();
        report_open("domain_worker");
        if (argc == 4 && !strcmp(argv[1], "--hypervisor"))
                serve(argv[2], argv[3]);
        fatal("compartment-mgr starts this program, as --hypervisor NAME FOLDER");
}
