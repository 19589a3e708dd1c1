/* SPDX-License-Identifier: Apache-2.0 */
/* Computes what a seal is bound to. seal.c comes here at each seal, unseal and re-seal. */
#include "integrity-mgr/binding.h"
#include "lib/principal.h"

static void add_predicate(struct hash *h, enum hash_alg alg, const struct predicate *p)
{
        struct digest digest = digest_of(alg, p->stylesheet.data, p->stylesheet.len);

        hash_field_digest(h, &digest);
}

/* The descriptor, which is bound too, says which check is for which device. */
static void add_predicates(struct hash *h, enum hash_alg alg, const struct descriptor *d)
{
        hash_u32(h, (uint32_t)(d->predicates.count + d->checks.count));
        for (size_t i = 0; i < d->predicates.count; i++)
                add_predicate(h, alg, &d->predicates.items[i]);
        for (size_t i = 0; i < d->checks.count; i++)
                add_predicate(h, alg, &d->checks.items[i].predicate);
}

static void add_plugins(struct hash *h, const struct binding *b)
{
        hash_u32(h, (uint32_t)b->descriptor->targets.count);
        for (size_t i = 0; i < b->descriptor->targets.count; i++) {
                hash_field_text(h, b->plugins[i].name);
                if (b->construction == BINDING_FILES)
                        hash_field_digest(h, &b->plugins[i].file);
                else
                        hash_u32(h, b->plugins[i].version);
        }
}

static void add_disks(struct hash *h, const struct binding *b)
{
        hash_u32(h, (uint32_t)b->disks_count);
        for (size_t i = 0; i < b->disks_count; i++)
                hash_field(h, b->disks[i].uuid.bytes, sizeof b->disks[i].uuid.bytes);
}

static void add_measurements(struct hash *h, const struct binding *b)
{
        const struct descriptor *d = b->descriptor;
        uint32_t bound = 0;

        for (size_t i = 0; i < d->targets.count; i++)
                bound += !d->targets.items[i].judged;
        hash_u32(h, bound);
        for (size_t i = 0; i < d->targets.count; i++)
                if (!d->targets.items[i].judged)
                        hash_field_digest(h, &b->forms[i].digest);
}

static void add_principal(struct hash *h, const struct principal *p)
{
        char text[PRINCIPAL_TEXT_SIZE];

        hash_field_text(h, principal_write(p, text));
}

struct digest binding_digest(const struct binding *b)
{
        const struct descriptor *d = b->descriptor;
        struct digest canonical = digest_of(b->alg, d->canonical.data, d->canonical.len);
        struct hash *h = hash_begin(b->alg);

        hash_field_text(h,
                        b->construction == BINDING_FILES ? "bulkhead-seal-1" : "bulkhead-seal-2");
        hash_field(h, b->vm.bytes, sizeof b->vm.bytes);
        if (b->construction != BINDING_FILES) {
                add_principal(h, &b->owner);
                add_principal(h, &b->recipient);
        }
        hash_field_digest(h, &canonical);
        add_plugins(h, b);
        add_predicates(h, b->alg, d);
        add_disks(h, b);
        hash_field_digest(h, &b->config);
        add_measurements(h, b);
        return hash_end(h);
}

enum status binding_pcr(const struct descriptor *d, uint32_t *pcr_out)
{
        *pcr_out = 0;
        for (size_t i = 0; i < d->targets.count; i++) {
                uint32_t pcr = d->targets.items[i].pcr;

                if (pcr && *pcr_out && pcr != *pcr_out)
                        return FAIL(ST_INVALID, .subject = d->targets.items[i].name,
                                    .expected = FMT("dest=\"PCR%u\" or \"LOG\"", *pcr_out),
                                    .found = FMT("dest=\"PCR%u\"", pcr),
                                    .remedy = "a seal has one destination PCR");
                if (pcr)
                        *pcr_out = pcr;
        }
        if (!*pcr_out)
                *pcr_out = 16;
        return ST_DONE;
}
