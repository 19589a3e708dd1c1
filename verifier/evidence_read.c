/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier's reader of evidence. The tree is walked with a cursor that expects exactly what
 * comes next; the first thing that does not fit is remembered, everything after it reads as
 * nothing, and the caller looks once at the end. Opens no file.
 */
#include "verifier/evidence_read.h"
#include "lib/message.h"
#include "xml/xml_limits.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODES_MOST = 4096, VALUES_MOST = 1024 };

/* Where the parts lie whose digests count: children of the root, and children of the second. */
struct slices {
        struct bytes children[4 + EVIDENCE_MEASUREMENTS_MOST + 1];
        struct bytes result[1 + EVIDENCE_MEASUREMENTS_MOST];
        size_t children_count, result_count;
};

struct walk {
        struct arena *arena;
        struct evidence *e;
        const char *wrong; /* the name of the first thing that is missing, or too much */
};

static void wrong(struct walk *w, const char *name)
{
        if (!w->wrong)
                w->wrong = name;
}

/* --- slices ---------------------------------------------------------------------------------- */

/* The end of the tag at p. Canonical form: values in double quotes, in which '>' may stand. */
static const uint8_t *tag_end(const uint8_t *p, const uint8_t *end)
{
        bool quoted = false;

        for (; p < end; p++) {
                if (*p == '"')
                        quoted = !quoted;
                else if (*p == '>' && !quoted)
                        return p + 1;
        }
        return end;
}

static void keep(struct slices *s, size_t depth, const uint8_t *start, const uint8_t *end)
{
        struct bytes slice = {start, (size_t)(end - start)};

        if (depth == 1 && s->children_count < sizeof s->children / sizeof *s->children)
                s->children[s->children_count++] = slice;
        else if (depth == 2 && s->children_count == 1 &&
                 s->result_count < sizeof s->result / sizeof *s->result)
                s->result[s->result_count++] = slice;
}

/* Only for bytes known to be canonical XML: tags balance, comments are the only other markup. */
static void slice(struct bytes text, struct slices *s)
{
        const uint8_t *end = text.data + text.len, *p = text.data, *start[3] = {0};
        size_t depth = 0;

        while (p < end && (p = memchr(p, '<', (size_t)(end - p)))) {
                if (p + 1 < end && p[1] == '!') {
                        p = memmem(p, (size_t)(end - p), "-->", 3);
                        p = p ? p + 3 : end;
                } else if (p + 1 < end && p[1] == '/') {
                        p = tag_end(p, end);
                        depth -= depth > 0;
                        if (depth == 1 || depth == 2)
                                keep(s, depth, start[depth], p);
                } else {
                        if (depth < 3)
                                start[depth] = p;
                        depth++;
                        p = tag_end(p, end);
                }
        }
}

/* --- cursor ---------------------------------------------------------------------------------- */

static bool is_element(const xmlNode *n, const char *name)
{
        return n && n->type == XML_ELEMENT_NODE && !n->ns && !n->nsDef &&
               !strcmp((const char *)n->name, name);
}

/* The node at *at if it is that element, stepping past it; NULL and wrong if not. */
static xmlNode *next(struct walk *w, xmlNode **at, const char *name)
{
        xmlNode *n = *at;

        if (w->wrong || !is_element(n, name)) {
                wrong(w, name);
                return NULL;
        }
        *at = n->next;
        return n;
}

/* All attributes of n, which must be these, in this order (canonical order), ended by a NULL:
 * name, where its value goes. */
static void attributes(struct walk *w, const xmlNode *n, ...)
{
        const xmlAttr *at = n ? n->properties : NULL;
        const char *name;
        va_list args;

        va_start(args, n);
        while ((name = va_arg(args, const char *))) {
                const char **value = va_arg(args, const char **);

                *value = "";
                if (!at || at->ns || strcmp((const char *)at->name, name)) {
                        wrong(w, name);
                        continue;
                }
                if (at->children && !at->children->next)
                        *value = arena_text(w->arena, (const char *)at->children->content);
                at = at->next;
        }
        va_end(args);
        if (at)
                wrong(w, (const char *)arena_text(w->arena, (const char *)at->name));
}

static void no_more(struct walk *w, const xmlNode *at)
{
        if (at)
                wrong(w, at->type == XML_ELEMENT_NODE
                                 ? arena_text(w->arena, (const char *)at->name)
                                 : "text between elements");
}

static uint64_t number(struct walk *w, const char *name, const char *text)
{
        uint64_t v = strtoull(text, NULL, 10);
        char again[24];

        snprintf(again, sizeof again, "%" PRIu64, v);
        if (strcmp(text, again))
                wrong(w, name);
        return v;
}

/* Lower case hex of least to most bytes. */
static struct bytes hex(struct walk *w, const char *name, const char *text, size_t least,
                        size_t most)
{
        size_t len = strlen(text);
        struct bytes b = {0};
        uint8_t *bytes;

        if (len / 2 < least || len / 2 > most || strpbrk(text, "ABCDEF")) {
                wrong(w, name);
                return b;
        }
        bytes = arena_get(w->arena, len / 2 + 1);
        if (hex_read(text, len, bytes, len / 2) < 0)
                wrong(w, name);
        else
                b = (struct bytes){bytes, len / 2};
        return b;
}

static struct digest digest(struct walk *w, const char *name, const char *text)
{
        size_t size = hash_size(w->e->alg);
        struct bytes b = hex(w, name, text, size, size);
        struct digest d = {.alg = w->e->alg};

        if (b.len)
                memcpy(d.bytes, b.data, b.len);
        return d;
}

static void random_bytes(struct walk *w, const char *text,
                         uint8_t out[static COMMITMENT_RANDOM_LEN])
{
        struct bytes b = hex(w, "random", text, COMMITMENT_RANDOM_LEN, COMMITMENT_RANDOM_LEN);

        if (b.len)
                memcpy(out, b.data, b.len);
}

/* An element's whole text, and nothing but text. */
static const char *content(struct walk *w, const xmlNode *n)
{
        const xmlNode *text = n ? n->children : NULL;

        if (!text)
                return "";
        if (text->type != XML_TEXT_NODE || text->next) {
                wrong(w, arena_text(w->arena, (const char *)n->name));
                return "";
        }
        return (const char *)text->content;
}

/* --- the grammar ----------------------------------------------------------------------------- */

static struct path path(struct walk *w, const xmlNode *parent)
{
        xmlNode *at = parent ? parent->children : NULL;
        struct path p = {0};

        while (!w->wrong && at) {
                xmlNode *n = next(w, &at, "node");

                if (p.count == EVIDENCE_PATH_MOST)
                        wrong(w, "node");
                if (w->wrong)
                        break;
                if (!p.nodes)
                        p.nodes = arena_get_many(w->arena, EVIDENCE_PATH_MOST, sizeof *p.nodes);
                attributes(w, n, NULL);
                p.nodes[p.count++] = digest(w, "node", content(w, n));
        }
        return p;
}

/* <node id= type=>: values, then nodes. No two siblings of one id and type: else a predicate
 * could be shown a good one beside a bad one. */
static void node(struct walk *w, const xmlNode *n, size_t *nodes)
{
        const char *id, *type, *name;
        xmlNode *at = n ? n->children : NULL;
        size_t values = 0;

        attributes(w, n, "id", &id, "type", &type, NULL);
        if (++*nodes > NODES_MOST)
                wrong(w, "node");
        while (!w->wrong && is_element(at, "value")) {
                attributes(w, at, "name", &name, NULL);
                if (strlen(content(w, at)) > TEXT_MOST || ++values > VALUES_MOST)
                        wrong(w, "value");
                at = at->next;
        }
        while (!w->wrong && at)
                node(w, next(w, &at, "node"), nodes);
}

static void measurement(struct walk *w, xmlNode *n, struct found *f)
{
        xmlNode *at = n ? n->children : NULL;
        const char *version;
        size_t nodes = 0;

        attributes(w, n, "plugin", &f->plugin, "target", &f->target, "version", &version, NULL);
        number(w, "version", version);
        if (!at)
                wrong(w, "node"); /* there is no empty measurement */
        while (!w->wrong && at)
                node(w, next(w, &at, "node"), &nodes);
}

static void result(struct walk *w, const xmlNode *n, const struct slices *s)
{
        const char *version, *length, *root;
        xmlNode *at = n ? n->children : NULL, *log;
        struct evidence *e = w->e;

        attributes(w, n, "version", &version, NULL);
        if (strcmp(version, "1"))
                wrong(w, "version");
        log = next(w, &at, "log");
        attributes(w, log, "length", &length, "root", &root, NULL);
        if (log)
                no_more(w, log->children);
        e->log_length = number(w, "length", length);
        e->log_root = digest(w, "root", root);
        e->found = arena_get_many(w->arena, EVIDENCE_MEASUREMENTS_MOST, sizeof *e->found);
        while (!w->wrong && at) {
                struct found *f = &e->found[e->found_count];

                if (e->found_count == EVIDENCE_MEASUREMENTS_MOST) {
                        wrong(w, "measurement");
                        break;
                }
                measurement(w, next(w, &at, "measurement"), f);
                f->canonical = s->result[++e->found_count];
        }
}

static void leaf(struct walk *w, const xmlNode *n)
{
        const char *challenge, *count, *index, *random;
        struct evidence *e = w->e;

        attributes(w, n, "challenge", &challenge, "count", &count, "index", &index, "random",
                   &random, NULL);
        e->leaf.challenge = hex(w, "challenge", challenge, CHALLENGE_LEAST, CHALLENGE_MOST);
        e->leaf.count = number(w, "count", count);
        e->leaf.index = number(w, "index", index);
        random_bytes(w, random, e->leaf.random);
        e->leaf.path = path(w, n);
}

/* <pcr index=>: ascending, each once. */
static void pcr(struct walk *w, const xmlNode *n)
{
        const char *index;
        uint64_t i;

        attributes(w, n, "index", &index, NULL);
        i = number(w, "index", index);
        if (i >= PCR_COUNT || w->e->pcrs >> i)
                wrong(w, "pcr");
        if (w->wrong)
                return;
        w->e->pcrs |= 1u << i;
        w->e->pcr[i] = digest(w, "pcr", content(w, n));
}

static struct bytes blob(struct walk *w, xmlNode **at, const char *name)
{
        xmlNode *n = next(w, at, name);

        attributes(w, n, NULL);
        return hex(w, name, content(w, n), 1, 4096);
}

static void quote(struct walk *w, const xmlNode *n)
{
        xmlNode *at = n ? n->children : NULL;

        w->e->ak = blob(w, &at, "ak");
        w->e->attest = blob(w, &at, "attest");
        w->e->signature = blob(w, &at, "signature");
        while (!w->wrong && is_element(at, "pcr"))
                pcr(w, next(w, &at, "pcr"));
        leaf(w, next(w, &at, "leaf"));
        no_more(w, at);
}

static void opening(struct walk *w, const xmlNode *n, struct opening *o)
{
        const char *index, *random;

        attributes(w, n, "index", &index, "random", &random, NULL);
        o->index = number(w, "index", index);
        random_bytes(w, random, o->random);
        o->path = path(w, n);
}

static void consistency(struct walk *w, const xmlNode *n)
{
        const char *from;

        attributes(w, n, "from", &from, NULL);
        w->e->consistency_from = number(w, "from", from);
        if (!w->e->consistency_from)
                wrong(w, "from");
        w->e->consistency = path(w, n);
}

/* The algorithm of all digests, which the walk needs before it comes to <quote>. */
static enum hash_alg find_alg(struct walk *w, const xmlNode *n)
{
        const char *name;

        attributes(w, n, "alg", &name, NULL);
        if (!hash_of_name(name))
                wrong(w, "alg");
        return hash_of_name(name);
}

static void evidence(struct walk *w, const xmlNode *root, const struct slices *s)
{
        xmlNode *at = root->children, *found, *quoted;
        const char *version;
        struct evidence *e = w->e;

        if (!is_element(root, "evidence"))
                wrong(w, "evidence");
        attributes(w, root, "kind", &e->kind, "version", &version, NULL);
        if (strcmp(e->kind, "host"))
                wrong(w, "kind");
        if (strcmp(version, "1"))
                wrong(w, "version");
        next(w, &at, "attestation-desc");
        found = next(w, &at, "result");
        quoted = next(w, &at, "quote");
        e->alg = find_alg(w, quoted);
        e->descriptor = s->children[0];
        e->result = s->children[1];
        result(w, found, s);
        quote(w, quoted);
        for (size_t i = 0; i < e->found_count && !w->wrong; i++)
                opening(w, next(w, &at, "opening"), &e->found[i].opening);
        if (!w->wrong && at)
                consistency(w, next(w, &at, "consistency"));
        no_more(w, at);
}

static enum status read_canonical(struct bytes text, struct arena *a, xmlDoc **doc_out)
{
        struct bytes canonical;
        enum status s;

        s = xml_read(text, "evidence", &xml_caps_evidence, doc_out);
        if (s)
                return s;
        s = xml_canonical(*doc_out, a, &canonical);
        if (s)
                return s;
        if (canonical.len != text.len || memcmp(canonical.data, text.data, text.len))
                return FAIL(ST_INVALID, .subject = "evidence",
                            .expected = "exclusive canonical XML, as it was written",
                            .found = "the same content in another form",
                            .remedy = "take the file as `bulkhead attest` wrote it");
        return ST_DONE;
}

enum status evidence_read(struct bytes text, struct arena *a, struct evidence *out)
{
        struct evidence e = {0};
        struct walk w = {.arena = a, .e = &e};
        struct slices slices = {0};
        xmlDoc *doc = NULL;
        enum status s;

        *out = (struct evidence){0};
        s = read_canonical(text, a, &doc);
        if (s)
                goto out;
        slice(text, &slices);
        evidence(&w, xmlDocGetRootElement(doc), &slices);
        out->kind = e.kind;
        if (w.wrong) {
                s = FAIL(ST_INVALID, .subject = "evidence",
                         .expected = "the shape of docs/evidence.md",
                         .found = FMT("\"%s\" missing, misplaced or not valid", w.wrong));
                goto out;
        }
        *out = e;
out:
        xmlFreeDoc(doc);
        return s;
}
