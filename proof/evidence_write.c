/* SPDX-License-Identifier: Apache-2.0 */
/* Writes evidence. attest.c comes here with everything done; the verifier reads it. */
#include "proof/evidence_write.h"
#include "lib/document.h"

#include <string.h>

static void hex_element(struct document *d, const char *name, const uint8_t *bytes, size_t len)
{
        document_open(d, name);
        document_hex(d, bytes, len);
        document_close(d);
}

static void hex_attribute(struct document *d, const char *name, const uint8_t *bytes, size_t len)
{
        char text[2 * 64 + 1];

        if (len > 64) {
                d->bad = true;
                return;
        }
        hex_write(text, bytes, len);
        document_attribute(d, name, text);
}

static void digest_element(struct document *d, const char *name, const struct digest *digest)
{
        hex_element(d, name, digest->bytes, hash_size(digest->alg));
}

static void add_path(struct document *d, const struct merkle_path *path)
{
        for (size_t i = 0; i < path->count; i++)
                digest_element(d, "node", &path->nodes[i]);
}

enum status evidence_result(const struct log_place *place, const struct found *found,
                            struct buffer *out)
{
        struct document d = document_begin(out);

        document_open(&d, "result");
        document_attribute_u64(&d, "version", 1);
        document_open(&d, "log");
        document_attribute_u64(&d, "length", place->length);
        hex_attribute(&d, "root", place->root.bytes, hash_size(place->root.alg));
        document_close(&d);
        for (size_t i = 0; i < found->count; i++)
                document_raw(&d, found->forms[i].canonical);
        document_close(&d);
        return document_end(&d);
}

static void add_quote(struct document *d, const struct evidence *e)
{
        document_open(d, "quote");
        document_attribute(d, "alg", hash_name(e->alg));
        hex_element(d, "ak", e->ak_public.data, e->ak_public.len);
        hex_element(d, "attest", e->quote->quote.data, e->quote->quote.len);
        hex_element(d, "signature", e->quote->signature.data, e->quote->signature.len);
        for (size_t i = 0; i < e->quote->pcrs.count; i++) {
                const struct pcr_value *p = &e->quote->pcrs.items[i];

                document_open(d, "pcr");
                document_attribute_u64(d, "index", p->pcr);
                document_hex(d, p->value.bytes, hash_size(p->value.alg));
                document_close(d);
        }
        document_open(d, "leaf");
        hex_attribute(d, "challenge", e->challenge.data, e->challenge.len);
        document_attribute_u64(d, "count", e->leaf_count);
        document_attribute_u64(d, "index", e->leaf_index);
        hex_attribute(d, "random", e->leaf_random, COMMITMENT_RANDOM_LEN);
        add_path(d, e->leaf_path);
        document_close(d);
        document_close(d);
}

static void add_openings(struct document *d, const struct evidence *e)
{
        for (size_t i = 0; i < e->entries_count; i++) {
                document_open(d, "opening");
                document_attribute_u64(d, "index", e->first + i);
                hex_attribute(d, "random", e->entries[i].random, COMMITMENT_RANDOM_LEN);
                add_path(d, &e->openings[i]);
                document_close(d);
        }
}

enum status evidence_write(const struct evidence *e, struct buffer *out)
{
        struct document d = document_begin(out);

        document_open(&d, "evidence");
        document_attribute(&d, "kind", "host");
        document_attribute_u64(&d, "version", 1);
        document_raw(&d, e->descriptor);
        document_raw(&d, e->result);
        add_quote(&d, e);
        add_openings(&d, e);
        if (e->consistency_from) {
                document_open(&d, "consistency");
                document_attribute_u64(&d, "from", e->consistency_from);
                add_path(&d, e->consistency);
                document_close(&d);
        }
        document_close(&d);
        return document_end(&d);
}
