/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renames the targets of a canonical descriptor. The text is searched, not parsed: the XML worker
 * reads the result as it reads any other descriptor. replace.c comes here; touches memory only.
 */
#include "compartment-mgr/descriptor_rename.h"

#include <string.h>

static const char element[] = "<measureTarget ", attribute[] = " name=\"";

static bool is_plain(const char *text)
{
        return !strpbrk(text, "&<>\"");
}

static const char *path_of(const struct vm_config *c, const char *device)
{
        for (size_t i = 0; i < c->boot.count; i++)
                if (!strcmp(c->boot.items[i].name, device))
                        return c->boot.items[i].path;
        for (size_t i = 0; i < c->disks.count; i++)
                if (!strcmp(c->disks.items[i].device, device))
                        return c->disks.items[i].path;
        return NULL;
}

static const char *device_at(const struct vm_config *c, const char *path)
{
        for (size_t i = 0; i < c->boot.count; i++)
                if (!strcmp(c->boot.items[i].path, path))
                        return c->boot.items[i].name;
        for (size_t i = 0; i < c->disks.count; i++)
                if (!strcmp(c->disks.items[i].path, path))
                        return c->disks.items[i].device;
        return NULL;
}

/* What PLUGIN:ARGUMENT is called now; NULL: the same. A path that is still named stays. */
static const char *new_argument(const char *plugin, const char *argument,
                                const struct vm_config *present, const struct vm_config *next)
{
        const char *device;

        if (!strcmp(plugin, "vm"))
                return strcmp(argument, present->name) ? NULL : next->name;
        device = device_at(next, argument) ? NULL : device_at(present, argument);
        return device ? path_of(next, device) : NULL;
}

static void put(struct buffer *out, const uint8_t *from, const uint8_t *to)
{
        buffer_add(out, from, (size_t)(to - from));
}

/* Copies one name="PLUGIN:ARGUMENT" that begins behind `at`; returns where the text goes on. */
static const uint8_t *put_name(struct buffer *out, struct arena *a, const uint8_t *at,
                               const uint8_t *end, const struct vm_config *present,
                               const struct vm_config *next)
{
        const uint8_t *quote = memchr(at, '"', (size_t)(end - at)), *colon;
        const char *plugin, *argument, *changed;

        colon = quote ? memchr(at, ':', (size_t)(quote - at)) : NULL;
        if (!colon || memchr(at, 0, (size_t)(quote - at)))
                return at;
        plugin = arena_print(a, "%.*s", (int)(colon - at), (const char *)at);
        argument = arena_print(a, "%.*s", (int)(quote - colon - 1), (const char *)colon + 1);
        changed = new_argument(plugin, argument, present, next);
        if (!changed || !is_plain(argument) || !is_plain(changed))
                return at;
        put(out, at, colon + 1);
        buffer_add(out, changed, strlen(changed));
        return quote;
}

struct bytes descriptor_rename(struct arena *a, struct bytes canonical,
                               const struct vm_config *present, const struct vm_config *next)
{
        const uint8_t *at = canonical.data, *end = at + canonical.len;
        struct buffer out = BUFFER_INIT(2 * DOCUMENT_MOST);
        struct bytes result;

        while (at < end) {
                const uint8_t *target = memmem(at, (size_t)(end - at), element, strlen(element));
                const uint8_t *close = target ? memchr(target, '>', (size_t)(end - target)) : NULL;
                const uint8_t *name = close ? memmem(target, (size_t)(close - target), attribute,
                                                     strlen(attribute))
                                            : NULL;

                if (!close)
                        break;
                if (!name) {
                        put(&out, at, close);
                        at = close;
                        continue;
                }
                name += strlen(attribute);
                put(&out, at, name);
                at = put_name(&out, a, name, close, present, next);
        }
        put(&out, at, end);
        result = (struct bytes){arena_copy(a, out.data, out.len), out.len};
        buffer_clear(&out);
        return result;
}

/* --- predicates ------------------------------------------------------------------------------ */

static enum status keep(const struct predicate *sealed, struct predicate *renamed)
{
        bool same = !strcmp(sealed->name, renamed->name);

        if (same && *renamed->name)
                renamed->stylesheet = sealed->stylesheet;
        else if (same)
                same = sealed->stylesheet.len == renamed->stylesheet.len &&
                       !memcmp(sealed->stylesheet.data, renamed->stylesheet.data,
                               sealed->stylesheet.len);
        return same ? ST_DONE
                    : FAIL(ST_INVALID, .subject = "the descriptor of the present seal",
                           .expected = "names that can be adjusted",
                           .found = "a predicate that names them, too",
                           .remedy = "give a descriptor: --descriptor");
}

enum status descriptor_keep_predicates(struct arena *a, const struct descriptor *sealed,
                                       struct descriptor *renamed)
{
        struct predicate *predicates =
                arena_get_many(a, renamed->predicates.count + 1, sizeof *predicates);
        struct device_check *checks = arena_get_many(a, renamed->checks.count + 1, sizeof *checks);
        enum status s = ST_DONE;

        if (sealed->predicates.count != renamed->predicates.count ||
            sealed->checks.count != renamed->checks.count)
                return keep(&(struct predicate){.name = "a"}, &(struct predicate){.name = "b"});
        for (size_t i = 0; i < renamed->predicates.count && !s; i++) {
                predicates[i] = renamed->predicates.items[i];
                s = keep(&sealed->predicates.items[i], &predicates[i]);
        }
        for (size_t i = 0; i < renamed->checks.count && !s; i++) {
                checks[i] = renamed->checks.items[i];
                s = keep(&sealed->checks.items[i].predicate, &checks[i].predicate);
        }
        renamed->predicates.items = predicates;
        renamed->checks.items = checks;
        return s;
}
