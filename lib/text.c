/* SPDX-License-Identifier: Apache-2.0 */
/* Makes plain what a person's editor left in a text file. Touches memory only. */
#include "lib/text.h"

#include <string.h>

/* What is no text at all. */
static const char *wrong_in(struct bytes text)
{
        if (text.len >= 2 &&
            (!memcmp(text.data, "\xff\xfe", 2) || !memcmp(text.data, "\xfe\xff", 2)))
                return "UTF-16";
        return text.len && memchr(text.data, 0, text.len) ? "a NUL byte" : NULL;
}

static bool is_blank(uint8_t c)
{
        return c == ' ' || c == '\t' || c == '\r';
}

static struct bytes plain(struct arena *a, struct bytes text, bool trim)
{
        uint8_t *out = arena_get(a, text.len + 2);
        size_t i = text.len >= 3 && !memcmp(text.data, "\xef\xbb\xbf", 3) ? 3 : 0, len = 0;

        for (; i < text.len; i++) {
                const bool ends = text.data[i] == '\n';

                if (ends && !trim && len && out[len - 1] == '\r')
                        len--;
                while (ends && trim && len && is_blank(out[len - 1]))
                        len--;
                out[len++] = text.data[i];
        }
        while (trim && len && (is_blank(out[len - 1]) || out[len - 1] == '\n'))
                len--;
        if (len && out[len - 1] != '\n')
                out[len++] = '\n';
        out[len] = 0;
        return (struct bytes){out, len};
}

struct bytes text_plain(struct arena *a, struct bytes text)
{
        return plain(a, text, false);
}

struct bytes text_trimmed(struct arena *a, struct bytes text)
{
        return plain(a, text, true);
}

enum status text_read(const char *subject, struct bytes text, const char *remedy, struct arena *a,
                      struct bytes *text_out)
{
        const char *wrong = wrong_in(text);

        if (wrong)
                return FAIL(ST_INVALID, .subject = subject, .expected = "text, in ASCII or UTF-8",
                            .found = wrong, .remedy = *wrong == 'U' ? "save it as UTF-8" : remedy);
        *text_out = text_plain(a, text);
        return ST_DONE;
}
