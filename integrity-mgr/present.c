/* SPDX-License-Identifier: Apache-2.0 */
/* Measures a VM for the stories of sealing (seal.c); asks the measure and policy workers. */
#include "integrity-mgr/present.h"
#include "integrity-mgr/binding.h"
#include "integrity-mgr/host.h"
#include "integrity-mgr/host_log.h"
#include "integrity-mgr/judge.h"

static void see_disks(struct arena *a, struct present *p, const struct open_disk_list *disks)
{
        size_t count = disks->count;

        p->disks.count = count;
        p->disks.items = arena_get_many(a, count + 1, sizeof *p->disks.items);
        p->writable = arena_get_many(a, count + 1, sizeof *p->writable);
        for (size_t i = 0; i < count; i++) {
                p->disks.items[i] = (struct disk_seen){.uuid = disks->items[i].uuid,
                                                       .path = disks->items[i].path};
                p->writable[i] = disks->items[i].writable;
        }
}

static struct principal this_host(struct arena *a, const struct host_state *host)
{
        char hex[DIGEST_HEX];

        digest_hex(&host->keys.host_identity, hex);
        return (struct principal){PRINCIPAL_HOST, arena_text(a, hex)};
}

enum status present_look(struct arena *a, struct present *p, const struct open_disk_list *disks,
                         const struct open_target_list *targets)
{
        const struct descriptor *d = &p->descriptor;
        const struct host_state *host;
        struct log_entry *entries;
        struct log_place place;
        struct log *log;
        enum status s = host_needed(&host);

        if (!s)
                p->recipient = this_host(a, host);
        see_disks(a, p, disks);
        if (!s)
                s = binding_pcr(d, &p->pcr);
        if (!s)
                s = host_log_get(&log);
        if (!s)
                s = measure_all(a, &p->asker, d->targets.items, d->targets.count, targets->items,
                                targets->count, host->keys.alg, &p->found);
        if (!s)
                s = host_log_found(a, &p->found, NULL, &entries, &place);
        return s ? s : log_sync(log, &place);
}

static struct digest bind(const struct present *p, enum seal_binding construction,
                          const struct plugin_seen *plugins)
{
        return binding_digest(&(struct binding){.construction = construction,
                                                .alg = host_get()->keys.alg,
                                                .vm = p->vm,
                                                .owner = p->owner,
                                                .recipient = p->recipient,
                                                .descriptor = &p->descriptor,
                                                .plugins = plugins,
                                                .forms = p->found.forms,
                                                .disks = p->disks.items,
                                                .disks_count = p->disks.count,
                                                .config = p->config});
}

enum status present_bind(struct arena *a, struct present *p)
{
        enum status s = judge_all(a, &p->descriptor, p->found.forms, p->found.count);

        if (!s)
                p->binding = bind(p, BINDING_VERSIONS, p->found.plugins);
        return s;
}

struct digest present_binding(const struct present *p, const struct seal_record *r)
{
        return r->construction == BINDING_FILES ? bind(p, BINDING_FILES, r->plugins.items)
                                                : p->binding;
}
