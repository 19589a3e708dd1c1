/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The quarantine of XML. All XML from outside passes here first: one pass over the bytes finds what
 * libxml2 would choke on (80,000 attributes cost it nine seconds) and what it must never be given
 * (document types); only then does libxml2 parse. Touches no file. Lives in xml_worker, in policy
 * workers and in the verifier.
 */
#include "xml/xml_limits.h"
#include "lib/document.h"

#include <libxml/c14n.h>
#include <libxml/catalog.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/xmlmemory.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct xml_caps xml_caps_document = {.bytes = 1 << 20, .nodes = 1 << 16};
const struct xml_caps xml_caps_evidence = {.bytes = 16 << 20, .nodes = 1 << 19};

/* --- memory, loaders, errors ----------------------------------------------------------------- */

/* libxslt overlooks some failed allocations and then answers wrongly, so the process ends
 * instead. */
static _Noreturn void out_of_memory(void)
{
        static const char text[] = "bulkhead: out of memory\n";
        ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);

        (void)ignored;
        _exit(3);
}

static void *sure_malloc(size_t size)
{
        void *p = malloc(size ? size : 1);

        if (!p)
                out_of_memory();
        return p;
}

static void *sure_realloc(void *old, size_t size)
{
        void *p = realloc(old, size ? size : 1);

        if (!p)
                out_of_memory();
        return p;
}

static char *sure_strdup(const char *text)
{
        size_t size = strlen(text) + 1;

        return memcpy(sure_malloc(size), text, size);
}

static xmlParserInput *load_nothing(const char *url, const char *id, xmlParserCtxt *context)
{
        (void)url;
        (void)id;
        (void)context;
        return NULL;
}

static xmlExternalEntityLoader load_files;

void xml_limits_init(void)
{
        if (load_files)
                return;
        xmlMemSetup(free, sure_malloc, sure_realloc, sure_strdup);
        xmlInitParser();
        xmlCatalogSetDefaults(XML_CATA_ALLOW_NONE);
        load_files = xmlGetExternalEntityLoader();
        xmlSetExternalEntityLoader(load_nothing);
}

void xml_limits_files(bool allowed)
{
        xmlSetExternalEntityLoader(allowed ? load_files : load_nothing);
}

static void note(struct xml_errors *errors, int line, xmlNode *node, const char *text)
{
        if (errors->count++)
                return;
        errors->line = line;
        errors->node = node;
        snprintf(errors->text, sizeof errors->text, "%s", text ? text : "?");
        errors->text[strcspn(errors->text, "\n")] = '\0';
}

static void on_error(void *context, xmlError *error)
{
        note(context, error->line, error->node, error->message);
}

/* libxslt reports an error in pieces, the place first. They are joined into one line. */
void xml_errors_generic(void *context, const char *format, ...)
{
        struct xml_errors *errors = context;
        size_t used = strlen(errors->text);
        va_list args;

        if (errors->count++ && !errors->in_pieces)
                return;
        errors->in_pieces = true;
        va_start(args, format);
        vsnprintf(errors->text + used, sizeof errors->text - used, format, args);
        va_end(args);
        for (char *p = errors->text; *p; p++)
                *p = *p == '\n' ? ' ' : *p;
}

void xml_errors_begin(struct xml_errors *errors)
{
        *errors = (struct xml_errors){0};
        xmlSetStructuredErrorFunc(errors, on_error);
        xmlSetGenericErrorFunc(errors, xml_errors_generic);
}

static void ignore(void *context, const char *format, ...)
{
        (void)context;
        (void)format;
}

void xml_errors_end(void)
{
        xmlSetStructuredErrorFunc(NULL, NULL);
        xmlSetGenericErrorFunc(NULL, ignore);
}

/* --- one pass over the bytes ----------------------------------------------------------------- */

/* This is no parser: it follows markup just far enough to count. Where it and libxml2 would
 * disagree, the document is not well formed and libxml2 refuses it. */
struct scan {
        const struct xml_caps *caps;
        const char *name;
        const uint8_t *start, *at, *end;
        size_t depth, nodes, namespaces;
};

static size_t line(const struct scan *s)
{
        size_t lines = 1;

        for (const uint8_t *p = s->start; p < s->at; p++)
                lines += *p == '\n';
        return lines;
}

static enum status too_many(const struct scan *s, const char *expected)
{
        return FAIL(ST_TOO_LARGE, .subject = FMT("%s, line %zu", s->name, line(s)),
                    .expected = expected, .found = "more",
                    .remedy = "man bulkhead-descriptor lists the limits");
}

static enum status forbidden(const struct scan *s, const char *expected, const char *found)
{
        return FAIL(ST_INVALID, .subject = FMT("%s, line %zu", s->name, line(s)),
                    .expected = expected, .found = found,
                    .remedy = "write plain UTF-8 XML without declarations; see man "
                              "bulkhead-descriptor");
}

static enum status check_characters(struct scan *s)
{
        while (s->at < s->end) {
                size_t len = *s->at >= 0x20 && *s->at < 0x80
                                     ? 1
                                     : document_character(s->at, (size_t)(s->end - s->at));

                if (!len)
                        return forbidden(s, "UTF-8 text without control characters",
                                         FMT("byte 0x%02x", *s->at));
                s->at += len;
        }
        s->at = s->start;
        return ST_DONE;
}

static bool next_is(const struct scan *s, const char *text)
{
        size_t len = strlen(text);

        return (size_t)(s->end - s->at) >= len && !memcmp(s->at, text, len);
}

/* Moves to after the next `text`, or to the end. */
static void skip_past(struct scan *s, const char *text)
{
        size_t len = strlen(text);
        const uint8_t *found = memmem(s->at, (size_t)(s->end - s->at), text, len);

        s->at = found ? found + len : s->end;
}

static bool is_space(uint8_t c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Whether the XML declaration gives `name` that value; `without` if it does not give `name`. */
static bool declares(const char *declaration, const char *name, const char *value, bool without)
{
        const char *p = strstr(declaration, name);
        size_t len = strlen(value);

        if (!p)
                return without;
        p += strlen(name);
        p += strspn(p, " \t\r\n=");
        return (*p == '"' || *p == '\'') && !strncasecmp(p + 1, value, len) && p[len + 1] == *p;
}

static enum status check_declaration(struct scan *s)
{
        char text[128] = "";
        const uint8_t *start;

        if (next_is(s, "\xef\xbb\xbf"))
                s->at += 3;
        start = s->at;
        if (!next_is(s, "<?xml") || s->end - s->at < 6 || !is_space(s->at[5]))
                return ST_DONE;
        skip_past(s, "?>");
        if ((size_t)(s->at - start) >= sizeof text)
                return forbidden(s, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
                                 "something longer");
        memcpy(text, start, (size_t)(s->at - start));
        if (!declares(text, "version", "1.0", false) || !declares(text, "encoding", "UTF-8", true))
                return forbidden(s, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>", text);
        return ST_DONE;
}

static enum status check_name(struct scan *s)
{
        const uint8_t *start = s->at;

        while (s->at < s->end && !is_space(*s->at) && !strchr("=/>\"'", *s->at))
                s->at++;
        if (s->at - start > XML_NAME)
                return too_many(s, FMT("names of at most %d bytes", XML_NAME));
        return ST_DONE;
}

static void skip_value(struct scan *s)
{
        const char quote[2] = {(char)*s->at++};

        skip_past(s, quote);
}

static enum status check_attribute(struct scan *s, size_t *count)
{
        if (next_is(s, "xmlns") && ++s->namespaces > XML_NAMESPACES)
                return too_many(s, FMT("at most %d namespace declarations", XML_NAMESPACES));
        if (++*count > XML_ATTRIBUTES)
                return too_many(s, FMT("at most %d attributes in an element", XML_ATTRIBUTES));
        return check_name(s);
}

/* s->at is the character after '<'. */
static enum status check_start_tag(struct scan *s)
{
        size_t attributes = 0;
        enum status status = check_name(s);

        if (++s->depth > XML_DEPTH)
                return too_many(s, FMT("elements nested at most %d deep", XML_DEPTH));
        while (!status && s->at < s->end && *s->at != '>') {
                if (*s->at == '"' || *s->at == '\'')
                        skip_value(s);
                else if (next_is(s, "/>"))
                        s->depth--, s->at++;
                else if (is_space(*s->at) || *s->at == '=' || *s->at == '/')
                        s->at++;
                else
                        status = check_attribute(s, &attributes);
        }
        return status;
}

static enum status check_markup(struct scan *s)
{
        if (next_is(s, "</")) {
                s->depth -= s->depth > 0;
                skip_past(s, ">");
                return ST_DONE;
        }
        if (++s->nodes > s->caps->nodes / 2) /* each may be followed by a text */
                return too_many(s, FMT("at most %zu elements and comments", s->caps->nodes / 2));
        if (next_is(s, "<!--")) {
                s->at += strlen("<!--");
                skip_past(s, "-->");
                return ST_DONE;
        }
        if (next_is(s, "<![CDATA[")) {
                skip_past(s, "]]>");
                return ST_DONE;
        }
        if (next_is(s, "<!"))
                return forbidden(s, "no document type", "a declaration that begins with <!");
        if (next_is(s, "<?"))
                return forbidden(s, "no processing instruction", "markup that begins with <?");
        s->at++;
        return check_start_tag(s);
}

static enum status scan(struct scan *s)
{
        enum status status = ST_DONE;

        if ((size_t)(s->end - s->at) > s->caps->bytes)
                return too_many(s, FMT("at most %zu bytes", s->caps->bytes));
        status = check_characters(s);
        if (!status)
                status = check_declaration(s);
        while (!status && (s->at = memchr(s->at, '<', (size_t)(s->end - s->at))))
                status = check_markup(s);
        return status;
}

/* --- to a tree and back ---------------------------------------------------------------------- */

enum status xml_read(struct bytes text, const char *name, const struct xml_caps *caps,
                     xmlDoc **doc_out)
{
        struct scan s = {.caps = caps,
                         .name = name,
                         .start = text.data,
                         .at = text.data,
                         .end = text.data + text.len};
        struct xml_errors errors;
        enum status status;
        xmlDoc *doc;

        *doc_out = NULL;
        if (!text.len)
                return FAIL(ST_INVALID, .subject = name, .expected = "an XML document",
                            .found = "nothing");
        status = scan(&s);
        if (status)
                return status;
        xml_errors_begin(&errors);
        doc = xmlReadMemory((const char *)text.data, (int)text.len, NULL, NULL,
                            XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_BIG_LINES);
        xml_errors_end();
        if (doc && !errors.count && !doc->intSubset && xmlDocGetRootElement(doc)) {
                *doc_out = doc;
                return ST_DONE;
        }
        if (doc)
                xmlFreeDoc(doc);
        return FAIL(ST_INVALID, .subject = FMT("%s, line %d", name, errors.line),
                    .expected = "well-formed XML", .found = errors.text,
                    .remedy = "xmllint --noout FILE shows the place");
}

enum status xml_canonical(xmlDoc *doc, struct arena *a, struct bytes *out)
{
        struct xml_errors errors;
        xmlChar *text = NULL;
        int len;

        *out = (struct bytes){0};
        xml_errors_begin(&errors);
        len = xmlC14NDocDumpMemory(doc, NULL, XML_C14N_EXCLUSIVE_1_0, NULL, 1, &text);
        xml_errors_end();
        if (len > 0 && !errors.count)
                *out = (struct bytes){arena_copy(a, text, (size_t)len), (size_t)len};
        xmlFree(text);
        return out->len ? ST_DONE
                        : FAIL(ST_INVALID, .expected = "XML that has a canonical form",
                               .found = errors.text, .remedy = "use absolute namespace names only");
}
