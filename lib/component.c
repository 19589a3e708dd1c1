/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers of components as text. Any process may come here; it touches nothing but memory. */
#include "lib/component.h"
#include "lib/message.h"

#include <string.h>

static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:+-";
static const char hex[] = "0123456789ABCDEF";

static bool is_plain(char c)
{
        return c && strchr(plain, c);
}

/* "." and "..", which mean something to a file system. */
static bool is_dots(const char *name, size_t len)
{
        return (len == 1 || len == 2) && !strncmp(name, "..", len);
}

static int hex_value(char c)
{
        const char *at = c ? strchr(hex, c) : NULL;

        return at ? (int)(at - hex) : -1;
}

/* --- reading --------------------------------------------------------------------------------- */

/* The byte that the %XX at text stands for; 0 if there is none. */
static char escaped(const char *text)
{
        int high = *text == '%' ? hex_value(text[1]) : -1,
            low = high >= 0 ? hex_value(text[2]) : -1;

        return low >= 0 ? (char)(high << 4 | low) : 0;
}

/* Unescapes the name at the beginning of text. Returns the number of bytes read, or 0 if they are
 * no name in its written form. name_out: as much room as text. */
static size_t read_name(const char *text, char *name_out)
{
        size_t read = 0, n = 0;
        bool plain_escaped = false, raw = false;

        while (text[read] && text[read] != '/') {
                char c = text[read] == '%' ? escaped(text + read) : text[read];

                if (!c || (text[read] != '%' && !is_plain(c)))
                        return 0;
                *(text[read] == '%' ? &plain_escaped : &raw) |= is_plain(c);
                read += text[read] == '%' ? 3 : 1;
                name_out[n++] = c;
        }
        name_out[n] = 0;
        /* Dots that are the whole name are escaped, all of them; no other plain byte is. */
        return (is_dots(name_out, n) ? raw : plain_escaped) ? 0 : read;
}

enum status component_parse(const char *text)
{
        char name[COMPONENT_MOST + 1];
        size_t n = 0, read = 0;

        if (strnlen(text, COMPONENT_MOST + 1) <= COMPONENT_MOST) {
                do {
                        read = read_name(text + n, name);
                        n += read;
                } while (read && text[n++] == '/');
                if (read)
                        return ST_DONE;
        }
        return FAIL(ST_INVALID, .subject = "the identifier of a component",
                    .expected = "names of letters, digits and ._:+- with / between them, "
                                "all else as %XX",
                    .found = QUOTED(text));
}

/* --- writing --------------------------------------------------------------------------------- */

enum status component_child(struct arena *a, const char *parent, const char *name,
                            const char **id_out)
{
        const size_t before = strlen(parent), len = strlen(name);
        const bool dots = is_dots(name, len);
        char *id = arena_get(a, before + 3 * len + 2), *to = id;

        *id_out = id;
        if (!len)
                return FAIL(ST_INVALID, .subject = FMT("a part of %.200s", parent),
                            .expected = "a name", .found = "an empty one");
        to = before ? stpcpy(stpcpy(to, parent), "/") : to;
        for (; *name; name++) {
                const uint8_t byte = (uint8_t)*name;

                if (is_plain(*name) && !dots) {
                        *to++ = *name;
                        continue;
                }
                *to++ = '%';
                *to++ = hex[byte >> 4];
                *to++ = hex[byte & 15];
        }
        *to = 0;
        return to - id <= COMPONENT_MOST
                       ? ST_DONE
                       : FAIL(ST_TOO_LARGE, .subject = "the identifier of a component",
                              .expected = FMT("at most %d bytes", COMPONENT_MOST),
                              .found = FMT("%zu", (size_t)(to - id)));
}

const char *component_vm(const struct uuid *vm, char out[static COMPONENT_VM])
{
        uuid_write(vm, stpcpy(out, COMPONENT_VMS "/"));
        return out;
}

/* --- parts ----------------------------------------------------------------------------------- */

const char *component_parent(struct arena *a, const char *id)
{
        const char *last = strrchr(id, '/');

        return last ? arena_copy(a, id, (size_t)(last - id)) : "";
}

const char *component_name(struct arena *a, const char *id)
{
        const char *last = strrchr(id, '/');
        char *name = arena_text(a, last ? last + 1 : id);

        return read_name(arena_text(a, name), name) ? name : "";
}

/* The separator stands before every other byte. */
static int rank(char c)
{
        return c == '/' ? 1 : c ? 2 + (uint8_t)c : 0;
}

int component_compare(const char *a, const char *b)
{
        while (*a && *a == *b)
                a++, b++;
        return rank(*a) - rank(*b);
}

bool component_is_in(const char *id, const char *component)
{
        const size_t len = strlen(component);

        return !strncmp(id, component, len) && (!id[len] || id[len] == '/');
}
