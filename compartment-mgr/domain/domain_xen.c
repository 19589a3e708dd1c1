/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor Xen: the stories of a domain's life. Only the domain worker comes here, as root:
 * it speaks to Xen by libxl and to xenstore, and libxl runs Xen's hot-plug scripts. If a child of
 * the worker is killed halfway, the domain's mark (domain_xen_store.h) tells that the domain is
 * ours, so that a destroy takes it away.
 */
#include "compartment-mgr/domain/domain.h"
#include "compartment-mgr/domain/domain_xen_attach.h"
#include "compartment-mgr/domain/domain_xen_check.h"
#include "compartment-mgr/domain/domain_xen_config.h"
#include "compartment-mgr/domain/domain_xen_disks.h"
#include "compartment-mgr/domain/domain_xen_save.h"
#include "lib/channel.h"
#include "lib/report.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
        GONE_WAIT = 20 * 1000, /* ms for a domain and its devices to go, once it is destroyed */
        GONE_LOOK = 50         /* ms between two looks at what the kernel still has */
};

/* Does not begin with libxl: a context must not be shared with the children. */
static enum status xen_open_backend(const char *folder)
{
        (void)folder;
        if (access("/dev/xen/privcmd", R_OK | W_OK))
                return FAIL(status_of_errno(errno), .subject = "Xen",
                            .found = FMT("/dev/xen/privcmd: %s", strerror(errno)),
                            .remedy = "boot this host with Xen and start compartment-mgr as root, "
                                      "or simulate: --hypervisor sim");
        return ST_DONE;
}

/* --- taking down --------------------------------------------------------------------------- */

/* Waits for the domain and its devices: the kernel lets go of them a moment after libxl returns. */
static enum status wait_until_gone(struct arena *a, struct xen_domain *d)
{
        int64_t deadline = deadline_in(GONE_WAIT);
        const char *left = NULL;
        bool changed;
        enum status s, gone;

        do {
                gone = xen_domain_again(d);
                if (gone && gone != ST_NOT_FOUND)
                        return gone;
                s = xen_devices_left(a, d->info.domid, &left);
                if (s || (gone && !left))
                        return s;
                s = store_wait(GONE_LOOK, &changed);
        } while (!s && deadline_left(deadline));
        if (s)
                return s;
        return FAIL(ST_TIMEOUT, .subject = FMT("domain %s (%" PRIu32 ")", d->name, d->info.domid),
                    .expected = "gone, its devices detached",
                    .found = left ? FMT("still attached: '%s'", left) : "it does not die",
                    .remedy = "see /var/log/xen/xen-hotplug.log, end the hot-plug script that "
                              "hangs, then repeat this");
}

static enum status take_down(struct arena *a, struct xen_domain *d)
{
        struct uuid uuid;
        libxl_ctx *ctx;
        int r;
        enum status s = xen_open(&ctx);

        if (s)
                return s;
        memcpy(uuid.bytes, d->info.uuid.uuid, sizeof uuid.bytes);
        r = libxl_domain_destroy(ctx, d->info.domid, NULL);
        if (r && r != ERROR_DOMAIN_NOTFOUND) {
                /* what counts is whether it is gone; the reason is kept if it is not */
                xen_failed(r, FMT("destroying domain %s", d->name));
                report_error("taking a domain down");
        }
        s = wait_until_gone(a, d);
        if (!s)
                s = xen_devices_sweep(d->info.domid);
        return s ? s : mark_remove(&uuid);
}

static enum status xen_destroy(const struct uuid *uuid, struct arena *a)
{
        struct xen_domain d;
        enum status s = xen_domain_ours(a, uuid, &d);

        if (s == ST_NOT_FOUND)
                mark_remove(uuid);
        return s ? s : take_down(a, &d);
}

/* --- building ------------------------------------------------------------------------------ */

static enum status must_be_new(struct arena *a, const struct vm_config *c)
{
        struct xen_domain *domains;
        size_t count;
        enum status s = xen_domains(a, &domains, &count);

        for (size_t i = 0; i < count && !s; i++) {
                const struct xen_domain *d = &domains[i];

                if (!memcmp(d->info.uuid.uuid, c->uuid.bytes, sizeof c->uuid.bytes) ||
                    !strcmp(d->name, c->name))
                        s = FAIL(ST_EXISTS,
                                 .subject = FMT("domain %s (%" PRIu32 ")", d->name, d->info.domid),
                                 .found = d->ours ? "Bulkhead built it" : "others started it",
                                 .remedy = d->ours ? FMT("bulkhead vm destroy %s", c->name)
                                                   : FMT("xl destroy %" PRIu32, d->info.domid));
        }
        return s;
}

/* Asked beforehand, since the hot-plug script's failure would name neither interface nor bridge. */
static enum status need_bridges(const struct vm_config *c)
{
        struct stat st;

        for (size_t i = 0; i < c->nics.count; i++)
                if (stat(FMT("/sys/class/net/%s/bridge", c->nics.items[i].bridge), &st))
                        return FAIL(ST_NOT_FOUND,
                                    .subject = FMT("%s of VM %s", c->nics.items[i].device, c->name),
                                    .expected = FMT("a bridge %s", c->nics.items[i].bridge),
                                    .found = "none in Dom0",
                                    .remedy =
                                            FMT("ip link add %s type bridge && ip link set %s up",
                                                c->nics.items[i].bridge, c->nics.items[i].bridge));
        return ST_DONE;
}

static enum status need_memory(libxl_ctx *ctx, const struct vm_config *c,
                               libxl_domain_config *config)
{
        uint64_t needed = 0, free_kb = 0;
        int r = libxl_domain_need_memory(ctx, config, 0, &needed);

        if (!r)
                r = libxl_get_free_memory(ctx, &free_kb);
        if (r)
                return xen_failed(r, FMT("memory for VM %s", c->name));
        if (needed <= free_kb)
                return ST_DONE;
        return FAIL(ST_NO_SPACE, .subject = FMT("memory for VM %s", c->name),
                    .expected = FMT("%" PRIu64 " MiB that are free", (needed + 1023) >> 10),
                    .found = FMT("%" PRIu64 " MiB", free_kb >> 10),
                    .remedy =
                            "stop another VM, or give Dom0 less: dom0_mem= of Xen's command line");
}

static enum status build(struct arena *a, const struct domain_create_req *q, libxl_ctx *ctx,
                         libxl_domain_config *config, uint32_t *domid_out)
{
        const struct vm_config *c = &q->config;
        enum status s = mark_write(&c->uuid, MARK_BUILDING, 0);
        int r;

        if (s)
                return s;
        if (*q->memory.path)
                s = xen_restore(ctx, config, &q->memory, domid_out);
        else if ((r = libxl_domain_create_new(ctx, config, domid_out, NULL, NULL)))
                s = xen_failed(r, FMT("building VM %s", c->name));
        if (!s)
                s = mark_write(&c->uuid, MARK_BUILT, *domid_out);
        if (s) {
                struct error why = *error_last();

                /* libxl takes down what it could not build, unless that fails, too */
                if (xen_destroy(&c->uuid, a) != ST_NOT_FOUND)
                        report_warning("VM %s: what was built of it is taken down", c->name);
                error_keep(&why);
        }
        return s;
}

static enum status xen_create(const struct domain_create_req *q, struct arena *a,
                              uint32_t *domid_out)
{
        libxl_domain_config config;
        char hotplug[PATH_MAX];
        libxl_ctx *ctx;
        enum status s = xen_config_check(q);

        if (!s)
                s = must_be_new(a, &q->config);
        if (!s)
                s = need_bridges(&q->config);
        if (!s)
                s = xen_config_hotplug(hotplug);
        if (!s)
                s = xen_open(&ctx);
        if (s)
                return s;
        xen_config_build(q, hotplug, &config);
        s = need_memory(ctx, &q->config, &config);
        if (!s)
                s = build(a, q, ctx, &config, domid_out);
        libxl_domain_config_dispose(&config);
        return s;
}

/* --- running ------------------------------------------------------------------------------- */

static enum status unpause(const struct xen_domain *d)
{
        libxl_ctx *ctx;
        int r;
        enum status s = xen_open(&ctx);

        if (s)
                return s;
        r = libxl_domain_unpause(ctx, d->info.domid, NULL);
        return r ? xen_failed(r, FMT("unpausing domain %s", d->name)) : ST_DONE;
}

static enum status xen_unpause(const struct domain_unpause_req *q, struct arena *a)
{
        struct xen_domain d;
        enum status s = xen_domain_ours(a, &q->config.uuid, &d);

        if (!s)
                s = xen_check(a, &d, q);
        if (s || q->compare)
                return s;
        s = mark_write(&q->config.uuid, MARK_RELEASED, d.info.domid);
        return s ? s : unpause(&d);
}

static enum status wrong_state(const struct xen_domain *d, const char *expected)
{
        const libxl_dominfo *i = &d->info;
        bool ran = d->mark.stage == MARK_RELEASED;

        return FAIL(ST_WRONG_STATE, .subject = FMT("domain %s", d->name), .expected = expected,
                    .found = i->dying      ? "dying"
                             : i->shutdown ? "ended"
                             : !i->paused  ? "running"
                             : ran         ? "suspended"
                                           : "never run");
}

static bool is_suspended(const struct xen_domain *d)
{
        return d->info.paused && !d->info.shutdown && !d->info.dying &&
               d->mark.stage == MARK_RELEASED;
}

static bool is_saved(const struct xen_domain *d)
{
        return d->info.shutdown && d->info.shutdown_reason == LIBXL_SHUTDOWN_REASON_SUSPEND &&
               !d->info.dying && d->mark.stage == MARK_RELEASED;
}

static bool is_running(const struct xen_domain *d)
{
        return !d->info.paused && !d->info.shutdown && !d->info.dying;
}

static enum status xen_suspend(const struct uuid *uuid, struct arena *a)
{
        struct xen_domain d;
        libxl_ctx *ctx;
        int r;
        enum status s = xen_domain_ours(a, uuid, &d);

        if (!s && !is_running(&d))
                s = wrong_state(&d, "running");
        if (!s)
                s = xen_open(&ctx);
        if (s)
                return s;
        r = libxl_domain_pause(ctx, d.info.domid, NULL);
        return r ? xen_failed(r, FMT("pausing domain %s", d.name)) : ST_DONE;
}

/* A domain that was never compared is not let run here. */
static enum status xen_resume(const struct uuid *uuid, struct arena *a)
{
        struct xen_domain d;
        enum status s = xen_domain_ours(a, uuid, &d);

        if (!s && is_saved(&d))
                return xen_resume_saved(d.info.domid, d.name);
        if (!s && !is_suspended(&d))
                s = wrong_state(&d, "suspended");
        return s ? s : unpause(&d);
}

static enum status xen_save(const struct domain_save_req *q, struct arena *a)
{
        struct xen_domain d;
        enum status s = xen_domain_ours(a, &q->uuid, &d);

        if (!s && !is_running(&d))
                s = wrong_state(&d, "running");
        return s ? s : xen_save_running(&d, &q->memory);
}

/* --- stopping ------------------------------------------------------------------------------ */

static void answered(libxl_ctx *ctx, int r, void *domain)
{
        (void)ctx, (void)r, (void)domain;
}

/* Asks without waiting: libxl would wait up to a minute for the guest's acknowledgement, which may
 * be longer than the admin said. What counts is whether the guest ends. */
static enum status ask_to_end(struct xen_domain *d)
{
        const libxl_asyncop_how how = {.callback = answered};
        libxl_ctx *ctx;
        int r;
        enum status s = is_suspended(d) ? unpause(d) : ST_DONE;

        if (!s)
                s = xen_open(&ctx);
        if (s)
                return s;
        r = libxl_domain_shutdown(ctx, d->info.domid, &how);
        if (r) { /* a guest that cannot be asked is ended by force */
                xen_failed(r, FMT("asking domain %s to shut down", d->name));
                report_error("stopping a VM");
        }
        return ST_DONE;
}

/* ST_DONE also when the time is over. */
static enum status wait_until_ended(struct xen_domain *d, int64_t deadline)
{
        bool changed = true;
        enum status s = ST_DONE;

        while (!s && changed) {
                s = xen_domain_again(d);
                if (s || d->info.shutdown || d->info.dying)
                        break;
                s = store_wait(deadline_left(deadline), &changed);
                changed = changed && deadline_left(deadline);
        }
        return s == ST_NOT_FOUND ? ST_DONE : s;
}

static enum status xen_stop(const struct uuid *uuid, unsigned seconds, struct arena *a,
                            bool *clean_out)
{
        struct xen_domain d;
        int64_t deadline = deadline_in((int64_t)seconds * 1000);
        enum status s = xen_domain_ours(a, uuid, &d);

        *clean_out = false;
        if (s == ST_NOT_FOUND)
                mark_remove(uuid);
        if (s)
                return s;
        if (is_running(&d) || is_suspended(&d)) {
                s = ask_to_end(&d);
                if (!s)
                        s = wait_until_ended(&d, deadline);
                if (s)
                        return s;
        }
        *clean_out = d.info.shutdown && d.info.shutdown_reason == LIBXL_SHUTDOWN_REASON_POWEROFF;
        return take_down(a, &d);
}

/* --- asking -------------------------------------------------------------------------------- */

static enum domain_phase phase_of(const libxl_dominfo *i)
{
        return i->dying      ? DOMAIN_DYING
               : i->shutdown ? DOMAIN_SHUTDOWN
               : i->paused   ? DOMAIN_PAUSED
                             : DOMAIN_RUNNING;
}

static enum domain_reason reason_of(const struct xen_domain *d)
{
        if (d->ours && is_suspended(d))
                return REASON_SUSPENDED;
        if (!d->info.shutdown || d->info.dying)
                return REASON_NONE;
        switch (d->info.shutdown_reason) {
        case LIBXL_SHUTDOWN_REASON_POWEROFF:
                return REASON_POWEROFF;
        case LIBXL_SHUTDOWN_REASON_REBOOT:
                return REASON_REBOOT;
        case LIBXL_SHUTDOWN_REASON_SUSPEND:
                return REASON_SUSPEND;
        case LIBXL_SHUTDOWN_REASON_WATCHDOG:
                return REASON_WATCHDOG;
        case LIBXL_SHUTDOWN_REASON_CRASH:
                return REASON_CRASH;
        default:
                return REASON_UNKNOWN;
        }
}

static enum status xen_list(struct arena *a, struct domain_state **domains_out, size_t *count_out)
{
        struct xen_domain *domains;
        enum status s = xen_domains(a, &domains, count_out);

        if (s)
                return s;
        *domains_out = arena_get_many(a, *count_out, sizeof **domains_out);
        for (size_t i = 0; i < *count_out; i++) {
                const struct xen_domain *d = &domains[i];
                struct domain_state *out = &(*domains_out)[i];

                *out = (struct domain_state){
                        .name = d->name,
                        .domid = d->info.domid,
                        .ours = d->ours,
                        .phase = phase_of(&d->info),
                        .reason = reason_of(d),
                        .code = (uint32_t)d->info.shutdown_reason,
                        .memory = d->info.current_memkb << 10,
                };
                memcpy(out->uuid.bytes, d->info.uuid.uuid, sizeof out->uuid.bytes);
        }
        return ST_DONE;
}

static char *fact(struct arena *a, const char *text)
{
        return arena_text(a, text ? text : "");
}

static enum status xen_facts(struct arena *a, struct value **facts_out, size_t *count_out)
{
        const libxl_version_info *v;
        libxl_physinfo physical;
        libxl_ctx *ctx;
        int r;
        enum status s = xen_open(&ctx);

        if (s)
                return s;
        v = libxl_get_version_info(ctx);
        libxl_physinfo_init(&physical);
        r = v ? libxl_get_physinfo(ctx, &physical) : ERROR_FAIL;
        if (r) {
                libxl_physinfo_dispose(&physical);
                return xen_failed(r, "facts about the hypervisor");
        }
        const struct value facts[] = {
                {"name", "xen"},
                {"version", arena_print(a, "%d.%d%s", v->xen_version_major, v->xen_version_minor,
                                        v->xen_version_extra)},
                {"build-id", fact(a, v->build_id)},
                {"changeset", fact(a, v->changeset)},
                {"compiler", fact(a, v->compiler)},
                {"compiled-by", arena_print(a, "%s@%s", v->compile_by, v->compile_domain)},
                {"compiled-at", fact(a, v->compile_date)},
                {"command-line", fact(a, v->commandline)},
                {"capabilities", fact(a, v->capabilities)},
                {"page-size", arena_print(a, "%d", v->pagesize)},
                {"cpus", arena_print(a, "%" PRIu32, physical.nr_cpus)},
                {"free-memory", arena_print(a, "%" PRIu64, physical.free_pages * v->pagesize)},
                {"total-memory", arena_print(a, "%" PRIu64, physical.total_pages * v->pagesize)},
        };
        libxl_physinfo_dispose(&physical);
        *facts_out = arena_copy(a, facts, sizeof facts);
        *count_out = sizeof facts / sizeof *facts;
        return ST_DONE;
}

static enum status xen_wait(struct arena *a)
{
        bool changed;

        (void)a;
        return store_wait(NO_DEADLINE, &changed);
}

const struct domain_backend domain_xen = {
        .name = "xen",
        .sandbox = NULL, /* libxl needs root, /dev/xen and to run scripts */
        .open = xen_open_backend,
        .create = xen_create,
        .unpause = xen_unpause,
        .stop = xen_stop,
        .destroy = xen_destroy,
        .save = xen_save,
        .suspend = xen_suspend,
        .resume = xen_resume,
        .attach = xen_attach,
        .detach = xen_detach,
        .devices = xen_devices,
        .disks = xen_disks,
        .list = xen_list,
        .facts = xen_facts,
        .wait = xen_wait,
};
