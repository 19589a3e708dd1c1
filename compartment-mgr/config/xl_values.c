/* SPDX-License-Identifier: Apache-2.0 */
/* The values of an xl.cfg by key, bounded, as libxlutil reads them; and their JSON. Memory only. */
#include "compartment-mgr/config/xl_values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { STRING_MOST = 1024 };

/* The first of the lines that libxlutil has added since it was last asked. */
enum status xl_values_invalid(struct xl_values *c, const char *subject)
{
        const char *words;

        fflush(c->report);
        words = c->report_text ? c->report_text + c->report_seen : "";
        words += strspn(words, "xl.cfg:0123456789 "); /* where it is stands elsewhere */
        c->report_seen = c->report_len;
        return FAIL(ST_INVALID, .subject = FMT("xl.cfg: %s", subject),
                    .found = FMT("%.*s", (int)strcspn(words, "\n"), words),
                    .remedy = "see xl.cfg(5); docs/xl-cfg.md lists what is read");
}

/* What it said before is not about what comes now. */
static void forget_words(struct xl_values *c)
{
        fflush(c->report);
        c->report_seen = c->report_len;
}

static bool printable(const char *text)
{
        size_t n = 0;

        for (; text[n]; n++)
                if (text[n] < 0x20 || text[n] > 0x7e)
                        return false;
        return n <= STRING_MOST;
}

/* NULL stays in *value_out where the key is not given. */
enum status xl_values_text(struct xl_values *c, const char *key, const char **value_out)
{
        const char *value = NULL;
        int r;

        forget_words(c);
        r = xlu_cfg_get_string(c->xlu, key, &value, 0);

        *value_out = NULL;
        if (r == ESRCH)
                return ST_DONE;
        if (r || !value)
                return xl_values_invalid(c, key);
        if (!printable(value))
                return FAIL(ST_INVALID, .subject = FMT("xl.cfg: %s", key),
                            .expected = "at most 1,024 printable ASCII characters",
                            .found = FMT("'%.200s'", value));
        *value_out = arena_text(c->arena, value);
        return ST_DONE;
}

enum status xl_values_plain(struct xl_values *c, const char *key, const char *path,
                            const char **plain_out)
{
        char *to = arena_text(c->arena, path), *end = to;
        const char *from = path;

        *plain_out = to;
        if (*path != '/')
                return FAIL(ST_INVALID, .subject = FMT("xl.cfg: %s", key),
                            .expected = "an absolute path", .found = FMT("'%.200s'", path));
        while (*from) {
                size_t n = strcspn(from, "/");

                if (n == 2 && !strncmp(from, "..", 2))
                        return FAIL(ST_INVALID, .subject = FMT("xl.cfg: %s", key),
                                    .expected = "an absolute path without ..",
                                    .found = FMT("'%.200s'", path));
                if (n && !(n == 1 && *from == '.')) {
                        *end++ = '/';
                        memmove(end, from, n);
                        end += n;
                }
                from += n;
                from += *from == '/';
        }
        *end = 0;
        return ST_DONE;
}

enum status xl_values_path(struct xl_values *c, const char *key, const char **value_out)
{
        const char *given;
        enum status s = xl_values_text(c, key, &given);

        *value_out = NULL;
        return s || !given ? s : xl_values_plain(c, key, given, value_out);
}

/* As the file has it. */
static const char *value_of(struct xl_values *c, const char *key)
{
        const struct xl_setting *s = xl_scan_find(c->scan, key);

        return s ? s->value : "";
}

/* Without the key, *value keeps what it was. */
enum status xl_values_number(struct xl_values *c, const char *key, long least, long most,
                             long *value)
{
        long v = 0;
        int r;

        forget_words(c);
        r = xlu_cfg_get_long(c->xlu, key, &v, 0);

        if (r == ESRCH)
                return ST_DONE;
        if (r && r != ERANGE)
                return xl_values_invalid(c, key);
        if (r || v < least || v > most)
                return FAIL(ST_INVALID, .subject = FMT("xl.cfg: %s", key),
                            .expected = FMT("a number from %ld to %ld", least, most),
                            .found = value_of(c, key));
        *value = v;
        return ST_DONE;
}

enum status xl_values_choice(struct xl_values *c, const char *key, const char *const *choices,
                             const char **value)
{
        const char *v, *all = "";
        enum status s = xl_values_text(c, key, &v);

        if (s || !v)
                return s;
        for (; *choices; choices++) {
                if (!strcmp(v, *choices)) {
                        *value = *choices;
                        return ST_DONE;
                }
                all = arena_print(c->arena, "%s%s%s", all, *all ? ", " : "", *choices);
        }
        return FAIL(ST_UNSUPPORTED, .subject = FMT("xl.cfg: %s", key), .found = FMT("'%.200s'", v),
                    .expected = all, .remedy = "docs/xl-cfg.md lists the values that are read");
}

enum status xl_values_list(struct xl_values *c, const char *key, int most,
                           XLU_ConfigList **list_out, int *count_out)
{
        int r, count = 0;

        *count_out = 0;
        forget_words(c);
        r = xlu_cfg_get_list(c->xlu, key, list_out, &count, 0);
        if (r == ESRCH)
                return ST_DONE;
        if (r)
                return xl_values_invalid(c, key);
        if (count > most)
                return FAIL(ST_TOO_LARGE, .subject = FMT("xl.cfg: %s", key),
                            .expected = FMT("at most %d entries", most), .found = FMT("%d", count));
        *count_out = count;
        return ST_DONE;
}

enum status xl_values_item(struct xl_values *c, const char *key, const XLU_ConfigList *list, int i,
                           const char **text_out)
{
        const char *item = xlu_cfg_get_listitem(list, i);

        if (!item || !printable(item))
                return FAIL(ST_INVALID, .subject = FMT("xl.cfg: %s", key),
                            .expected = "a list of strings of printable ASCII",
                            .found = item ? FMT("'%.200s'", item) : "no string");
        *text_out = arena_text(c->arena, item);
        return ST_DONE;
}

void xl_values_put(struct json_object *to, const char *key, const char *value)
{
        if (value)
                json_object_object_add(to, key, json_object_new_string(value));
}

void xl_values_put_number(struct json_object *to, const char *key, long value)
{
        json_object_object_add(to, key, json_object_new_int64(value));
}
