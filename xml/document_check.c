/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks over a projection node by node. Written by hand because it runs before every predicate, in
 * processes that hold no grammar, and because RELAX NG cannot demand that names are unique.
 * Touches nothing but the tree.
 */
#include "xml/document_check.h"

#include "lib/digest.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status wrong(const xmlNode *at, const char *expected, const char *found)
{
        return FAIL(ST_INVALID, .subject = FMT("projection, line %ld", xmlGetLineNo(at)),
                    .expected = expected, .found = found,
                    .remedy = "docs/evidence.md says what a projection is");
}

static bool is(const xmlNode *node, const char *name)
{
        return node->type == XML_ELEMENT_NODE && !node->ns && !node->nsDef &&
               !strcmp((const char *)node->name, name);
}

/* The value of the attribute of that name, without namespace, as it lies in the tree; NULL if there
 * is none, or if it is more than plain text. */
static const char *value(const xmlNode *node, const char *name)
{
        for (const xmlAttr *a = node->properties; a; a = a->next)
                if (!a->ns && !strcmp((const char *)a->name, name))
                        return !a->children ? ""
                               : a->children->type == XML_TEXT_NODE && !a->children->next
                                       ? (const char *)a->children->content
                                       : NULL;
        return NULL;
}

/* The node has exactly these attributes; NULL ends fewer than three. */
static enum status check_attributes(const xmlNode *node, const char *const names[3])
{
        size_t wanted = 0, found = 0;

        for (; wanted < 3 && names[wanted]; wanted++)
                if (!value(node, names[wanted]))
                        return wrong(node, FMT("%s/@%s", node->name, names[wanted]), "none");
        for (const xmlAttr *a = node->properties; a; a = a->next)
                found++;
        return found == wanted ? ST_DONE : wrong(node, "no other attribute", "one");
}

/* The node holds one text at most, and nothing else. */
static enum status check_text_only(const xmlNode *node)
{
        const xmlNode *n = node->children;

        if (!n || (n->type == XML_TEXT_NODE && !n->next))
                return ST_DONE;
        return wrong(node, FMT("text alone in <%s>", node->name), "other content");
}

/* --- no two alike ---------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Frees keys, and the texts in it. */
static enum status check_unique(const xmlNode *at, char **keys, size_t count)
{
        enum status s = ST_DONE;

        qsort(keys, count, sizeof *keys, by_text);
        for (size_t i = 1; i < count && !s; i++)
                if (!strcmp(keys[i - 1], keys[i]))
                        s = wrong(at, FMT("no two children of <%s> with one name", at->name),
                                  keys[i]);
        for (size_t i = 0; i < count; i++)
                free(keys[i]);
        free(keys);
        return s;
}

/* What tells a child from its siblings; NULL where siblings are told apart otherwise. */
static char *key_of(const xmlNode *node)
{
        static const char *const names[][3] = {
                {"value", "name", ""}, {"node", "type", "id"}, {"measurement", "", "target"}};
        char *key = NULL;

        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                if (is(node, names[i][0])) {
                        const char *first = value(node, names[i][1]);
                        const char *second = value(node, names[i][2]);

                        if (asprintf(&key, "%s %s %s", names[i][0], first ? first : "",
                                     second ? second : "") < 0)
                                abort();
                }
        return key;
}

static enum status check_siblings(const xmlNode *parent)
{
        size_t count = 0, most = 0;
        char **keys;

        for (const xmlNode *n = parent->children; n; n = n->next)
                most++;
        keys = calloc(most + 1, sizeof *keys);
        if (!keys)
                abort();
        for (const xmlNode *n = parent->children; n; n = n->next) {
                keys[count] = key_of(n);
                count += keys[count] != NULL;
        }
        return check_unique(parent, keys, count);
}

/* --- element by element ---------------------------------------------------------------------- */

static enum status check_value(const xmlNode *node)
{
        enum status s = check_attributes(node, (const char *const[3]){"name"});

        return s ? s : check_text_only(node);
}

/* Values come before nodes, as measurement_write() has them. */
static enum status check_node(const xmlNode *node)
{
        enum status s = check_attributes(node, (const char *const[3]){"id", "type"});
        const xmlNode *n = node->children;

        for (; n && is(n, "value") && !s; n = n->next)
                s = check_value(n);
        for (; n && is(n, "node") && !s; n = n->next)
                s = check_node(n); /* at most XML_DEPTH deep: xml_read() saw to that */
        if (s)
                return s;
        return n ? wrong(n, "<value>s, then <node>s, in a <node>", (const char *)n->name)
                 : check_siblings(node);
}

static bool is_number(const char *text)
{
        return *text && strlen(text) <= 10 && text[strspn(text, "0123456789")] == '\0' &&
               (text[0] != '0' || !text[1]);
}

static enum status check_measurement(const xmlNode *node)
{
        enum status s =
                check_attributes(node, (const char *const[3]){"plugin", "target", "version"});
        const char *plugin, *target;
        const xmlNode *n = node->children;
        size_t len;

        if (s)
                return s;
        plugin = value(node, "plugin");
        target = value(node, "target");
        len = strlen(plugin);
        if (!len || strncmp(plugin, target, len) || target[len] != ':')
                return wrong(node, "a target that begins with its plug-in's name", target);
        if (!is_number(value(node, "version")))
                return wrong(node, "a number as version", value(node, "version"));
        if (!n)
                return wrong(node, "a <node> in each measurement", "none");
        for (; n && is(n, "node") && !s; n = n->next)
                s = check_node(n);
        if (s)
                return s;
        return n ? wrong(n, "nothing but <node>s in a <measurement>", (const char *)n->name)
                 : check_siblings(node);
}

/* PCRs come in ascending order, all of one algorithm, each a digest in hex. */
static enum status check_pcr(const xmlNode *node, const xmlNode *before)
{
        enum status s = check_attributes(node, (const char *const[3]){"alg", "index"});
        const char *text = node->children ? (const char *)node->children->content : "";
        const char *alg, *index;

        if (!s)
                s = check_text_only(node);
        if (s)
                return s;
        alg = value(node, "alg");
        index = value(node, "index");
        if (!hash_size(hash_of_name(alg)) || (before && strcmp(alg, value(before, "alg"))))
                return wrong(node, "sha256 or sha384, one for all PCRs", alg);
        if (!is_number(index) || atoi(index) > 23 ||
            (before && atoi(index) <= atoi(value(before, "index"))))
                return wrong(node, "PCRs 0 to 23, ascending", index);
        if (strlen(text) != 2 * hash_size(hash_of_name(alg)) ||
            text[strspn(text, "0123456789abcdef")])
                return wrong(node, "the PCR's value in hex", text);
        return ST_DONE;
}

enum status projection_check(xmlDoc *doc)
{
        const xmlNode *root = xmlDocGetRootElement(doc), *n, *before = NULL;
        enum status s;

        if (!is(root, "projection") || root->properties || doc->children != root || root->next)
                return wrong(root, "<projection> alone, without attributes",
                             (const char *)root->name);
        for (n = root->children; n && is(n, "pcr"); before = n, n = n->next) {
                s = check_pcr(n, before);
                if (s)
                        return s;
        }
        for (; n && is(n, "measurement"); n = n->next) {
                s = check_measurement(n);
                if (s)
                        return s;
        }
        if (n)
                return wrong(n, "<pcr>s, then <measurement>s", (const char *)n->name);
        return check_siblings(root);
}
