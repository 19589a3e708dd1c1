/* SPDX-License-Identifier: Apache-2.0 */
/* Writes measurements, to be hashed, logged, judged or shown. */
#include "proof/measurement.h"

static void open_node(struct document *d, const struct node *n)
{
        document_open(d, "node");
        document_attribute(d, "id", n->id);
        document_attribute(d, "type", n->type);
        for (size_t i = 0; i < n->values.count; i++) {
                document_open(d, "value");
                document_attribute(d, "name", n->values.items[i].name);
                document_text(d, n->values.items[i].text);
                document_close(d);
        }
}

/* Nodes stand in document order: the parent of each is one of the nodes that are still open. A list
 * in another order has no single form, so it makes the document bad. */
static void add_nodes(struct document *d, const struct measurement *m)
{
        uint32_t open[DOCUMENT_DEPTH];
        unsigned depth = 0;

        for (size_t i = 0; i < m->nodes.count && !d->bad; i++) {
                uint32_t parent = m->nodes.items[i].parent;

                while (depth && open[depth - 1] != parent) {
                        document_close(d);
                        depth--;
                }
                /* Leaves one level for the values. */
                if ((parent && !depth) || d->depth >= DOCUMENT_DEPTH - 1) {
                        d->bad = true;
                        break;
                }
                open_node(d, m->nodes.items + i);
                open[depth++] = (uint32_t)i + 1;
        }
        while (depth--)
                document_close(d);
}

void measurement_write(struct document *d, const struct measurement *m)
{
        document_open(d, "measurement");
        document_attribute(d, "plugin", m->plugin);
        document_attribute(d, "target", m->target);
        document_attribute_u64(d, "version", m->version);
        add_nodes(d, m);
        document_close(d);
}

static enum status write_alone(const struct measurement *m, struct buffer *out)
{
        struct document d = document_begin(out);

        measurement_write(&d, m);
        return document_end(&d);
}

enum status measurement_form(const struct measurement *m, enum hash_alg alg, struct arena *a,
                             struct measurement_form *form_out)
{
        struct buffer text = BUFFER_INIT(EVIDENCE_MOST);
        enum status s = write_alone(m, &text);

        *form_out = (struct measurement_form){0};
        if (!s)
                *form_out = (struct measurement_form){
                        .canonical = {arena_copy(a, text.data, text.len), text.len},
                        .digest = digest_of(alg, text.data, text.len)};
        buffer_clear(&text);
        return s;
}

enum status measurement_digest(const struct measurement *m, enum hash_alg alg,
                               struct digest *digest_out)
{
        struct buffer text = BUFFER_INIT(EVIDENCE_MOST);
        enum status s = write_alone(m, &text);

        *digest_out = (struct digest){HASH_NONE, {0}};
        if (!s)
                *digest_out = digest_of(alg, text.data, text.len);
        buffer_clear(&text);
        return s;
}
