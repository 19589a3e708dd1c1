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

enum status present_look(struct arena *a, struct present *p, const struct open_disk_list *disks,
                         const struct open_target_list *targets)
{
        const struct descriptor *d = &p->descriptor;
        const struct host_state *host;
        struct log_entry *entries;
        struct log_place place;
        struct log *log;
        enum status s = host_needed(&host);

        see_disks(a, p, disks);
        if (!s)
                s = binding_pcr(d, &p->pcr);
        if (!s)
                s = host_log_get(&log);
        if (!s)
                s = measure_all(a, d->targets.items, d->targets.count, targets->items,
                                targets->count, host->keys.alg, &p->found);
        if (!s)
                s = host_log_found(a, &p->found, NULL, &entries, &place);
        return s ? s : log_sync(log, &place);
}

enum status present_bind(struct arena *a, struct present *p)
{
        const struct host_state *host;
        enum status s = host_needed(&host);

        if (!s)
                s = judge_all(a, &p->descriptor, p->found.forms, p->found.count);
        if (s)
                return s;
        p->binding = binding_digest(&(struct binding){.alg = host->keys.alg,
                                                      .vm = p->vm,
                                                      .descriptor = &p->descriptor,
                                                      .plugins = p->found.plugins,
                                                      .forms = p->found.forms,
                                                      .disks = p->disks.items,
                                                      .disks_count = p->disks.count,
                                                      .config = p->config});
        return ST_DONE;
}
