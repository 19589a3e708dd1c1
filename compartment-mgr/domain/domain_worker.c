/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The domain worker: all that knows libxl. compartment-mgr starts this program twice, because no
 * outside input is parsed where there are rights to lose:
 *
 *   domain_worker --config                  reads xl.cfg and JSON; no rights, limited
 *   domain_worker --hypervisor xen FOLDER   builds, runs and ends domains; as root, for libxl
 *   domain_worker --hypervisor sim FOLDER   the same with records in FOLDER
 *
 * Each request is served in a child of its own.
 */
#include "compartment-mgr/domain/domain.h"
#include "compartment-mgr/config/xl_config.h"
#include "lib/report.h"
#include "lib/worker.h"

#include <string.h>
#include <sys/random.h>

static const struct domain_backend *const backends[] = {&domain_xen, &domain_sim};
static const struct domain_backend *backend;

/* --- --config -------------------------------------------------------------------------------- */

static uint8_t random_bytes[XL_CONFIG_RANDOM]; /* taken before the sandbox closes */

static void config_child_begin(void)
{
        if (getrandom(random_bytes, sizeof random_bytes, 0) != (ssize_t)sizeof random_bytes)
                fatal("no random bytes");
}

static enum status on_domain_config(struct request *r, const struct domain_config_req *q,
                                    struct domain_config_rep *p)
{
        struct xl_config c;
        enum status s = xl_config_read(r->arena, q->xl_cfg, &q->uuid, random_bytes, &c);

        if (s)
                return s;
        p->name = c.name;
        p->uuid = c.uuid;
        p->json = c.json;
        p->disks.items = c.disks;
        p->disks.count = c.disks_count;
        return ST_DONE;
}

static enum status on_domain_parse(struct request *r, const struct domain_parse_req *q,
                                   struct domain_parse_rep *p)
{
        return xl_config_parse(r->arena, q->json, &p->config);
}

/* --- --hypervisor ---------------------------------------------------------------------------- */

static enum status on_domain_create(struct request *r, const struct domain_create_req *q,
                                    struct domain_create_rep *p)
{
        return backend->create(q, r->arena, &p->domid);
}

static enum status on_domain_unpause(struct request *r, const struct domain_unpause_req *q,
                                     struct domain_unpause_rep *p)
{
        (void)p;
        return backend->unpause(q, r->arena);
}

static enum status on_domain_stop(struct request *r, const struct domain_stop_req *q,
                                  struct domain_stop_rep *p)
{
        return backend->stop(&q->uuid, q->seconds, r->arena, &p->clean);
}

static enum status on_domain_destroy(struct request *r, const struct domain_destroy_req *q,
                                     struct domain_destroy_rep *p)
{
        (void)p;
        return backend->destroy(&q->uuid, r->arena);
}

static enum status on_domain_save(struct request *r, const struct domain_save_req *q,
                                  struct domain_save_rep *p)
{
        (void)p;
        return backend->save(q, r->arena);
}

static enum status on_domain_suspend(struct request *r, const struct domain_suspend_req *q,
                                     struct domain_suspend_rep *p)
{
        (void)p;
        return backend->suspend(&q->uuid, r->arena);
}

static enum status on_domain_resume(struct request *r, const struct domain_resume_req *q,
                                    struct domain_resume_rep *p)
{
        (void)p;
        return backend->resume(&q->uuid, r->arena);
}

static enum status on_domain_attach(struct request *r, const struct domain_attach_req *q,
                                    struct domain_attach_rep *p)
{
        (void)p;
        return backend->attach(q, r->arena);
}

static enum status on_domain_detach(struct request *r, const struct domain_detach_req *q,
                                    struct domain_detach_rep *p)
{
        (void)p;
        return backend->detach(&q->uuid, q->device, r->arena);
}

static enum status on_domain_devices(struct request *r, const struct domain_devices_req *q,
                                     struct domain_devices_rep *p)
{
        return backend->devices(&q->uuid, r->arena, &p->devices.items, &p->devices.count);
}

static enum status on_domain_hypervisor(struct request *r, const struct domain_hypervisor_req *q,
                                        struct domain_hypervisor_rep *p)
{
        (void)q;
        return backend->facts(r->arena, &p->facts.items, &p->facts.count);
}

static enum status on_domain_wait(struct request *r, const struct domain_wait_req *q,
                                  struct domain_wait_rep *p)
{
        (void)q;
        (void)p;
        return backend->wait(r->arena);
}

static enum status on_domain_list(struct request *r, const struct domain_list_req *q,
                                  struct domain_list_rep *p)
{
        (void)q;
        return backend->list(r->arena, &p->domains.items, &p->domains.count);
}

/* --- entry ------------------------------------------------------------------------------- */

#define CALL(name)                                                                                 \
        static enum status call_##name(struct request *r, const void *q, void *p)                  \
        {                                                                                          \
                return on_##name(r, q, p);                                                         \
        }
CALL(domain_config)
CALL(domain_parse)
CALL(domain_create)
CALL(domain_unpause)
CALL(domain_stop)
CALL(domain_destroy)
CALL(domain_list)
CALL(domain_save)
CALL(domain_suspend)
CALL(domain_resume)
CALL(domain_attach)
CALL(domain_detach)
CALL(domain_devices)
CALL(domain_hypervisor)
CALL(domain_wait)

static const struct handler config_handlers[] = {{MESSAGE_domain_config, call_domain_config},
                                                 {MESSAGE_domain_parse, call_domain_parse}};
static const struct handler domain_handlers[] = {
        {MESSAGE_domain_create, call_domain_create},
        {MESSAGE_domain_unpause, call_domain_unpause},
        {MESSAGE_domain_stop, call_domain_stop},
        {MESSAGE_domain_destroy, call_domain_destroy},
        {MESSAGE_domain_list, call_domain_list},
        {MESSAGE_domain_save, call_domain_save},
        {MESSAGE_domain_suspend, call_domain_suspend},
        {MESSAGE_domain_resume, call_domain_resume},
        {MESSAGE_domain_attach, call_domain_attach},
        {MESSAGE_domain_detach, call_domain_detach},
        {MESSAGE_domain_devices, call_domain_devices},
        {MESSAGE_domain_hypervisor, call_domain_hypervisor},
        {MESSAGE_domain_wait, call_domain_wait},
};

static _Noreturn void serve_config(void)
{
        static const struct sandbox sandbox = {
                .profile = SANDBOX_COMPUTE, .memory = 256 << 20, .cpu_seconds = 5};
        static const struct worker_duty duty = {
                .name = "domain_worker (configurations)",
                .handlers = config_handlers,
                .handlers_count = sizeof config_handlers / sizeof *config_handlers,
                .sandbox = &sandbox,
                .child_begin = config_child_begin,
        };

        sandbox_warm_up(SANDBOX_COMPUTE);
        worker_serve(&duty);
}

static _Noreturn void serve_domains(const char *name, const char *folder)
{
        static struct worker_duty duty = {
                .name = "domain_worker",
                .handlers = domain_handlers,
                .handlers_count = sizeof domain_handlers / sizeof *domain_handlers,
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
        if (argc == 2 && !strcmp(argv[1], "--config"))
                serve_config();
        if (argc == 4 && !strcmp(argv[1], "--hypervisor"))
                serve_domains(argv[2], argv[3]);
        fatal("compartment-mgr starts this program, as --config or --hypervisor NAME FOLDER");
}
