/* SPDX-License-Identifier: Apache-2.0 */
/* Gathers facts. requests.c comes here; the TPM is asked, nothing is changed. */
#include "integrity-mgr/im_status.h"
#include "integrity-mgr/generations.h"
#include "integrity-mgr/host.h"
#include "integrity-mgr/host_log.h"
#include "integrity-mgr/tpm_client.h"
#include "lib/kernel_pcr.h"
#include "lib/config.h"

#include <inttypes.h>

struct list {
        struct arena *arena;
        int64_t deadline;
        struct im_status_rep *rep;
};

static void add(struct list *l, const char *area, const char *name, const char *value,
                uint8_t level)
{
        if (l->rep->facts.count < IM_FACTS_MOST)
                l->rep->facts.items[l->rep->facts.count++] =
                        (struct fact){.area = area, .name = name, .value = value, .level = level};
}

static void add_error(struct list *l, const char *area, const char *name)
{
        const struct error *e = error_last();

        add(l, area, name,
            arena_print(l->arena, "%s: %s%s%s%s%s", e->subject, status_sentence(e->status),
                        *e->found ? "; found " : "", e->found, *e->remedy ? "; " : "", e->remedy),
            FACT_WARNING);
        error_clear();
}

static const char *hex(struct arena *a, struct bytes b)
{
        char *text = arena_get(a, 2 * b.len + 1);

        hex_write(text, b.data, b.len);
        return text;
}

static void add_tpm(struct list *l)
{
        struct tpm_status_req q = {};
        struct tpm_status_rep p = {};

        if (tpm_client_call_until(TPM_LAST, l->deadline, CALL(tpm_status, &q, &p), l->arena)) {
                add_error(l, "tpm", "TPM");
                return;
        }
        for (size_t i = 0; i < p.facts.count; i++)
                add(l, p.facts.items[i].area, p.facts.items[i].name, p.facts.items[i].value,
                    p.facts.items[i].level);
}

static const char *pcr_list(struct arena *a, uint32_t mask)
{
        const char *text = "";

        for (unsigned i = 0; i < PCR_COUNT; i++)
                if (mask >> i & 1)
                        text = arena_print(a, "%s%s%u", text, *text ? ", " : "", i);
        return text;
}

/* An approval that an epoch has ended stays in the file, and opens nothing. */
static void add_approvals(struct list *l, const struct host_state *h, uint64_t epoch)
{
        size_t good = 0;

        for (size_t i = 0; i < h->approvals.count; i++)
                good += h->approvals.items[i].epoch >= epoch;
        add(l, "host", "approved states", arena_print(l->arena, "%zu", good),
            good ? FACT_PLAIN : FACT_WARNING);
        if (good < h->approvals.count)
                add(l, "host", "retired approvals",
                    arena_print(l->arena, "%zu", h->approvals.count - good), FACT_PLAIN);
}

static void add_approval(struct list *l, const struct host_state *h)
{
        struct tpm_static_req q = {};
        struct tpm_static_rep p = {};
        uint32_t differing;

        if (tpm_client_call_until(TPM_LAST, l->deadline, CALL(tpm_static, &q, &p), l->arena)) {
                add_error(l, "host", "present state");
                add(l, "host", "approved states",
                    arena_print(l->arena, "unknown: how many of %zu are retired",
                                h->approvals.count),
                    FACT_WARNING);
                return;
        }
        add_approvals(l, h, p.epoch);
        add(l, "host", "epoch", arena_print(l->arena, "%" PRIu64, p.epoch), FACT_PLAIN);
        if (host_is_approved(h, p.pcrs.items, p.pcrs.count, p.epoch, &differing))
                add(l, "host", "present state", "approved", FACT_PLAIN);
        else if (differing == ~0U)
                add(l, "host", "present state", "not approved: bulkhead host approve",
                    FACT_WARNING);
        else if (!differing)
                add(l, "host", "present state",
                    "not approved: its approval was retired (bulkhead host approve)", FACT_WARNING);
        else
                add(l, "host", "present state",
                    arena_print(l->arena,
                                "not approved: not as the closest approval in PCR %s; if that "
                                "was meant: bulkhead host approve",
                                pcr_list(l->arena, differing)),
                    FACT_WARNING);
}

static void add_log(struct list *l)
{
        struct log *log;

        if (host_log_get(&log)) {
                add_error(l, "host", "log");
                return;
        }
        add(l, "host", "log entries", arena_print(l->arena, "%" PRIu64, log_length(log)),
            FACT_PLAIN);
}

static void add_seals(struct list *l)
{
        uint64_t counter;
        size_t count;

        if (generations_facts(l->deadline, &counter, &count)) {
                add_error(l, "host", "seals");
                return;
        }
        add(l, "host", "sealed VMs", arena_print(l->arena, "%zu", count), FACT_PLAIN);
        add(l, "host", "seal counter", arena_print(l->arena, "%" PRIu64, counter), FACT_PLAIN);
}

static void add_host(struct list *l, const struct host_state *h)
{
        struct bytes identity = {h->keys.host_identity.bytes, hash_size(h->keys.host_identity.alg)};

        add(l, "host", "set up", "yes", FACT_PLAIN);
        add(l, "host", "identity", hex(l->arena, identity), FACT_PLAIN);
        add(l, "host", "storage key (SRK) Name", hex(l->arena, h->keys.srk_name), FACT_PLAIN);
        add(l, "host", "attestation key (AK) Name", hex(l->arena, h->keys.ak_name), FACT_PLAIN);
        add(l, "host", "static PCRs", pcr_list(l->arena, h->keys.static_pcrs), FACT_PLAIN);
        add(l, "host", FACT_BANK, hash_name(h->keys.alg), FACT_PLAIN);
        add_approval(l, h);
        add_log(l);
        add_seals(l);
}

void im_status(int64_t deadline, struct arena *a, bool own_user, struct im_status_rep *rep_out)
{
        struct list l = {a, deadline, rep_out};
        const struct host_state *h = host_get();

        rep_out->facts.items = arena_get_many(a, IM_FACTS_MOST, sizeof *rep_out->facts.items);
        add(&l, "tcb", "integrity-mgr",
            own_user ? "runs as the user " USER_IM
                     : "shares the user of whoever started it: not apart from the other daemons",
            own_user ? FACT_PLAIN : FACT_WARNING);
        add_tpm(&l);
        if (h)
                add_host(&l, h);
        else if (generations_need_host())
                add_error(&l, "host", "set up");
        else
                add(&l, "host", "set up", "no: bulkhead host setup", FACT_WARNING);
}
