/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evaluates predicates, in the sandboxes of policy_worker and of the verifier. libxslt is not
 * trusted to fail loudly: running out of memory, an unknown instruction or an empty stylesheet can
 * all end in "success" (docs/policies.md). So <true/> counts only if no callback has reported
 * anything, the state is OK, and the result tree is exactly <true/>.
 */
#include "policy/policy_judge.h"

#include "policy/policy_rules.h"
#include "xml/document_check.h"
#include "xml/xml_limits.h"

#include <libxml/xpathInternals.h>
#include <libxslt/documents.h>
#include <libxslt/functions.h>
#include <libxslt/security.h>
#include <libxslt/transform.h>
#include <libxslt/xsltInternals.h>
#include <libxslt/xsltutils.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MOST = 1000000, DEPTH_MOST = 1000, VARIABLES_MOST = 10000, OUTPUT_MOST = 64 << 10 };

#define REMEDY "xsltproc PREDICATE PROJECTION shows what it says; see docs/policies.md"

struct policy {
        xsltStylesheet *style; /* owns its document */
};

/* --- once a process -------------------------------------------------------------------------- */

static xmlDoc *load_nothing(const xmlChar *url, xmlDict *dict, int options, void *context,
                            xsltLoadType type)
{
        (void)url;
        (void)dict;
        (void)options;
        (void)context;
        (void)type;
        return NULL;
}

static void forbid_everything(void)
{
        xsltSecurityPrefs *prefs = xsltNewSecurityPrefs();

        for (int option = XSLT_SECPREF_READ_FILE; option <= XSLT_SECPREF_WRITE_NETWORK; option++)
                xsltSetSecurityPrefs(prefs, option, xsltSecurityForbid);
        xsltSetDefaultSecurityPrefs(prefs); /* imports obey only the default ones */
        xsltSetLoaderFunc(load_nothing);
}

/* libxslt has an error callback of its own, beside libxml2's two. */
static void errors_begin(struct xml_errors *errors)
{
        xml_errors_begin(errors);
        xsltSetGenericErrorFunc(errors, xml_errors_generic);
}

static void errors_end(void)
{
        static struct xml_errors unheard;

        xml_errors_end();
        xsltSetGenericErrorFunc(&unheard, xml_errors_generic);
}

static enum status failed(const struct xml_errors *errors, const char *expected)
{
        return FAIL(ST_PREDICATE,
                    .subject = errors->line ? FMT("predicate, line %d", errors->line) : "predicate",
                    .expected = expected, .found = errors->text, .remedy = REMEDY);
}

/* --- the answer ------------------------------------------------------------------------------ */

static enum status not_an_answer(const char *found)
{
        return FAIL(ST_PREDICATE, .subject = "predicate",
                    .expected = "exactly <true/>, or <false> with <reason path=\"\">s",
                    .found = found, .remedy = REMEDY);
}

static bool is_plain(const xmlNode *node, const char *name)
{
        return node->type == XML_ELEMENT_NODE && !node->ns && !node->nsDef &&
               !strcmp((const char *)node->name, name);
}

/* Makes a TEXT of a message: control characters become spaces, and a text that is too long is cut
 * before a character of UTF-8. */
static const char *as_text(const xmlChar *content, struct arena *a)
{
        char *text = arena_text(a, content ? (const char *)content : "");
        size_t len = strlen(text);

        if (len > TEXT_MOST) {
                for (len = TEXT_MOST; len && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
                        ;
                text[len] = '\0';
        }
        for (char *p = text; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7f)
                        *p = ' ';
        return text;
}

/* <reason path="...">text</reason>, with no other attribute and no markup. */
static enum status read_reason(const xmlNode *node, struct arena *a, struct reason *out)
{
        const xmlAttr *path = node->properties;
        xmlChar *content;

        if (!is_plain(node, "reason") || !path || path->next || path->ns ||
            strcmp((const char *)path->name, "path"))
                return not_an_answer("another child of <false>");
        for (const xmlNode *n = node->children; n; n = n->next)
                if (n->type != XML_TEXT_NODE)
                        return not_an_answer("markup in a <reason>");
        content = xmlNodeGetContent((const xmlNode *)path);
        out->path = as_text(content, a);
        xmlFree(content);
        content = xmlNodeGetContent(node);
        out->text = as_text(content, a);
        xmlFree(content);
        return ST_DONE;
}

static enum status read_reasons(const xmlNode *node, struct arena *a, struct judge_rep *out)
{
        size_t size = 0;

        out->reasons.items = arena_get_many(a, REASONS_MOST + 1, sizeof *out->reasons.items);
        for (; node; node = node->next) {
                struct reason *r = &out->reasons.items[out->reasons.count];
                enum status s = read_reason(node, a, r);

                if (s)
                        return s;
                size += strlen(r->path) + strlen(r->text);
                if (size > OUTPUT_MOST)
                        return not_an_answer("more than 64 KiB of reasons");
                out->reasons.count += out->reasons.count < REASONS_MOST;
        }
        return ST_DONE;
}

static enum status read_answer(const xmlDoc *result, struct arena *a, struct judge_rep *out)
{
        const xmlNode *root = result->children;

        if (result->type != XML_DOCUMENT_NODE)
                return not_an_answer("a result that is no XML");
        if (!root || root->next)
                return not_an_answer(root ? "more than one node" : "nothing");
        if (root->type != XML_ELEMENT_NODE)
                return not_an_answer("text outside an element");
        if (root->properties || (!is_plain(root, "true") && !is_plain(root, "false")))
                return not_an_answer(FMT("<%s>, or attributes or a namespace", root->name));
        if (is_plain(root, "false"))
                return read_reasons(root->children, a, out);
        if (root->children)
                return not_an_answer("content in <true>");
        out->answer = true;
        return ST_DONE;
}

/* --- compiling and applying ------------------------------------------------------------------ */

/* XSLT's key(), but with a name that no xsl:key declares it is an error, not an empty node-set. */
static void declared_key(xmlXPathParserContext *x, int nargs)
{
        const xsltTransformContext *context = x->context->extra;
        const xsltKeyDef *key = context->style->keys;
        xmlChar *name = NULL;

        if (nargs == 2 && x->valueNr >= 2)
                name = xmlXPathCastToString(x->valueTab[x->valueNr - 2]);
        while (key && name && !xmlStrEqual(key->name, name))
                key = key->next;
        xmlFree(name);
        if (key)
                xsltKeyFunction(x, nargs);
        else
                xmlXPathErr(x, XPATH_INVALID_OPERAND);
}

static xsltTransformContext *new_context(const struct policy *p, xmlDoc *doc)
{
        xsltTransformContext *context = xsltNewTransformContext(p->style, doc);

        if (!context)
                return NULL;
        context->opLimit = STEPS_MOST;
        context->xpathCtxt->opLimit = STEPS_MOST;
        context->maxTemplateDepth = DEPTH_MOST;
        context->maxTemplateVars = VARIABLES_MOST;
        xmlXPathRegisterFunc(context->xpathCtxt, BAD_CAST "document", NULL);
        xmlXPathRegisterFunc(context->xpathCtxt, BAD_CAST "generate-id", NULL);
        /* libxml2 does not replace a function, so the old one goes first. */
        xmlXPathRegisterFunc(context->xpathCtxt, BAD_CAST "key", NULL);
        xmlXPathRegisterFunc(context->xpathCtxt, BAD_CAST "key", declared_key);
        return context;
}

static enum status transform(const struct policy *p, xmlDoc *doc, struct arena *a,
                             struct judge_rep *out)
{
        struct judge_rep said = {.answer = false};
        struct xml_errors errors;
        xsltTransformContext *context;
        xmlDoc *result = NULL;
        bool ok = false;
        enum status s;

        errors_begin(&errors);
        context = new_context(p, doc);
        if (context) {
                result = xsltApplyStylesheetUser(p->style, doc, NULL, NULL, NULL, context);
                ok = result && context->state == XSLT_STATE_OK;
                xsltFreeTransformContext(context);
        }
        errors_end();
        if (!ok || errors.count)
                s = failed(&errors, "an evaluation without errors and messages");
        else
                s = read_answer(result, a, &said);
        if (result)
                xmlFreeDoc(result);
        if (!s)
                *out = said;
        return s;
}

/* A predicate that answers <true/> where nothing was measured would not notice a lost
 * measurement. */
static enum status negative_control(const struct policy *p)
{
        struct arena *a = arena_new();
        struct judge_rep said = {.answer = false};
        xmlDoc *doc = xmlNewDoc(BAD_CAST "1.0");

        xmlDocSetRootElement(doc, xmlNewDocNode(doc, NULL, BAD_CAST "projection", NULL));
        transform(p, doc, a, &said); /* an error is as good as <false> */
        xmlFreeDoc(doc);
        arena_free(a);
        if (!said.answer)
                return error_clear(), ST_DONE;
        return FAIL(ST_PREDICATE, .subject = "predicate",
                    .expected = "no <true/> where there is no measurement",
                    .found = "<true/> for an empty projection",
                    .remedy = "test that what you judge is there: see docs/policies.md");
}

enum status policy_compile(struct bytes stylesheet, struct policy **policy_out)
{
        struct policy *p = memory_new(1, sizeof *p);
        struct xml_errors errors;
        xmlDoc *doc = NULL;
        enum status s;

        *policy_out = NULL;
        policy_warm_up();
        s = xml_read(stylesheet, "predicate", &xml_caps_document, &doc);
        if (s)
                goto out;
        s = policy_rules_check(doc);
        if (s)
                goto out;
        errors_begin(&errors);
        p->style = xsltParseStylesheetDoc(doc);
        errors_end();
        if (p->style)
                doc = NULL;
        if (!p->style || p->style->errors || errors.count) {
                s = failed(&errors, "a stylesheet that compiles");
                goto out;
        }
        s = negative_control(p);
out:
        if (doc)
                xmlFreeDoc(doc);
        if (s) {
                policy_free(p);
                return s;
        }
        *policy_out = p;
        return ST_DONE;
}

void policy_free(struct policy *p)
{
        if (p && p->style)
                xsltFreeStylesheet(p->style);
        free(p);
}

enum status policy_apply(const struct policy *p, struct bytes projection, struct arena *a,
                         struct judge_rep *out)
{
        xmlDoc *doc = NULL;
        enum status s;

        *out = (struct judge_rep){.answer = false};
        s = xml_read(projection, "projection", &xml_caps_evidence, &doc);
        if (!s)
                s = projection_check(doc);
        if (!s)
                s = transform(p, doc, a, out);
        if (doc)
                xmlFreeDoc(doc);
        return s;
}

enum status policy_judge(struct bytes stylesheet, struct bytes projection, struct arena *a,
                         struct judge_rep *out)
{
        struct policy *p = NULL;
        enum status s;

        *out = (struct judge_rep){.answer = false};
        s = policy_compile(stylesheet, &p);
        if (!s)
                s = policy_apply(p, projection, a, out);
        policy_free(p);
        return s;
}

/* Judges an example, so that no library is left to be loaded behind a sandbox. */
void policy_warm_up(void)
{
        static const char stylesheet[] =
                "<xsl:stylesheet version=\"1.0\" xmlns:xsl=\"" XSLT_NAMESPACE_NAME "\">"
                "<xsl:template match=\"/projection[pcr]\"><false/></xsl:template>"
                "</xsl:stylesheet>";
        static const char projection[] = "<projection></projection>";
        static bool done;
        struct judge_rep said;
        struct arena *a;

        if (done)
                return;
        done = true;
        xml_limits_init();
        xsltInit();
        forbid_everything();
        a = arena_new();
        policy_judge((struct bytes){(const uint8_t *)stylesheet, sizeof stylesheet - 1},
                     (struct bytes){(const uint8_t *)projection, sizeof projection - 1}, a, &said);
        error_clear();
        arena_free(a);
}
