/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads facts. The plug-ins vm, hypervisor and vms come here, in a measure worker; it touches the
 * one descriptor that they are given, by pread64 and fstat.
 */
#include "plugins/facts/facts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MOST = 4 << 20, DEPTH_MOST = 6 };

int facts_refuse(const struct facts *f, const char *expected, const char *found)
{
        return f->host->refuse(f->target->name, expected, found,
                               "report this, with the versions of compartment-mgr and of the "
                               "plug-in");
}

/* --- the file -------------------------------------------------------------------------------- */

static int read_all(int file, char *to, size_t len)
{
        size_t at = 0;

        while (at < len) {
                ssize_t r = pread(file, to + at, len - at, (off_t)at);

                if (r < 0 && errno == EINTR)
                        continue;
                if (r <= 0)
                        return -1;
                at += (size_t)r;
        }
        return 0;
}

static char *read_file(const struct facts *f, size_t *len_out)
{
        struct stat st;
        char *text;

        if (f->target->file < 0 || fstat(f->target->file, &st) || !S_ISREG(st.st_mode)) {
                f->host->refuse(f->target->name, "facts that compartment-mgr has gathered",
                                "none: nothing can be opened by that name",
                                "measure it by an attestation: bulkhead attest");
                return NULL;
        }
        if (st.st_size <= 0 || st.st_size > FILE_MOST) {
                facts_refuse(f, "1 byte to 4 MiB of facts", "another size");
                return NULL;
        }
        text = malloc((size_t)st.st_size);
        if (!text || read_all(f->target->file, text, (size_t)st.st_size)) {
                facts_refuse(f, "facts that can be read", text ? strerror(errno) : "no memory");
                free(text);
                return NULL;
        }
        *len_out = (size_t)st.st_size;
        return text;
}

/* --- JSON ------------------------------------------------------------------------------------ */

static int is_sorted(struct json_object *object)
{
        const char *before = NULL;

        json_object_object_foreach(object, key, value)
        {
                (void)value;
                if (before && strcmp(before, key) >= 0)
                        return 0;
                before = key;
        }
        return 1;
}

/* Whether every object in it is sorted. */
static int all_sorted(struct json_object *o)
{
        if (json_object_is_type(o, json_type_array)) {
                for (size_t i = 0; i < json_object_array_length(o); i++)
                        if (!all_sorted(json_object_array_get_idx(o, i)))
                                return 0;
        } else if (json_object_is_type(o, json_type_object)) {
                if (!is_sorted(o))
                        return 0;
                json_object_object_foreach(o, key, value)
                {
                        (void)key;
                        if (!all_sorted(value))
                                return 0;
                }
        }
        return 1;
}

/* If json-c writes the same bytes again, no key stood twice and there was no white space. */
static int is_canonical(struct json_object *o, const char *text, size_t len)
{
        size_t again_len = 0;
        const char *again = json_object_to_json_string_length(
                o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &again_len);

        return again && again_len == len && !memcmp(again, text, len) && all_sorted(o);
}

struct json_object *facts_parse(const char *text, size_t len)
{
        struct json_tokener *tokener = len > FILE_MOST ? NULL : json_tokener_new_ex(DEPTH_MOST);
        struct json_object *o;

        if (!tokener)
                return NULL;
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        o = json_tokener_parse_ex(tokener, text, (int)len);
        if (o && (json_tokener_get_parse_end(tokener) != len ||
                  !json_object_is_type(o, json_type_object) || !is_canonical(o, text, len))) {
                json_object_put(o);
                o = NULL;
        }
        json_tokener_free(tokener);
        return o;
}

static struct json_object *read_facts(const struct facts *f, const char *kind,
                                      const char *const *keys)
{
        struct json_object *o, *version;
        const char *found;
        size_t len = 0;
        char *text = read_file(f, &len);

        if (!text)
                return NULL;
        o = facts_parse(text, len);
        free(text);
        if (!o) {
                facts_refuse(f, "facts as one canonical JSON object", "something else");
                return NULL;
        }
        found = facts_text(o, "facts");
        if (found && !strcmp(found, kind) && facts_has(o, keys) &&
            json_object_object_get_ex(o, "version", &version) &&
            json_object_is_type(version, json_type_int) && json_object_get_int64(version) == 1)
                return o;
        facts_refuse(f, kind, found ? found : "facts of no kind");
        json_object_put(o);
        return NULL;
}

int facts_measure(const struct facts *f, const char *kind, const char *const *keys,
                  int (*add)(const struct facts *f, struct json_object *root))
{
        struct json_object *root;
        int r;

        if (*f->target->method)
                return f->host->refuse(f->target->name, "no method", f->target->method,
                                       "leave the method out: facts are measured in one way");
        root = read_facts(f, kind, keys);
        if (!root)
                return -1;
        r = add(f, root);
        json_object_put(root);
        return r ? -1 : 0;
}

/* --- members --------------------------------------------------------------------------------- */

int facts_has(struct json_object *object, const char *const *keys)
{
        if (!json_object_is_type(object, json_type_object))
                return 0;
        json_object_object_foreach(object, key, value)
        {
                (void)value;
                if (!*keys || strcmp(*keys++, key))
                        return 0;
        }
        return !*keys;
}

const char *facts_text(struct json_object *object, const char *key)
{
        struct json_object *o;
        const char *text;

        if (!json_object_object_get_ex(object, key, &o) ||
            !json_object_is_type(o, json_type_string))
                return NULL;
        text = json_object_get_string(o);
        return strlen(text) == (size_t)json_object_get_string_len(o) &&
                               strlen(text) <= FACTS_TEXT_MOST
                       ? text
                       : NULL;
}

struct json_object *facts_array(struct json_object *object, const char *key)
{
        struct json_object *o;

        return json_object_object_get_ex(object, key, &o) && json_object_is_type(o, json_type_array)
                       ? o
                       : NULL;
}

int facts_value(const struct facts *f, const char *name, struct json_object *value)
{
        if (!*name)
                return facts_refuse(f, "members that have a name", "one without");
        switch (json_object_get_type(value)) {
        case json_type_string:
                if (strlen(json_object_get_string(value)) !=
                    (size_t)json_object_get_string_len(value))
                        return facts_refuse(f, "texts without NUL", name);
                return f->host->value(name, json_object_get_string(value));
        case json_type_int:
        case json_type_boolean:
                return f->host->value(
                        name, json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
        default:
                return facts_refuse(f, "texts, whole numbers and yes or no", name);
        }
}

int facts_node(const struct facts *f, const char *part, const char *type)
{
        char id[FACTS_ID_MOST];

        if (snprintf(id, sizeof id, "%s#%s", f->target->name, part) > FACTS_TEXT_MOST)
                return facts_refuse(f, "a shorter target", "a very long one");
        return f->host->node_begin(id, type);
}
