/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person asks for, as XML, becomes a bounded struct here. Lives in processes without rights
 * (xml_worker, children of the command); the receiver of the struct checks its caps again
 * (lib/message.c). The grammar has accepted a document before the functions below read it, so they
 * only convert.
 */
#include "xml/descriptor.h"

#include "xml/grammar.h"
#include "xml/xml_limits.h"

#include <libxml/tree.h>
#include <stdlib.h>
#include <string.h>

#define REMEDY "compare it with descriptors/examples, see man bulkhead-descriptor"

enum { HEX_MOST = 256 };

static struct grammar *grammars[DESCRIPTOR_SEALING + 1]; /* by kind */

enum status descriptor_init(const char *grammar_dir)
{
        enum status s = grammar_load(grammar_dir, "attestation-desc.rng",
                                     &grammars[DESCRIPTOR_ATTESTATION]);

        return s ? s : grammar_load(grammar_dir, "sealing-desc.rng", &grammars[DESCRIPTOR_SEALING]);
}

/* --- one element at a time ------------------------------------------------------------------- */

static bool is(const xmlNode *node, const char *name)
{
        return node->type == XML_ELEMENT_NODE && !strcmp((const char *)node->name, name);
}

static enum status wrong(const xmlNode *at, const char *expected, const char *found)
{
        return FAIL(ST_INVALID, .subject = FMT("descriptor, line %ld", xmlGetLineNo(at)),
                    .expected = expected, .found = found, .remedy = REMEDY);
}

/* The attribute's value, "" if there is none. */
static const char *attribute(const xmlNode *node, const char *name, struct arena *a)
{
        xmlChar *value = xmlGetNoNsProp(node, BAD_CAST name);
        const char *copy = value ? arena_text(a, (const char *)value) : "";

        xmlFree(value);
        return copy;
}

static struct bytes hex_attribute(const xmlNode *node, const char *name, struct arena *a)
{
        const char *text = attribute(node, name, a);
        uint8_t bytes[HEX_MOST];
        long len;

        if (!strncmp(text, "0x", 2))
                text += 2;
        len = hex_read(text, strlen(text), bytes, sizeof bytes); /* hex, by the grammar */
        return len > 0 ? (struct bytes){arena_copy(a, bytes, (size_t)len), (size_t)len}
                       : (struct bytes){0};
}

/* The grammar cannot say this of a text, which crosses sockets and reaches terminals. */
static enum status check_text(const xmlNode *at, const char *text, size_t most)
{
        if (strlen(text) > most)
                return wrong(at, FMT("at most %zu bytes", most), "a longer text");
        for (const char *p = text; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7f)
                        return wrong(at, "text without control characters", FMT("\"%s\"", text));
        return ST_DONE;
}

static enum status read_target(const xmlNode *node, struct arena *a, struct descriptor *out)
{
        struct target *t = &out->targets.items[out->targets.count];
        const char *dest = attribute(node, "dest", a), *digest = attribute(node, "digest", a);
        enum status s;

        if (out->targets.count == TARGETS_MOST)
                return wrong(node, FMT("at most %d targets", TARGETS_MOST), "one more");
        t->name = attribute(node, "name", a);
        s = check_text(node, t->name, TEXT_MOST);
        if (s)
                return s;
        for (size_t i = 0; i < out->targets.count; i++)
                if (!strcmp(out->targets.items[i].name, t->name))
                        return wrong(node, "each target once", FMT("\"%s\" again", t->name));
        t->argument = strchr(t->name, ':') + 1;
        t->plugin = arena_print(a, "%.*s", (int)(t->argument - t->name - 1), t->name);
        t->pcr = strcmp(dest, "LOG") ? (uint32_t)atoi(dest + strlen("PCR")) : 0;
        t->alg = *digest ? hash_of_name(digest) : HASH_NONE;
        t->method = attribute(node, "method", a);
        t->salted = xmlHasNsProp(node, BAD_CAST "salt", NULL) != NULL;
        t->salt = hex_attribute(node, "salt", a);
        t->judged = *attribute(node, "judged", a) != '\0';
        out->targets.count++;
        return ST_DONE;
}

static enum status read_targets(const xmlNode *node, struct arena *a, struct descriptor *out)
{
        enum status s = ST_DONE;

        for (const xmlNode *n = node->children; n && !s; n = n->next)
                if (is(n, "measureTarget"))
                        s = read_target(n, a, out);
        return s;
}

static void read_pcrs(const xmlNode *node, struct arena *a, struct descriptor *out)
{
        const char *text = attribute(node, "name", a);

        if (!strcmp(text, "ALLPCRS")) {
                out->pcrs = (1u << PCR_COUNT) - 1;
                return;
        }
        for (const char *p = strstr(text, "PCR"); p; p = strstr(p + 1, "PCR"))
                out->pcrs |= 1u << (atoi(p + strlen("PCR")) % PCR_COUNT);
}

/* The canonical form of the element as a document of its own. */
static enum status read_stylesheet(xmlNode *node, struct arena *a, struct bytes *out)
{
        xmlDoc *doc = xmlNewDoc(BAD_CAST "1.0");
        xmlNode *copy = xmlDocCopyNode(node, doc, 1);
        enum status s;

        xmlDocSetRootElement(doc, copy);
        xmlReconciliateNs(doc, copy);
        s = xml_canonical(doc, a, out);
        xmlFreeDoc(doc);
        return s;
}

static enum status read_predicate(const xmlNode *node, struct arena *a, struct descriptor *out)
{
        struct predicate *p = &out->predicates.items[out->predicates.count];
        xmlNode *stylesheet = xmlFirstElementChild((xmlNode *)node);

        if (out->predicates.count == PREDICATES_MOST)
                return wrong(node, FMT("at most %d predicates", PREDICATES_MOST), "one more");
        out->predicates.count++;
        p->name = attribute(node, "ref", a);
        return stylesheet ? read_stylesheet(stylesheet, a, &p->stylesheet) : ST_DONE;
}

static enum status read_check(const xmlNode *node, struct arena *a, struct descriptor *out)
{
        struct device_check *c = &out->checks.items[out->checks.count];
        xmlNode *stylesheet = xmlFirstElementChild((xmlNode *)node);
        const char *device = attribute(node, "device", a);

        if (out->checks.count == DEVICE_CHECKS_MOST)
                return wrong(node, FMT("at most %d device checks", DEVICE_CHECKS_MOST), "one more");
        out->checks.count++;
        c->device = strcmp(device, "*") ? device : "";
        c->predicate.name = attribute(node, "ref", a);
        return stylesheet ? read_stylesheet(stylesheet, a, &c->predicate.stylesheet) : ST_DONE;
}

/* --- the document ---------------------------------------------------------------------------- */

/* A target that only predicates judge needs a predicate. Only a seal can have such targets: in an
 * attestation the verifier's predicates judge all of them. */
static enum status check_judged(const xmlNode *at, const struct descriptor *d)
{
        for (size_t i = 0; i < d->targets.count; i++)
                if (d->targets.items[i].judged &&
                    (d->kind != DESCRIPTOR_SEALING || !d->predicates.count))
                        return wrong(at, "judged=\"yes\" only in a seal that has predicates",
                                     d->targets.items[i].name);
        return ST_DONE;
}

static enum status check_sealing(const xmlNode *at, const struct descriptor *d)
{
        uint32_t pcr = 0;

        for (size_t i = 0; i < d->targets.count; i++) {
                uint32_t other = d->targets.items[i].pcr;

                if (other && pcr && other != pcr)
                        return wrong(at, "one destination PCR for all targets of a seal",
                                     FMT("PCR%u and PCR%u", pcr, other));
                pcr = other ? other : pcr;
        }
        return check_text(at, d->key, TEXT_MOST);
}

/* node: <attestation> or <sealing>. */
static enum status read_request(const xmlNode *node, struct arena *a, struct descriptor *out)
{
        enum status s = ST_DONE;

        out->challenge = hex_attribute(node, "challenge", a);
        out->aik = hex_attribute(node, "aik", a);
        out->key = out->kind == DESCRIPTOR_SEALING ? attribute(node, "key", a) : "";
        out->clean_stop = !strcmp(attribute(node, "update", a), "clean-stop");
        out->targets.items = arena_get_many(a, TARGETS_MOST + 1, sizeof *out->targets.items);
        out->predicates.items =
                arena_get_many(a, PREDICATES_MOST + 1, sizeof *out->predicates.items);
        out->checks.items = arena_get_many(a, DEVICE_CHECKS_MOST + 1, sizeof *out->checks.items);
        for (const xmlNode *n = node->children; n && !s; n = n->next) {
                if (is(n, "measurement-desc"))
                        s = read_targets(n, a, out);
                else if (is(n, "attestTarget"))
                        read_pcrs(n, a, out);
                else if (is(n, "predicate"))
                        s = read_predicate(n, a, out);
                else if (is(n, "deviceCheck"))
                        s = read_check(n, a, out);
        }
        if (!s)
                s = check_judged(node, out);
        return s || out->kind != DESCRIPTOR_SEALING ? s : check_sealing(node, out);
}

static enum status kind_of(const xmlNode *root, enum descriptor_kind *kind_out)
{
        if (is(root, "attestation-desc"))
                *kind_out = DESCRIPTOR_ATTESTATION;
        else if (is(root, "sealing-desc"))
                *kind_out = DESCRIPTOR_SEALING;
        else
                return wrong(root, "<attestation-desc> or <sealing-desc>",
                             FMT("<%s>", (const char *)root->name));
        return ST_DONE;
}

enum status descriptor_read(struct bytes text, enum hash_alg alg, struct arena *a,
                            struct descriptor *out)
{
        xmlDoc *doc = NULL;
        const xmlNode *root;
        enum status s;

        *out = (struct descriptor){.key = ""};
        if (!hash_size(alg))
                return FAIL(ST_INTERNAL, .subject = "hash algorithm of a descriptor");
        s = xml_read(text, "descriptor", &xml_caps_document, &doc);
        if (s)
                goto out;
        root = xmlDocGetRootElement(doc);
        s = kind_of(root, &out->kind);
        if (s)
                goto out;
        s = grammar_check(grammars[out->kind], doc, "descriptor", REMEDY);
        if (s)
                goto out;
        s = read_request(xmlFirstElementChild((xmlNode *)root), a, out);
        if (s)
                goto out;
        s = xml_canonical(doc, a, &out->canonical);
        if (s)
                goto out;
        if (out->canonical.len > DOCUMENT_MOST)
                s = FAIL(ST_TOO_LARGE, .subject = "canonical form of the descriptor",
                         .expected = "at most 1 MiB",
                         .found = FMT("%zu bytes", out->canonical.len));
        out->digest = digest_of(alg, out->canonical.data, out->canonical.len);
out:
        if (doc)
                xmlFreeDoc(doc);
        return s;
}

static enum status read_asked(const xmlNode *node, struct arena *a,
                              struct asked_predicate_list *out)
{
        struct asked_predicate *p = &out->items[out->count];
        xmlNode *stylesheet = xmlFirstElementChild((xmlNode *)node);

        if (out->count == PREDICATES_MOST)
                return wrong(node, FMT("at most %d predicates", PREDICATES_MOST), "one more");
        *p = (struct asked_predicate){.name = attribute(node, "ref", a),
                                      .digest = attribute(node, "digest", a)};
        out->count++;
        return stylesheet ? read_stylesheet(stylesheet, a, &p->stylesheet) : ST_DONE;
}

enum status descriptor_predicates(struct bytes canonical, struct arena *a,
                                  struct asked_predicate_list *out)
{
        const xmlNode *request;
        xmlDoc *doc = NULL;
        enum status s = xml_read(canonical, "descriptor", &xml_caps_document, &doc);

        *out = (struct asked_predicate_list){arena_get_many(a, PREDICATES_MOST, sizeof *out->items),
                                             0};
        if (s)
                return s;
        request = xmlFirstElementChild(xmlDocGetRootElement(doc));
        for (const xmlNode *n = request ? request->children : NULL; n && !s; n = n->next)
                if (is(n, "predicate"))
                        s = read_asked(n, a, out);
        xmlFreeDoc(doc);
        return s;
}
