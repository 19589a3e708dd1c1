/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules for a predicate's text, checked before libxslt compiles it. libxslt has many ways out
 * (imports, extension elements and functions, forwards-compatible mode, output methods); a list of
 * what is allowed also closes those that nobody thought of. Touches only the tree.
 */
#include "policy/policy_rules.h"

#include <stdbool.h>
#include <string.h>

#define REMEDY "docs/policies.md lists what a predicate may use"

/* The instructions of XSLT 1.0 that a predicate may use, and their attributes. Attributes are
 * listed because libxslt ignores one that it does not know: a misspelt select would select
 * something else. */
static const struct {
        const char *name, *attributes; /* each attribute with a space behind it */
} instructions[] = {
        {"apply-templates", "select mode "},
        {"attribute", "name namespace "},
        {"call-template", "name "},
        {"choose", ""},
        {"copy", ""},
        {"copy-of", "select "},
        {"decimal-format", "name decimal-separator grouping-separator infinity minus-sign NaN "
                           "percent per-mille zero-digit digit pattern-separator "},
        {"element", "name namespace "},
        {"for-each", "select "},
        {"if", "test "},
        {"key", "name match use "},
        {"number", "level count from value format letter-value grouping-separator grouping-size "},
        {"otherwise", ""},
        {"output", "method version encoding omit-xml-declaration standalone doctype-public "
                   "doctype-system cdata-section-elements indent media-type "},
        {"param", "name select "},
        {"preserve-space", "elements "},
        {"sort", "select data-type order case-order "},
        {"strip-space", "elements "},
        {"stylesheet", "id version "},
        {"template", "match name priority mode "},
        {"text", "disable-output-escaping "},
        {"transform", "id version "},
        {"value-of", "select disable-output-escaping "},
        {"variable", "name select "},
        {"when", "test "},
        {"with-param", "name select "},
};

static enum status wrong(const xmlNode *at, const char *expected, const char *found)
{
        return FAIL(ST_PREDICATE, .subject = FMT("predicate, line %ld", xmlGetLineNo(at)),
                    .expected = expected, .found = found, .remedy = REMEDY);
}

static bool is_xslt(const xmlNs *ns)
{
        return ns && ns->href && !strcmp((const char *)ns->href, XSLT_NAMESPACE_NAME);
}

/* NULL if the instruction is not allowed. */
static const char *attributes_of(const char *instruction)
{
        for (size_t i = 0; i < sizeof instructions / sizeof *instructions; i++)
                if (!strcmp(instruction, instructions[i].name))
                        return instructions[i].attributes;
        return NULL;
}

static bool lists(const char *names, const char *name)
{
        size_t len = strlen(name);

        for (const char *p = names; *p; p = strchr(p, ' ') + 1)
                if (!strncmp(p, name, len) && p[len] == ' ')
                        return true;
        return false;
}

/* Whether it is an attribute of another name, or has that value. */
static bool value_is_good(const xmlAttr *a, const char *name, const char *value)
{
        return strcmp((const char *)a->name, name) ||
               (a->children && !strcmp((const char *)a->children->content, value));
}

/* xsl:sort would load a locale for its lang, the prefix lists name other namespaces, and a version
 * that is not 1.0 means forwards-compatible mode, in which unknown instructions are skipped. */
static enum status check_xslt_attributes(const xmlNode *node)
{
        for (const xmlAttr *a = node->properties; a; a = a->next) {
                const char *name = (const char *)a->name;

                if (!strcmp(name, "extension-element-prefixes") || !strcmp(name, "lang") ||
                    !strcmp(name, "exclude-result-prefixes"))
                        return wrong(node, FMT("no %s", name), FMT("<%s>", node->name));
                if (!value_is_good(a, "version", "1.0"))
                        return wrong(node, "version=\"1.0\"", "another version");
                if (!strcmp((const char *)node->name, "output") &&
                    !value_is_good(a, "method", "xml"))
                        return wrong(node, "method=\"xml\"", "another method");
                if (!a->ns && !lists(attributes_of((const char *)node->name), name))
                        return wrong(node, FMT("an attribute of <xsl:%s>", node->name), name);
        }
        return ST_DONE;
}

static enum status check_namespaces(const xmlNode *node)
{
        for (const xmlNs *ns = node->nsDef; ns; ns = ns->next)
                if (!is_xslt(ns))
                        return wrong(node, "no namespace but XSLT's",
                                     ns->href ? (const char *)ns->href : "");
        for (const xmlAttr *a = node->properties; a; a = a->next)
                if (a->ns && strcmp((const char *)a->ns->prefix, "xml"))
                        return wrong(node, "attributes without prefix", (const char *)a->name);
        return ST_DONE;
}

static bool is_stylesheet(const xmlNode *node)
{
        return is_xslt(node->ns) && (!strcmp((const char *)node->name, "stylesheet") ||
                                     !strcmp((const char *)node->name, "transform"));
}

static enum status check_element(const xmlNode *node)
{
        enum status s = check_namespaces(node);

        if (!s && is_xslt(node->ns) &&
            (!attributes_of((const char *)node->name) ||
             (is_stylesheet(node) && node->parent->type == XML_ELEMENT_NODE)))
                s = wrong(node, "an instruction of XSLT 1.0 that reads no other document",
                          FMT("<xsl:%s>", node->name));
        if (!s && is_xslt(node->ns))
                s = check_xslt_attributes(node);
        for (const xmlNode *n = node->children; n && !s; n = n->next)
                if (n->type == XML_ELEMENT_NODE)
                        s = check_element(n); /* at most XML_DEPTH deep: xml_read() saw to that */
        return s;
}

enum status policy_rules_check(xmlDoc *stylesheet)
{
        const xmlNode *root = xmlDocGetRootElement(stylesheet);

        if (!is_stylesheet(root))
                return wrong(root, "<xsl:stylesheet version=\"1.0\">", FMT("<%s>", root->name));
        if (!xmlHasNsProp((xmlNode *)root, BAD_CAST "version", NULL))
                return wrong(root, "<xsl:stylesheet version=\"1.0\">", "no version");
        return check_element(root);
}
