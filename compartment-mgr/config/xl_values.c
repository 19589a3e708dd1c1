/* SPDX-License-Identifier: Apache-2.0 */
/* The values of an xl.cfg by key, bounded, as libxlutil reads them; and their JSON. Memory only. */
#include "compartment-mgr/config/xl_values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { STRING_MOST = 1024 };

/* The first line of what libxlutil had to say. */
enum status xl_values_invalid(struct xl_values *c, const char *subject)
{
        char *end;

        fflush(c->report);
        if (c->report_text && (end = strchr(c->report_text, '\n')))
                *end = 0;
        return FAIL(ST_INVALID, .subject = FMT("xl.cfg: %s", subject), .found = c->report_text,
                    .remedy = "see xl.cfg(5); docs/xl-cfg.md lists what is read");
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
        int r = xlu_cfg_get_string(c->xlu, key, &value, 0);

        *value_out = NULL;
        if (r == ESRCH)
                return ST_DONE;
        if (r || !value)
                return xl_values_invalid(c, key);
        if (!printable(value))
                return FAIL(ST_INVALID, .subject = FMT("xl.cfg: %s", key),
                            .expected = "at most 1,024 printable ASCII characters");
        *value_out = arena_text(c->arena, value);
        return ST_DONE;
}

enum status xl_values_path(struct xl_values *c, const char *key, const char **value_out)
{
        enum status s = xl_values_text(c, key, value_out);

        if (!s && *value_out && **value_out != '/')
                return FAIL(ST_INVALID, .subject = FMT("xl.cfg: %s", key),
                            .expected = "an absolute path", .found = *value_out);
        return s;
}

/* Without the key, *value keeps what it was. */
enum status xl_values_number(struct xl_values *c, const char *key, long least, long most,
                             long *value)
{
        long v = 0;
        int r = xlu_cfg_get_long(c->xlu, key, &v, 0);

        if (r == ESRCH)
                return ST_DONE;
        if (r && r != ERANGE)
                return xl_values_invalid(c, key);
        if (r || v < least || v > most)
                return FAIL(ST_INVALID, .subject = FMT("xl.cfg: %s", key),
                            .expected = FMT("a number from %ld to %ld", least, most));
        *value = v;
        return ST_DONE;
}

enum status xl_values_choice(struct xl_values *c, const char *key, const char *const *choices,
                             const char **value)
{
        const char *v;
        enum status s = xl_values_text(c, key, &v);

        if (s || !v)
                return s;
        for (; *choices; choices++)
                if (!strcmp(v, *choices)) {
                        *value = *choices;
                        return ST_DONE;
                }
        return FAIL(ST_UNSUPPORTED, .subject = FMT("xl.cfg: %s", key), .found = v,
                    .remedy = "docs/xl-cfg.md lists the values that are read");
}

enum status xl_values_list(struct xl_values *c, const char *key, int most,
                           XLU_ConfigList **list_out, int *count_out)
{
        int r = xlu_cfg_get_list(c->xlu, key, list_out, count_out, 0);

        if (r == ESRCH) {
                *count_out = 0;
                return ST_DONE;
        }
        if (r)
                return xl_values_invalid(c, key);
        if (*count_out > most)
                return FAIL(ST_TOO_LARGE, .subject = FMT("xl.cfg: %s", key),
                            .expected = FMT("at most %d entries", most),
                            .found = FMT("%d", *count_out));
        for (int i = 0; i < *count_out; i++) {
                const char *item = xlu_cfg_get_listitem(*list_out, i);

                if (!item || !printable(item))
                        return FAIL(ST_INVALID, .subject = FMT("xl.cfg: %s", key),
                                    .expected = "a list of strings of printable ASCII");
        }
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
