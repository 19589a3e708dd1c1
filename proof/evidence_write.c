/* SPDX-License-Identifier: Apache-2.0 */
/* Writes evidence. integrity-mgr comes here with a complete struct; evidence_read.c is the
 * reader. */
#include "proof/evidence.h"
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
        enum { MOST = CHALLENGE_MOST }; /* the longest of them */
        char text[2 * MOST + 1];

        if (len > MOST) {
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

static void add_path(struct document *d, const struct path *path)
{
        for (size_t i = 0; i < path->count; i++)
                digest_element(d, "node", &path->nodes[i]);
}

enum status evidence_result(const struct evidence *e, struct buffer *out)
{
        struct document d = document_begin(out);

        document_open(&d, "result");
        document_attribute_u64(&d, "version", 1);
        document_open(&d, "log");
        document_attribute_u64(&d, "length", e->log_length);
        hex_attribute(&d, "root", e->log_root.bytes, hash_size(e->log_root.alg));
        document_close(&d);
        for (size_t i = 0; i < e->found_count; i++)
                document_raw(&d, e->found[i].canonical);
        document_close(&d);
        return document_end(&d);
}

static void add_pcrs(struct document *d, const struct evidence *e)
{
        for (int i = 0; i < PCR_COUNT; i++) {
                if (!(e->pcrs >> i & 1))
                        continue;
                document_open(d, "pcr");
                document_attribute_u64(d, "index", (uint64_t)i);
                document_hex(d, e->pcr[i].bytes, hash_size(e->pcr[i].alg));
                document_close(d);
        }
}

static void add_quote(struct document *d, const struct evidence *e)
{
        document_open(d, "quote");
        document_attribute(d, "alg", hash_name(e->alg));
        hex_element(d, "ak", e->ak.data, e->ak.len);
        hex_element(d, "attest", e->attest.data, e->attest.len);
        hex_element(d, "signature", e->signature.data, e->signature.len);
        add_pcrs(d, e);
        document_open(d, "leaf");
        hex_attribute(d, "challenge", e->leaf.challenge.data, e->leaf.challenge.len);
        document_attribute_u64(d, "count", e->leaf.count);
        document_attribute_u64(d, "index", e->leaf.index);
        hex_attribute(d, "random", e->leaf.random, COMMITMENT_RANDOM_LEN);
        add_path(d, &e->leaf.path);
        document_close(d);
        document_close(d);
}

static void add_openings(struct document *d, const struct evidence *e)
{
        for (size_t i = 0; i < e->found_count; i++) {
                const struct opening *o = &e->found[i].opening;

                document_open(d, "opening");
                document_attribute_u64(d, "index", o->index);
                hex_attribute(d, "random", o->random, COMMITMENT_RANDOM_LEN);
                add_path(d, &o->path);
                document_close(d);
        }
}

enum status evidence_write(const struct evidence *e, struct buffer *out)
{
        struct document d = document_begin(out);

        document_open(&d, "evidence");
        document_attribute(&d, "kind", e->kind);
        document_attribute_u64(&d, "version", 1);
        document_raw(&d, e->descriptor);
        document_raw(&d, e->result);
        add_quote(&d, e);
        add_openings(&d, e);
        if (e->consistency_from) {
                document_open(&d, "consistency");
                document_attribute_u64(&d, "from", e->consistency_from);
                add_path(&d, &e->consistency);
                document_close(&d);
        }
        document_close(&d);
        return document_end(&d);
}
