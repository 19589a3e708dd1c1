/* SPDX-License-Identifier: Apache-2.0 */
/* The one grammar of principals. Every process that names one comes here; no account is
 * looked up. */
#include "lib/principal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEX_LEAST = 2 * 16, HEX_MOST = 2 * 64, UID_DIGITS = 10 };

const struct principal principal_nobody = {PRINCIPAL_NOBODY, ""};
const struct principal principal_self = {PRINCIPAL_SELF, ""};

#define DIGITS "0123456789"
#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" DIGITS "._:+@-"

static bool is_made_of(const char *name, const char *characters, size_t least, size_t most)
{
        size_t len = strlen(name);

        return len >= least && len <= most && strspn(name, characters) == len;
}

static bool is_uid(const char *name)
{
        return is_made_of(name, DIGITS, 1, UID_DIGITS) && (*name != '0' || !name[1]) &&
               strtoull(name, NULL, 10) < (uid_t)-1;
}

static bool is_certificate(const char *name)
{
        return is_made_of(name, NAME_CHARACTERS, 1, PRINCIPAL_NAME_SIZE - 1);
}

static bool is_component(const char *name)
{
        struct uuid uuid;
        char canonical[37];

        if (!uuid_read(name, &uuid) || uuid_is_zero(&uuid))
                return false;
        uuid_write(&uuid, canonical);
        return !strcmp(name, canonical);
}

static bool is_host(const char *name)
{
        return is_made_of(name, DIGITS "abcdef", HEX_LEAST, HEX_MOST) && strlen(name) % 2 == 0;
}

static const struct {
        const char *prefix;
        bool (*is_name)(const char *);
} kinds[] = {
        [PRINCIPAL_USER] = {"uid:", is_uid},
        [PRINCIPAL_CERTIFICATE] = {"tls:", is_certificate},
        [PRINCIPAL_COMPONENT] = {"vm:", is_component},
        [PRINCIPAL_HOST] = {"host:", is_host},
};
static const size_t kinds_count = sizeof kinds / sizeof *kinds;

bool principal_is_valid(const struct principal *p)
{
        if (!p->name)
                return false;
        if (p->kind == PRINCIPAL_SELF)
                return !*p->name;
        return p->kind < kinds_count && kinds[p->kind].prefix && kinds[p->kind].is_name(p->name);
}

/* out->name points into text. */
static bool read_text(const char *text, struct principal *out)
{
        *out = principal_self;
        if (!strcmp(text, "self"))
                return true;
        for (enum principal_kind kind = PRINCIPAL_USER; kind < kinds_count; kind++) {
                size_t n = strlen(kinds[kind].prefix);

                if (strncmp(text, kinds[kind].prefix, n) || !kinds[kind].is_name(text + n))
                        continue;
                *out = (struct principal){kind, text + n};
                return true;
        }
        *out = principal_nobody;
        return false;
}

bool principal_is_text(const char *text)
{
        struct principal p;

        return read_text(text, &p);
}

enum status principal_read(const char *text, struct arena *a, struct principal *out)
{
        if (!read_text(text, out))
                return FAIL(ST_INVALID, .subject = "a principal",
                            .expected = "uid:NUMBER, tls:NAME, vm:UUID, host:HEX or self",
                            .found = QUOTED(text),
                            .remedy = "docs/evidence.md says what each one means");
        *out = principal_copy(a, out);
        return ST_DONE;
}

const char *principal_write(const struct principal *p, char text[static PRINCIPAL_TEXT_SIZE])
{
        const char *prefix = "nobody", *name = "";

        if (principal_is_valid(p)) {
                prefix = p->kind == PRINCIPAL_SELF ? "self" : kinds[p->kind].prefix;
                name = p->name;
        }
        snprintf(text, PRINCIPAL_TEXT_SIZE, "%s%s", prefix, name);
        return text;
}

enum status principal_needed(const struct principal *p, const char *what)
{
        if (principal_is_valid(p))
                return ST_DONE;
        return FAIL(ST_PROTOCOL, .subject = what, .expected = "a principal",
                    .found = principal_kind_word(p->kind),
                    .remedy = "use programs of one version on both sides");
}

bool principal_is(const struct principal *p, const struct principal *other)
{
        return principal_is_valid(p) && p->kind == other->kind && !strcmp(p->name, other->name);
}

struct principal principal_of_uid(uid_t uid, char name[static PRINCIPAL_NAME_SIZE])
{
        snprintf(name, PRINCIPAL_NAME_SIZE, "%u", (unsigned)uid);
        return (struct principal){PRINCIPAL_USER, name};
}

bool principal_uid(const struct principal *p, uid_t *uid_out)
{
        if (p->kind != PRINCIPAL_USER || !principal_is_valid(p))
                return false;
        *uid_out = (uid_t)strtoul(p->name, NULL, 10);
        return true;
}

struct principal principal_copy(struct arena *a, const struct principal *p)
{
        return (struct principal){p->kind, arena_text(a, p->name ? p->name : "")};
}
