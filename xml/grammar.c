/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grammars. Loading one reads files of the grammar folder, which is part of the TCB, and no other;
 * checking a document touches no file.
 */
#include "xml/grammar.h"

#include "lib/arena.h"
#include "xml/xml_limits.h"

#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INCLUDES_MOST = 4 };

struct grammar {
        xmlRelaxNG *schema;
        xmlDoc *texts[1 + INCLUDES_MOST]; /* its files, for the documentation in them */
        size_t texts_count;
};

static bool is(const xmlNode *node, const char *name)
{
        return node->type == XML_ELEMENT_NODE && !strcmp((const char *)node->name, name);
}

/* Reads the file, and those that it includes, into g->texts. */
static bool load_texts(struct grammar *g, const char *dir, const char *file)
{
        char *path = NULL;
        xmlDoc *doc = NULL;
        bool ok;

        if (g->texts_count > INCLUDES_MOST || asprintf(&path, "%s/%s", dir, file) < 0)
                return false;
        doc = xmlReadFile(path, NULL, XML_PARSE_NONET);
        free(path);
        ok = doc && xmlDocGetRootElement(doc);
        if (doc)
                g->texts[g->texts_count++] = doc;
        for (xmlNode *n = ok ? xmlDocGetRootElement(doc)->children : NULL; n && ok; n = n->next)
                if (is(n, "include") || is(n, "externalRef")) {
                        xmlChar *href = xmlGetNoNsProp(n, BAD_CAST "href");

                        ok = href && !strchr((char *)href, '/') && load_texts(g, dir, (char *)href);
                        xmlFree(href);
                }
        return ok;
}

static xmlRelaxNG *load_schema(const char *dir, const char *file)
{
        xmlRelaxNGParserCtxt *context = NULL;
        xmlRelaxNG *schema = NULL;
        char *path;

        if (asprintf(&path, "%s/%s", dir, file) < 0)
                return NULL;
        context = xmlRelaxNGNewParserCtxt(path);
        if (context)
                schema = xmlRelaxNGParse(context);
        xmlRelaxNGFreeParserCtxt(context);
        free(path);
        return schema;
}

enum status grammar_load(const char *dir, const char *file, struct grammar **grammar_out)
{
        struct grammar *g = memory_new(1, sizeof *g);
        struct xml_errors errors;
        bool ok;

        *grammar_out = NULL;
        xml_limits_init();
        xml_limits_files(true);
        xml_errors_begin(&errors);
        ok = load_texts(g, dir, file);
        g->schema = ok ? load_schema(dir, file) : NULL;
        xml_errors_end();
        xml_limits_files(false);
        if (g->schema && !errors.count) {
                *grammar_out = g;
                return ST_DONE;
        }
        grammar_free(g);
        return FAIL(ok ? ST_DAMAGED : ST_NOT_FOUND, .subject = FMT("%s/%s", dir, file),
                    .expected = "a RELAX NG grammar", .found = errors.text,
                    .remedy = "install Bulkhead's descriptors folder again");
}

void grammar_free(struct grammar *g)
{
        if (!g)
                return;
        xmlRelaxNGFree(g->schema);
        for (size_t i = 0; i < g->texts_count; i++)
                xmlFreeDoc(g->texts[i]);
        free(g);
}

/* The grammar's documentation of the element `name`, looked for in `node`, its siblings and all
 * below them. */
static const char *documentation(const xmlNode *node, const char *name)
{
        for (; node; node = node->next) {
                const char *found = NULL;
                xmlChar *named = is(node, "element") ? xmlGetNoNsProp(node, BAD_CAST "name") : NULL;
                const xmlNode *first = named ? xmlFirstElementChild((xmlNode *)node) : NULL;

                if (first && is(first, "documentation") && first->children &&
                    !strcmp((char *)named, name))
                        found = (const char *)first->children->content;
                xmlFree(named);
                if (!found && node->type == XML_ELEMENT_NODE)
                        found = documentation(node->children, name);
                if (found)
                        return found;
        }
        return NULL;
}

/* The documentation of the nearest element, from `at` upwards, that the grammar documents. */
static const char *expected(const struct grammar *g, const xmlNode *at, const xmlNode **node_out)
{
        for (; at && at->type == XML_ELEMENT_NODE; at = at->parent)
                for (size_t i = 0; i < g->texts_count; i++) {
                        const char *text =
                                documentation(g->texts[i]->children, (const char *)at->name);

                        *node_out = at;
                        if (text)
                                return text;
                }
        *node_out = NULL;
        return "another root element";
}

/* Writes the start tag of `node`, cut to `room`. */
static void write_tag(const xmlNode *node, char *text, size_t room)
{
        size_t used = (size_t)snprintf(text, room, "<%s", node->name);

        for (const xmlAttr *a = node->properties; a && used < room; a = a->next)
                used += (size_t)snprintf(text + used, room - used, " %s=\"%s\"", a->name,
                                         a->children ? (char *)a->children->content : "");
        if (used < room)
                snprintf(text + used, room - used, ">");
}

enum status grammar_check(const struct grammar *g, xmlDoc *doc, const char *name,
                          const char *remedy)
{
        xmlRelaxNGValidCtxt *context = xmlRelaxNGNewValidCtxt(g->schema);
        struct xml_errors errors;
        const xmlNode *node;
        const char *text;
        char tag[160] = "";
        int r = -1;

        xml_errors_begin(&errors);
        if (context)
                r = xmlRelaxNGValidateDoc(context, doc);
        xml_errors_end();
        xmlRelaxNGFreeValidCtxt(context);
        if (r == 0 && !errors.count)
                return ST_DONE;
        text = expected(g, errors.node, &node);
        if (errors.node && errors.node->type == XML_ELEMENT_NODE)
                write_tag(errors.node, tag, sizeof tag);
        return FAIL(ST_INVALID,
                    .subject = FMT("%s, line %ld", name,
                                   errors.node ? xmlGetLineNo(errors.node) : (long)errors.line),
                    .expected = node ? FMT("<%s>: %s", node->name, text) : text,
                    .found = FMT("%s %s", tag, errors.text), .remedy = remedy);
}
