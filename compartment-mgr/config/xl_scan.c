/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of an xl.cfg and their places, and the list of findings. Touches memory only. */
#include "compartment-mgr/config/xl_scan.h"
#include "lib/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_MOST = 200, SETTINGS_MOST = 512 };

/* --- findings -------------------------------------------------------------------------------- */

void xl_scan_note(struct xl_scan *scan, enum config_outcome outcome, const char *key,
                  struct xl_place at, const struct error *e)
{
        struct arena *a = scan->arena;

        scan->bad |= outcome == CONFIG_REFUSED || outcome == CONFIG_WRONG;
        if (scan->items_count == CONFIG_FINDINGS_MOST)
                return;
        if (!scan->items)
                scan->items = arena_get_many(a, CONFIG_FINDINGS_MOST, sizeof *scan->items);
        scan->items[scan->items_count++] =
                (struct config_finding){.line = at.line,
                                        .column = at.column,
                                        .outcome = outcome,
                                        .status = e->status,
                                        .key = arena_text(a, key),
                                        .subject = arena_text(a, e->subject),
                                        .found = arena_text(a, e->found),
                                        .expected = arena_text(a, e->expected),
                                        .remedy = arena_text(a, e->remedy)};
}

struct xl_setting *xl_scan_find(struct xl_scan *scan, const char *key)
{
        for (size_t i = 0; i < scan->settings_count; i++)
                if (!strcmp(scan->settings[i].key, key))
                        return &scan->settings[i];
        return NULL;
}

enum status xl_scan_failed(struct xl_scan *scan, int item, enum status s)
{
        const struct error *e = error_last();
        const char *name = strchr(e->subject, ' ');
        struct xl_setting *setting = NULL;
        struct xl_place at = {0};
        char key[64] = "";

        if (!s)
                return s;
        if (name)
                snprintf(key, sizeof key, "%.*s", (int)strcspn(name + 1, " "), name + 1);
        setting = xl_scan_find(scan, key);
        if (setting && item >= 0 && (size_t)item < setting->items_count)
                at = setting->items[item];
        else if (setting)
                at = setting->value_at.line ? setting->value_at : setting->at;
        if (!setting || !setting->broken) /* or it is said already */
                xl_scan_note(scan, s == ST_UNSUPPORTED ? CONFIG_REFUSED : CONFIG_WRONG, key, at, e);
        error_clear();
        return s;
}

static int compare(const void *a, const void *b)
{
        const struct config_finding *x = a, *y = b;

        if (!x->line != !y->line)
                return x->line ? -1 : 1;
        if (x->line != y->line)
                return x->line < y->line ? -1 : 1;
        return x->column < y->column ? -1 : x->column > y->column;
}

void xl_scan_sort(struct xl_scan *scan)
{
        if (scan->items_count)
                qsort(scan->items, scan->items_count, sizeof *scan->items, compare);
}

/* --- the text as a whole --------------------------------------------------------------------- */

enum status xl_scan_text(struct arena *a, struct bytes text, struct bytes *text_out)
{
        enum status s = text_read("xl.cfg", text, NULL, a, text_out);

        if (s || text_out->len)
                return s;
        return FAIL(ST_INVALID, .subject = "xl.cfg", .expected = "text, in ASCII or UTF-8",
                    .found = "nothing");
}

/* --- settings -------------------------------------------------------------------------------- */

struct cursor {
        struct xl_scan *scan;
        struct bytes t;
        size_t i;
        struct xl_place at;
};

static bool is_letter(uint8_t c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name_part(uint8_t c)
{
        return is_letter(c) || (c >= '0' && c <= '9') || c == '.';
}

static int here(const struct cursor *c)
{
        return c->i < c->t.len ? c->t.data[c->i] : -1;
}

static void step(struct cursor *c, size_t to)
{
        for (; c->i < to && c->i < c->t.len; c->i++) {
                uint8_t byte = c->t.data[c->i];

                if (byte == '\n')
                        c->at = (struct xl_place){c->at.line + 1, 1};
                else
                        c->at.column += (byte & 0xc0) != 0x80; /* not within a character */
        }
}

/* Blanks and comments, up to the end of the line. */
static void skip_blanks(struct cursor *c)
{
        while (here(c) == ' ' || here(c) == '\t')
                step(c, c->i + 1);
        if (here(c) == '#')
                while (c->i < c->t.len && here(c) != '\n')
                        step(c, c->i + 1);
}

static size_t end_of_string(struct bytes t, size_t i)
{
        uint8_t quote = t.data[i++];

        while (i < t.len && t.data[i] != quote && t.data[i] != '\n')
                i += t.data[i] == '\\' ? 2 : 1;
        return i + 1;
}

static size_t end_of_name(struct bytes t, size_t i)
{
        while (i < t.len && is_name_part(t.data[i]))
                i++;
        return i;
}

/* To behind the string, or to the end of its line if it is not closed there: then false. */
static bool step_string(struct cursor *c)
{
        size_t from = c->i, end = end_of_string(c->t, from);
        bool closed = end <= c->t.len && end - from >= 2 && c->t.data[end - 1] == c->t.data[from];

        step(c, closed ? end : end - 1);
        return closed;
}

/* A piece of the text, in quotes and on one line. */
static const char *quoted(const struct cursor *c, size_t from, size_t to)
{
        size_t n = to > c->t.len ? c->t.len : to;
        char *text, *end;

        while (n > from && strchr(" \t\n", c->t.data[n - 1]))
                n--;
        n = n - from > VALUE_MOST ? VALUE_MOST : n - from;
        text = end = arena_get(c->scan->arena, n + 3);
        *end++ = '\'';
        for (size_t i = from; i < from + n; i++) {
                bool blank = strchr(" \t\n", c->t.data[i]);

                if (!blank || end[-1] != ' ')
                        *end++ = blank ? ' ' : (char)c->t.data[i];
        }
        *end = '\'';
        return text;
}

static void wrong(struct cursor *c, const char *key, struct xl_place at, const struct why *why)
{
        struct error kept = *error_last();

        error_set(ST_INVALID, why);
        xl_scan_note(c->scan, CONFIG_WRONG, key, at, error_last());
        error_keep(&kept);
}

static const char *subject_of(const struct cursor *c, const char *key)
{
        return arena_print(c->scan->arena, "xl.cfg: %s", key);
}

static bool is_typographic(const struct cursor *c, size_t n)
{
        static const char *const all[] = {"\u201c", "\u201d", "\u2018", "\u2019",
                                          "\u201e", "\u00ab", "\u00bb", "\u00a0"};

        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
                if (n == strlen(all[i]) && !memcmp(c->t.data + c->i, all[i], n))
                        return true;
        return false;
}

static size_t end_of_stray(struct bytes t, size_t i)
{
        while (i < t.len && !strchr(" \t\n;]#\"'", t.data[i]))
                i++;
        return i;
}

/* What stands where nothing of that kind may stand: a word without quotes, a typographic quotation
 * mark, a control character. */
static void stray(struct cursor *c, const char *key)
{
        size_t from = c->i, n = utf8_sequence(c->t.data + from, c->t.len - from);
        size_t to = end_of_stray(c->t, from);
        struct why why = {.subject = subject_of(c, key)};
        int cut = (int)(to - from > 100 ? 100 : to - from);
        char found[256], remedy[256]; /* FMT's own text would end with its block */

        to = to > from ? to : from + 1;
        if (is_name_part((uint8_t)here(c)) || here(c) == '/') {
                why.expected = "a number, or text in quotes";
                why.found = status_format(found, "%s, without quotes", quoted(c, from, to));
                why.remedy = status_format(remedy, "write \"%.*s\"", cut,
                                           (const char *)c->t.data + from);
        } else if (is_typographic(c, n)) {
                why.expected = "quotation marks \" or ', blanks";
                why.found = status_format(found, "%s, with a typographic character",
                                          quoted(c, from, to));
                why.remedy = "write \" instead";
        } else {
                why.expected = "key = value";
                why.found = here(c) == '\r' ? "a carriage return that ends no line"
                                            : quoted(c, from, to);
        }
        wrong(c, key, c->at, &why);
        step(c, to);
}

/* To the end of the line. Anything there is noted once, if nothing was noted before. */
static void rest_of_line(struct cursor *c, const char *key, bool said)
{
        for (skip_blanks(c); c->i < c->t.len && here(c) != '\n' && here(c) != ';'; skip_blanks(c)) {
                if (!said)
                        stray(c, key);
                else if (here(c) == '"' || here(c) == '\'')
                        step_string(c);
                else
                        step(c, c->i + 1);
                said = true;
        }
}

/* Of one setting, the first thing that is wrong is noted: what follows may come from that. */
static void broken(struct cursor *c, struct xl_setting *s, struct xl_place at,
                   const struct why *why)
{
        if (!s->broken)
                wrong(c, s->key, at, why);
        s->broken = true;
}

static void string(struct cursor *c, struct xl_setting *s)
{
        size_t from = c->i;
        struct xl_place at = c->at;

        if (step_string(c))
                return;
        broken(c, s, at,
               &(struct why){.subject = subject_of(c, s->key),
                             .expected = "a string that ends on its line",
                             .found = FMT("%s, which is not closed", quoted(c, from, c->i)),
                             .remedy = FMT("close it with %c", c->t.data[from])});
}

static bool step_number(struct cursor *c)
{
        size_t end = end_of_name(c->t, c->i + 1);
        const char *text = arena_print(c->scan->arena, "%.*s", (int)(end - c->i),
                                       (const char *)c->t.data + c->i);
        char *rest;

        strtol(text, &rest, 0);
        if (*rest || rest == text || (end < c->t.len && strchr("/:-+@%", c->t.data[end])))
                return false;
        step(c, end);
        return true;
}

static void atom(struct cursor *c, struct xl_setting *s)
{
        int ch = here(c);

        if (ch == '"' || ch == '\'') {
                string(c, s);
                return;
        }
        if ((ch == '-' || (ch >= '0' && ch <= '9')) && step_number(c))
                return;
        if (s->broken)
                step(c, c->i + 1);
        else
                stray(c, s->key);
        s->broken = true;
}

/* A line that begins with `key =` within a list: the list before it was not closed. */
static bool begins_setting(const struct cursor *c)
{
        size_t i = c->i;

        if (i >= c->t.len || !is_letter(c->t.data[i]))
                return false;
        i = end_of_name(c->t, i);
        while (i < c->t.len && (c->t.data[i] == ' ' || c->t.data[i] == '\t'))
                i++;
        return i < c->t.len && c->t.data[i] == '=';
}

/* False if it is not closed: then the next setting stands here. */
static bool list(struct cursor *c, struct xl_setting *s)
{
        struct xl_place at = c->at;
        unsigned depth = 0;

        do {
                int ch = here(c);

                if (ch < 0 || begins_setting(c)) {
                        broken(c, s, at,
                               &(struct why){.subject = subject_of(c, s->key),
                                             .expected = "a list that is closed",
                                             .found = "a '[' without its ']'",
                                             .remedy = "close it with ]"});
                        return false;
                }
                if (strchr("[],\n \t", ch)) {
                        depth += ch == '[';
                        depth -= ch == ']';
                        step(c, c->i + 1);
                } else if (ch == '#') {
                        skip_blanks(c);
                } else {
                        if (depth == 1 && s->items_count < XL_ITEMS_MOST)
                                s->items[s->items_count++] = c->at;
                        atom(c, s);
                }
        } while (depth);
        return true;
}

static bool is_off(struct cursor *c, const struct xl_setting *s, size_t from, size_t to)
{
        size_t n = to - from;
        const uint8_t *v = c->t.data + from;

        return (n == 1 && *v == '0') ||
               (n == 2 && (!memcmp(v, "\"\"", 2) || !memcmp(v, "''", 2))) ||
               (n == 3 && (!memcmp(v, "\"0\"", 3) || !memcmp(v, "'0'", 3))) ||
               (n >= 2 && *v == '[' && !s->items_count && v[n - 1] == ']' &&
                strspn((const char *)v + 1, " \t\n") >= n - 2);
}

/* False if the next setting stands here already. */
static bool value(struct cursor *c, struct xl_setting *s)
{
        bool closed = true;
        size_t from;

        skip_blanks(c);
        from = c->i;
        s->value_at = c->at;
        if (here(c) == '\n' || here(c) == ';' || here(c) < 0) {
                broken(c, s, c->at,
                       &(struct why){.subject = subject_of(c, s->key),
                                     .expected = "a number, a string or a list",
                                     .found = "nothing after ="});
        } else if (here(c) == '[') {
                closed = list(c, s);
        } else {
                atom(c, s);
        }
        s->off = is_off(c, s, from, c->i);
        s->value = quoted(c, from, c->i);
        if (strchr("\"'[", c->t.data[from])) /* that is quoted enough */
                s->value = arena_print(c->scan->arena, "%.*s", (int)strlen(s->value) - 2,
                                       s->value + 1);
        return closed;
}

static struct xl_setting *add(struct cursor *c, const char *key, struct xl_place at)
{
        struct xl_scan *scan = c->scan;
        struct xl_setting *s;

        if (!scan->settings)
                scan->settings = arena_get_many(scan->arena, SETTINGS_MOST, sizeof *scan->settings);
        if (scan->settings_count == SETTINGS_MOST) {
                wrong(c, key, at, &(struct why){.subject = "xl.cfg", .found = "too many settings"});
                scan->settings_count--;
        }
        s = &scan->settings[scan->settings_count++];
        *s = (struct xl_setting){.key = key, .at = at, .value = "", .last_line = at.line};
        return s;
}

static void blank(struct xl_scan *scan, size_t from, size_t to)
{
        uint8_t *text = (uint8_t *)scan->text.data;

        for (size_t i = from; i < to && i < scan->text.len; i++)
                if (text[i] != '\n')
                        text[i] = ' ';
}

void xl_scan_break(struct xl_scan *scan, struct xl_setting *s)
{
        s->broken = true;
        blank(scan, s->from, s->to);
}

static void read_setting(struct cursor *c, struct xl_setting *s)
{
        skip_blanks(c);
        if (here(c) == '+')
                step(c, c->i + 1);
        if (here(c) != '=') {
                broken(c, s, c->at,
                       &(struct why){.subject = subject_of(c, s->key),
                                     .expected = "key = value",
                                     .found = "no = after the key"});
                rest_of_line(c, s->key, true);
                return;
        }
        step(c, c->i + 1);
        if (!value(c, s))
                return;
        skip_blanks(c);
        if (c->i < c->t.len && here(c) != '\n' && here(c) != ';') {
                rest_of_line(c, s->key, s->broken);
                s->broken = true;
        }
}

static void setting(struct cursor *c)
{
        size_t from = c->i, end = end_of_name(c->t, from);
        const char *key =
                arena_print(c->scan->arena, "%.*s", end - from > 60 ? 60 : (int)(end - from),
                            (const char *)c->t.data + from);
        struct xl_setting *s = add(c, key, c->at);

        step(c, end);
        read_setting(c, s);
        s->from = from;
        s->to = c->i;
        s->last_line = c->at.line - (c->at.column == 1 && c->at.line > s->at.line);
        if (s->broken)
                xl_scan_break(c->scan, s);
}

void xl_scan_settings(struct xl_scan *scan, struct bytes text)
{
        struct cursor c = {.scan = scan, .t = text, .at = {1, 1}};

        scan->text = (struct bytes){arena_copy(scan->arena, text.data, text.len), text.len};
        while (c.i < text.len) {
                size_t from;

                skip_blanks(&c);
                from = c.i;
                if (here(&c) == '\n' || here(&c) == ';') {
                        step(&c, c.i + 1);
                } else if (c.i < text.len && is_letter((uint8_t)here(&c))) {
                        setting(&c);
                } else if (c.i < text.len) {
                        rest_of_line(&c, "syntax", false);
                        blank(scan, from, c.i);
                }
        }
}
