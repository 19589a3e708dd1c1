/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence of kind "host" in the table of kinds; its checks are in host_quote.c, host_result.c. */
#include "verifier/kinds/host.h"
#include "lib/document.h"

static const struct evidence_check checks[] = {
#define CHECK(id, meaning) {#id, meaning, host_##id},
        HOST_CHECKS(CHECK)
#undef CHECK
};

static struct bytes projection(struct work *w)
{
        const struct evidence *e = &((const struct host *)w->own)->evidence;
        struct buffer text = BUFFER_INIT(EVIDENCE_MOST);
        struct document d = document_begin(&text);
        struct bytes out = {0};

        document_open(&d, "projection");
        for (int i = 0; i < PCR_COUNT; i++) {
                if (!(e->pcrs >> i & 1))
                        continue;
                document_open(&d, "pcr");
                document_attribute(&d, "alg", hash_name(e->alg));
                document_attribute_u64(&d, "index", (uint64_t)i);
                document_hex(&d, e->pcr[i].bytes, hash_size(e->pcr[i].alg));
                document_close(&d);
        }
        for (size_t i = 0; i < e->found_count; i++)
                document_raw(&d, e->found[i].canonical);
        document_close(&d);
        if (!document_end(&d))
                out = (struct bytes){arena_copy(w->arena, text.data, text.len), text.len};
        buffer_clear(&text);
        return out;
}

static void learn(const struct work *w, struct trust *trust)
{
        const struct host *h = w->own;

        trust->reset_count = h->quote.reset_count;
        trust->restart_count = h->quote.restart_count;
        trust->clock = h->quote.clock;
        trust->log_length = h->evidence.log_length;
        trust->log_root = h->evidence.log_length ? h->evidence.log_root : (struct digest){0};
}

const struct evidence_kind evidence_kind_host = {
        .name = EVIDENCE_HOST,
        .checks = checks,
        .count = sizeof checks / sizeof *checks,
        .own_size = sizeof(struct host),
        .projection = projection,
        .learn = learn,
};
