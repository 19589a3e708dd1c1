/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier's reader of evidence. A cursor expects exactly what comes next. The name of the
 * first thing that does not fit is kept; from then on everything reads as empty, and
 * evidence_read() looks once at the end. Opens no file.
 *
 * One comparison ensures canonical form: all that is read is at once written again by
 * lib/document.h, which writes nothing but canonical XML, and at the end both must be the same
 * bytes. So the cursor may be simple: whatever it misreads comes out different. Only the
 * descriptor, which a person wrote and which may have namespaces, is copied as it is; its judge is
 * descriptor_read().
 */
#include "proof/evidence.h"
#include "lib/document.h"
#include "lib/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct walk {
        struct arena *arena;
        struct evidence *e;
        const uint8_t *at, *end;
        struct buffer again;     /* what was read, written again */
        struct document echo;    /* writes to `again` */
        const char *wrong;       /* the name of the first thing that is missing, or misplaced */
        const uint8_t *wrong_at; /* where it was looked for */
        const char *wrong_value; /* the value that it has, or NULL */
};

static void wrong(struct walk *w, const char *name)
{
        if (w->wrong)
                return;
        w->wrong = name;
        w->wrong_at = w->at;
}

static void wrong_value(struct walk *w, const char *name, const char *value)
{
        if (!w->wrong)
                w->wrong_value = value;
        wrong(w, name);
}

/* --- cursor ---------------------------------------------------------------------------------- */

static bool comes(const struct walk *w, const char *text)
{
        size_t len = strlen(text);

        return !w->wrong && (size_t)(w->end - w->at) >= len && !memcmp(w->at, text, len);
}

static bool take(struct walk *w, const char *text)
{
        if (!comes(w, text))
                return false;
        w->at += strlen(text);
        return true;
}

static bool element_comes(const struct walk *w, const char *name)
{
        size_t len = strlen(name);

        return comes(w, "<") && (size_t)(w->end - w->at) > len + 1 &&
               !memcmp(w->at + 1, name, len) && strchr(" >", w->at[1 + len]);
}

static void open_element(struct walk *w, const char *name)
{
        if (!element_comes(w, name) || w->echo.depth >= DOCUMENT_DEPTH - 1) {
                wrong(w, name);
                return;
        }
        w->at += 1 + strlen(name);
        document_open(&w->echo, name);
}

static void close_element(struct walk *w, const char *name)
{
        if (!take(w, "</") || !take(w, name) || !take(w, ">"))
                wrong(w, name);
        else
                document_close(&w->echo);
}

/* The text up to `stop`, its references resolved; NULL if it does not end. */
static char *text_until(struct walk *w, char stop)
{
        static const struct {
                const char *reference;
                char c;
        } references[] = {{"&amp;", '&'},  {"&lt;", '<'},   {"&gt;", '>'},  {"&quot;", '"'},
                          {"&#x9;", '\t'}, {"&#xA;", '\n'}, {"&#xD;", '\r'}};
        enum { REFERENCES = sizeof references / sizeof *references };
        const uint8_t *end = memchr(w->at, stop, (size_t)(w->end - w->at));
        char *text, *out;

        if (!end)
                return NULL;
        text = out = arena_get(w->arena, (size_t)(end - w->at) + 1);
        while (w->at < end) {
                const uint8_t *mark = memchr(w->at, '&', (size_t)(end - w->at));
                size_t plain = (size_t)((mark ? mark : end) - w->at), i = 0;

                memcpy(out, w->at, plain);
                out += plain;
                w->at += plain;
                while (mark && i < REFERENCES && !take(w, references[i].reference))
                        i++;
                if (mark && i == REFERENCES) /* not a reference that canonical XML has */
                        return NULL;
                if (mark)
                        *out++ = references[i].c;
        }
        return text;
}

/* The value of the next attribute, which must have this name. */
static const char *attribute(struct walk *w, const char *name)
{
        const char *value = NULL;

        if (take(w, " ") && take(w, name) && take(w, "=\""))
                value = text_until(w, '"');
        if (!value || !take(w, "\"")) {
                wrong(w, name);
                return "";
        }
        document_attribute(&w->echo, name, value);
        return value;
}

/* Ends a start tag, after its last attribute. */
static void start_content(struct walk *w, const char *name)
{
        if (!take(w, ">"))
                wrong(w, name);
}

/* From the end of the start tag to that of the end tag: the text, and nothing else, between
 * them. */
static const char *text_content(struct walk *w, const char *name)
{
        const char *text = NULL;

        start_content(w, name);
        if (!w->wrong)
                text = text_until(w, '<');
        if (!text) {
                wrong(w, name);
                return "";
        }
        document_text(&w->echo, text);
        close_element(w, name);
        return text;
}

static void no_content(struct walk *w, const char *name)
{
        start_content(w, name);
        close_element(w, name);
}

/* Makes room for one more after `count` items: the room doubles at each power of two. */
static void *grown(struct walk *w, void *items, size_t count, size_t size)
{
        void *more;

        if (count & (count - 1) || count == 1 || count == 2)
                return items;
        more = arena_get_many(w->arena, count ? 2 * count : 4, size);
        if (count)
                memcpy(more, items, count * size);
        return more;
}

/* --- values ---------------------------------------------------------------------------------- */

static uint64_t number(struct walk *w, const char *name, const char *text)
{
        uint64_t v = strtoull(text, NULL, 10);
        char again[24];

        snprintf(again, sizeof again, "%" PRIu64, v);
        if (strcmp(text, again))
                wrong_value(w, name, text);
        return v;
}

/* Reads lower-case hex of `least` to `most` bytes. */
static struct bytes hex(struct walk *w, const char *name, const char *text, size_t least,
                        size_t most)
{
        size_t len = strlen(text);
        struct bytes b = {0};
        uint8_t *bytes;

        if (len / 2 < least || len / 2 > most || strpbrk(text, "ABCDEF")) {
                wrong_value(w, name, text);
                return b;
        }
        bytes = arena_get(w->arena, len / 2 + 1);
        if (hex_read(text, len, bytes, len / 2) < 0)
                wrong_value(w, name, text);
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

/* --- the grammar ----------------------------------------------------------------------------- */

/* <node>HEX</node>..., then the end of `parent`. */
static struct path path(struct walk *w, const char *parent)
{
        struct path p = {0};

        start_content(w, parent);
        while (element_comes(w, "node")) {
                if (p.count == EVIDENCE_PATH_MOST)
                        wrong(w, "node");
                p.nodes = grown(w, p.nodes, p.count, sizeof *p.nodes);
                open_element(w, "node");
                if (!w->wrong)
                        p.nodes[p.count++] = digest(w, "node", text_content(w, "node"));
        }
        close_element(w, parent);
        return p;
}

/* <node id= type=>: values, then nodes. Their content is for predicates; projection_check() looks
 * at it before those see it. */
static void node(struct walk *w, size_t *nodes)
{
        size_t values = 0;

        if (++*nodes > NODES_MOST)
                wrong(w, "node");
        open_element(w, "node");
        attribute(w, "id");
        attribute(w, "type");
        start_content(w, "node");
        while (element_comes(w, "value")) {
                open_element(w, "value");
                attribute(w, "name");
                if (strlen(text_content(w, "value")) > TEXT_MOST || ++values > NODE_VALUES_MOST)
                        wrong(w, "value");
        }
        while (element_comes(w, "node"))
                node(w, nodes);
        close_element(w, "node");
}

static void measurement(struct walk *w, struct evidence_measurement *f)
{
        const uint8_t *start = w->at;
        size_t nodes = 0;

        open_element(w, "measurement");
        f->plugin = attribute(w, "plugin");
        f->target = attribute(w, "target");
        number(w, "version", attribute(w, "version"));
        start_content(w, "measurement");
        do /* at least one: there is no empty measurement */
                node(w, &nodes);
        while (element_comes(w, "node"));
        close_element(w, "measurement");
        f->canonical = (struct bytes){start, (size_t)(w->at - start)};
}

static void result(struct walk *w)
{
        const uint8_t *start = w->at;
        struct evidence *e = w->e;

        open_element(w, "result");
        if (strcmp(attribute(w, "version"), "1"))
                wrong(w, "version");
        start_content(w, "result");
        open_element(w, "log");
        e->log_length = number(w, "length", attribute(w, "length"));
        e->log_root = digest(w, "root", attribute(w, "root"));
        no_content(w, "log");
        while (element_comes(w, "measurement")) {
                if (e->found_count == TARGETS_MOST)
                        wrong(w, "measurement");
                e->found = grown(w, e->found, e->found_count, sizeof *e->found);
                measurement(w, &e->found[e->found_count++]);
        }
        close_element(w, "result");
        e->result = (struct bytes){start, (size_t)(w->at - start)};
}

static void leaf(struct walk *w)
{
        struct evidence *e = w->e;

        open_element(w, "leaf");
        e->leaf.challenge =
                hex(w, "challenge", attribute(w, "challenge"), CHALLENGE_LEAST, CHALLENGE_MOST);
        e->leaf.count = number(w, "count", attribute(w, "count"));
        e->leaf.index = number(w, "index", attribute(w, "index"));
        random_bytes(w, attribute(w, "random"), e->leaf.random);
        e->leaf.path = path(w, "leaf");
}

/* <pcr index=>: in ascending order, each once. */
static void pcr(struct walk *w)
{
        struct digest value;
        uint64_t i;

        open_element(w, "pcr");
        i = number(w, "index", attribute(w, "index"));
        value = digest(w, "pcr", text_content(w, "pcr"));
        if (i >= PCR_COUNT || w->e->pcrs >> i)
                wrong(w, "pcr");
        if (w->wrong)
                return;
        w->e->pcrs |= 1u << i;
        w->e->pcr[i] = value;
}

static struct bytes blob(struct walk *w, const char *name)
{
        open_element(w, name);
        return hex(w, name, text_content(w, name), 1, BLOB_MOST);
}

static void quote(struct walk *w)
{
        open_element(w, "quote");
        if (strcmp(attribute(w, "alg"), hash_name(w->e->alg)))
                wrong(w, "alg");
        start_content(w, "quote");
        w->e->ak = blob(w, "ak");
        w->e->attest = blob(w, "attest");
        w->e->signature = blob(w, "signature");
        while (element_comes(w, "pcr"))
                pcr(w);
        leaf(w);
        close_element(w, "quote");
}

static void opening(struct walk *w, struct opening *o)
{
        open_element(w, "opening");
        o->index = number(w, "index", attribute(w, "index"));
        random_bytes(w, attribute(w, "random"), o->random);
        o->path = path(w, "opening");
}

static void consistency(struct walk *w)
{
        open_element(w, "consistency");
        w->e->consistency_from = number(w, "from", attribute(w, "from"));
        if (!w->e->consistency_from)
                wrong(w, "from");
        w->e->consistency = path(w, "consistency");
}

/* The descriptor ends where the next <result begins; comments around it belong to its canonical
 * form. In canonical XML a '<' is markup or stands in a comment. A comment that quotes that tag
 * cuts the descriptor short, and descriptor_read() refuses the rest. */
static void descriptor(struct walk *w)
{
        static const char tag[] = "<result ";
        const uint8_t *end = NULL;

        if (element_comes(w, "attestation-desc") || comes(w, "<!--"))
                end = memmem(w->at, (size_t)(w->end - w->at), tag, sizeof tag - 1);
        if (!end) {
                wrong(w, "attestation-desc");
                return;
        }
        w->e->descriptor = (struct bytes){w->at, (size_t)(end - w->at)};
        document_raw(&w->echo, w->e->descriptor);
        w->at = end;
}

/* The algorithm of all digests stands in <quote>, but is needed before. The first such tag is
 * believed for now; quote() insists that its own says the same. */
static enum hash_alg find_alg(const struct walk *w)
{
        static const enum hash_alg algs[] = {HASH_SHA256, HASH_SHA384};
        char tag[32];

        for (size_t i = 0; i < sizeof algs / sizeof *algs; i++) {
                snprintf(tag, sizeof tag, "</result><quote alg=\"%s\">", hash_name(algs[i]));
                if (memmem(w->at, (size_t)(w->end - w->at), tag, strlen(tag)))
                        return algs[i];
        }
        return HASH_NONE;
}

static void evidence(struct walk *w)
{
        struct evidence *e = w->e;

        open_element(w, "evidence");
        e->kind = attribute(w, "kind");
        if (strcmp(attribute(w, "version"), "1"))
                wrong(w, "version");
        start_content(w, "evidence");
        descriptor(w);
        e->alg = find_alg(w);
        if (!e->alg)
                wrong(w, "alg");
        result(w);
        quote(w);
        for (size_t i = 0; i < e->found_count; i++)
                opening(w, &e->found[i].opening);
        if (element_comes(w, "consistency"))
                consistency(w);
        close_element(w, "evidence");
        if (w->at != w->end)
                wrong(w, "end");
}

/* Whether the document, written again, is the same bytes. */
static bool same_again(struct walk *w, struct bytes text)
{
        return !document_end(&w->echo) && w->again.len == text.len &&
               !memcmp(w->again.data, text.data, text.len);
}

/* --- why it is not of that shape ------------------------------------------------------------- */

/* Whatever stands there, up to the end of a tag. */
static const char *place(const struct walk *w, struct bytes text)
{
        size_t at = (size_t)(w->wrong_at - text.data), len = text.len - at;

        if (w->wrong_value)
                return arena_print(w->arena, "\"%.120s\"", w->wrong_value);
        if (!len)
                return "nothing more";
        return arena_print(w->arena, "\"%.*s\" at byte %zu", (int)(len < 40 ? len : 40),
                           (const char *)arena_copy(w->arena, w->wrong_at, len < 40 ? len : 40),
                           at);
}

static enum status refuse(const struct walk *w, struct bytes text)
{
        static const char remedy[] = "bring the file over as bytes, as `bulkhead attest` wrote it; "
                                     "to read it, format a copy";
        const char *cause = evidence_handled(text);

        if (cause)
                return FAIL(ST_INVALID, .subject = "evidence",
                            .expected = "canonical XML, to the byte as `bulkhead attest` wrote it",
                            .found = cause, .remedy = remedy);
        if (w->wrong)
                return FAIL(ST_INVALID, .subject = "evidence",
                            .expected = FMT("\"%s\", valid and in its place (docs/evidence.md)",
                                            w->wrong),
                            .found = place(w, text));
        return FAIL(ST_INVALID, .subject = "evidence",
                    .expected = "canonical XML, to the byte as `bulkhead attest` wrote it",
                    .found = "another form", .remedy = remedy);
}

/* --- all of it ------------------------------------------------------------------------------- */

const char *evidence_kind(struct bytes text, struct arena *a)
{
        struct walk w = {.arena = a,
                         .at = text.data,
                         .end = text.data + text.len,
                         .again = BUFFER_INIT(EVIDENCE_MOST)};
        const char *kind;

        w.echo = document_begin(&w.again);
        open_element(&w, "evidence");
        kind = attribute(&w, "kind");
        buffer_clear(&w.again);
        return w.wrong ? NULL : kind;
}

enum status evidence_read(struct bytes text, struct arena *a, struct evidence *out)
{
        struct evidence e = {0};
        struct walk w = {.arena = a,
                         .e = &e,
                         .at = text.data,
                         .end = text.data + text.len,
                         .again = BUFFER_INIT(EVIDENCE_MOST)};
        enum status s = ST_DONE;

        *out = (struct evidence){0};
        if (!text.len || text.len > EVIDENCE_MOST)
                return FAIL(text.len ? ST_TOO_LARGE : ST_INVALID, .subject = "evidence",
                            .expected = "a document of at most 16 MiB");
        w.echo = document_begin(&w.again);
        evidence(&w);
        out->kind = e.kind;
        if (w.wrong || !same_again(&w, text))
                s = refuse(&w, text);
        else
                *out = e;
        buffer_clear(&w.again);
        return s;
}
