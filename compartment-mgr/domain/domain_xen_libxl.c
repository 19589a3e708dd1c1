/* SPDX-License-Identifier: Apache-2.0 */
/* The context, what libxl says, and which domains there are. This file only asks. */
#include "compartment-mgr/domain/domain_xen_libxl.h"
#include "lib/report.h"

#include <inttypes.h>
#include <libxl_utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xentoollog.h>

static libxl_ctx *ctx;
static char said[256]; /* errors since xen_open(); the first one, which is the cause, comes first */

/* --- what libxl says --------------------------------------------------------------------- */

/* Leaves out "libxl_device.c:1265:some_function: ", which is for libxl's authors. */
static const char *without_place(const char *line)
{
        const char *place = strstr(line, ".c:"), *end = place ? strstr(place, ": ") : NULL;

        return end && !memchr(line, ' ', (size_t)(place - line)) ? end + 2 : line;
}

static void remember(const char *line)
{
        size_t len = strlen(said);

        snprintf(said + len, sizeof said - len, "%s%.200s", len ? "; " : "", line);
}

static void on_message(xentoollog_logger *l, xentoollog_level level, int errnoval,
                       const char *context, const char *format, va_list args)
{
        char line[512];
        const char *text;
        int len;

        (void)l;
        if (level < XTL_NOTICE)
                return;
        len = vsnprintf(line, sizeof line, format, args);
        if (errnoval >= 0 && len >= 0 && (size_t)len < sizeof line)
                snprintf(line + len, sizeof line - (size_t)len, ": %s", strerror(errnoval));
        text = without_place(line);
        if (level >= XTL_ERROR)
                remember(text);
        if (level >= XTL_WARN)
                report_warning("%s: %s", context ? context : "xen", text);
        else
                report_info("%s: %s", context ? context : "xen", text);
}

static void on_progress(xentoollog_logger *l, const char *context, const char *doing_what,
                        int percent, unsigned long done, unsigned long total)
{
        (void)l;
        (void)context;
        (void)doing_what;
        (void)percent;
        (void)done;
        (void)total;
}

static void on_destroy(xentoollog_logger *l)
{
        (void)l;
}

enum status xen_open(libxl_ctx **ctx_out)
{
        static xentoollog_logger logger = {on_message, on_progress, on_destroy};
        enum status s = store_connect(); /* libxl waits for ever where this is refused */

        said[0] = 0;
        if (s)
                return s;
        if (!ctx && libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, &logger)) {
                ctx = NULL;
                return FAIL(ST_UNREACHABLE, .subject = "Xen", .found = said,
                            .remedy = "boot this host with Xen, or simulate it: --hypervisor sim");
        }
        *ctx_out = ctx;
        return ST_DONE;
}

enum status xen_failed(int error, const char *subject)
{
        const char *found = *said ? said : FMT("libxl's error %d", error);

        switch (error) {
        case ERROR_DOMAIN_NOTFOUND:
                return FAIL(ST_NOT_FOUND, .subject = subject, .found = found);
        case ERROR_TIMEDOUT:
                return FAIL(ST_TIMEOUT, .subject = subject, .found = found);
        default:
                return FAIL(ST_HYPERVISOR, .subject = subject, .found = found,
                            .remedy = "see compartment-mgr's log, and /var/log/xen");
        }
}

/* --- which domains there are --------------------------------------------------------------- */

/* The name, made a WORD: a domain of others may have any characters in it. */
static const char *name_of(struct arena *a, const libxl_dominfo *info)
{
        static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789._:+-";
        char *given = libxl_domid_to_name(ctx, info->domid), *name;

        if (!given || !*given) {
                free(given);
                return arena_print(a, "domain-%" PRIu32, info->domid);
        }
        name = arena_print(a, "%.*s", WORD_MOST, given);
        free(given);
        for (char *c = name + strspn(name, allowed); *c; c += strspn(c, allowed))
                *c = '_';
        return name;
}

static enum status look_at(struct arena *a, const libxl_dominfo *info, struct xen_domain *out)
{
        struct uuid uuid;
        enum status s;

        memcpy(uuid.bytes, info->uuid.uuid, sizeof uuid.bytes);
        *out = (struct xen_domain){.info = *info, .name = name_of(a, info)};
        out->info.ssid_label = NULL; /* the list's */
        s = mark_read(a, &uuid, &out->mark);
        /* the mark of a domain that is being built has no domid yet; such a domain is paused */
        out->ours = out->mark.stage == MARK_BUILDING
                            ? info->paused
                            : out->mark.stage && out->mark.domid == info->domid;
        return s;
}

enum status xen_domains(struct arena *a, struct xen_domain **domains_out, size_t *count_out)
{
        libxl_ctx *c;
        libxl_dominfo *list;
        int count = 0;
        enum status s = xen_open(&c);

        *count_out = 0;
        if (s)
                return s;
        list = libxl_list_domain(c, &count);
        if (!list)
                return xen_failed(ERROR_FAIL, "the list of domains");
        *domains_out = arena_get_many(a, (size_t)count, sizeof **domains_out);
        for (int i = 0; i < count && !s; i++)
                if (list[i].domid)
                        s = look_at(a, &list[i], &(*domains_out)[(*count_out)++]);
        libxl_dominfo_list_free(list, count);
        return s;
}

enum status xen_domain_ours(struct arena *a, const struct uuid *uuid, struct xen_domain *out)
{
        const struct xen_domain *foreign = NULL;
        struct xen_domain *domains;
        char text[37];
        size_t count;
        enum status s = xen_domains(a, &domains, &count);

        if (s)
                return s;
        uuid_write(uuid, text);
        for (size_t i = 0; i < count; i++) {
                if (memcmp(domains[i].info.uuid.uuid, uuid->bytes, sizeof uuid->bytes))
                        continue;
                *out = domains[i];
                if (out->ours)
                        return ST_DONE;
                foreign = &domains[i];
        }
        if (!foreign)
                return FAIL(ST_NOT_FOUND, .subject = FMT("domain %s", text));
        return FAIL(ST_WRONG_STATE, .subject = FMT("domain %s", text),
                    .expected = "one that Bulkhead built",
                    .found = FMT("'%s', domain %" PRIu32 ", which others started", foreign->name,
                                 foreign->info.domid),
                    .remedy = FMT("xl destroy %" PRIu32, foreign->info.domid));
}

enum status xen_domain_again(struct xen_domain *d)
{
        libxl_uuid uuid = d->info.uuid;
        libxl_dominfo info;
        libxl_ctx *c;
        int r;
        enum status s = xen_open(&c);

        if (s)
                return s;
        libxl_dominfo_init(&info);
        r = libxl_domain_info(c, &info, d->info.domid);
        if (!r)
                d->info = info;
        d->info.ssid_label = NULL;
        libxl_dominfo_dispose(&info);
        if (r == ERROR_DOMAIN_NOTFOUND || (!r && libxl_uuid_compare(&uuid, &d->info.uuid)))
                return FAIL(ST_NOT_FOUND, .subject = FMT("domain %s", d->name));
        return r ? xen_failed(r, FMT("domain %s", d->name)) : ST_DONE;
}
