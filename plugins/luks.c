/* SPDX-License-Identifier: Apache-2.0 */
/*
 * luks: the header of a LUKS2 disk, not its content (docs/plugins.md). It measures what decides how
 * the disk is decrypted: UUID, segments, key slots, digests, requirements and flags. It leaves out
 * what changes by itself: sequence number, checksums, tokens, label.
 *
 * Unknown metadata is never left out: every key of a measured object becomes a value, named by its
 * path ("area.offset"), and a top-level object of another name is refused.
 *
 * Runs in a measure worker; reads the header's descriptor, or the disk's if there is none.
 */
#include "plugins/luks_header.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
        DEPTH_MOST = 16,    /* of the JSON; LUKS2 needs 5 */
        OBJECTS_MOST = 32,  /* key slots, segments, digests: LUKS2's own limit */
        MEMBERS_MOST = 256, /* of one JSON object */
        VALUES_MOST = 1000, /* of one node; the host takes 1,024 */
        NAME_MOST = 63,
        TEXT_MOST = 4095,
        ID_MOST = 4096
};

struct measuring {
        const struct bulkhead_target *target;
        const struct bulkhead_host *host;
        const struct luks_header *header;
        unsigned values; /* of the open node */
};

static int refuse(const struct measuring *m, const char *expected, const char *found)
{
        char remedy[512];

        snprintf(remedy, sizeof remedy, "cryptsetup luksDump %s", m->target->argument);
        return m->host->refuse(m->target->name, expected, found, remedy);
}

/* --- JSON to values -------------------------------------------------------------------------- */

struct member {
        const char *key;
        struct json_object *object;
};

static int by_key(const void *a, const void *b)
{
        return strcmp(((const struct member *)a)->key, ((const struct member *)b)->key);
}

static int by_number(const void *a, const void *b)
{
        const char *x = ((const struct member *)a)->key, *y = ((const struct member *)b)->key;
        size_t nx = strlen(x), ny = strlen(y);

        return nx != ny ? (nx < ny ? -1 : 1) : strcmp(x, y);
}

/* The members in one fixed order, whatever their order in the file. NULL after a refusal; else the
 * caller frees. */
static struct member *sorted(const struct measuring *m, struct json_object *object, size_t most,
                             int (*order)(const void *, const void *), size_t *count_out)
{
        size_t count = (size_t)json_object_object_length(object), i = 0;
        struct member *members;

        if (count > most) {
                refuse(m, "fewer entries in the LUKS2 metadata", "too many");
                return NULL;
        }
        members = calloc(count + 1, sizeof *members);
        if (!members) {
                refuse(m, "enough memory", "none left");
                return NULL;
        }
        json_object_object_foreach(object, key, value)
        {
                members[i++] = (struct member){key, value};
        }
        qsort(members, count, sizeof *members, order);
        *count_out = count;
        return members;
}

static int add_text(struct measuring *m, const char *name, const char *text, size_t len)
{
        if (len > TEXT_MOST)
                return refuse(m, "LUKS2 metadata with shorter texts", name);
        for (size_t i = 0; i < len; i++)
                if (text[i] < 0x20 || text[i] > 0x7e)
                        return refuse(m, "LUKS2 metadata in printable ASCII", name);
        if (++m->values > VALUES_MOST)
                return refuse(m, "fewer entries in the LUKS2 metadata", name);
        return m->host->value(name, text);
}

static int add_value(struct measuring *m, const char *name, struct json_object *object);

/* Appends a key to a path. Different paths give different names, since no key may contain a dot. */
static int path_of(const struct measuring *m, char path[static NAME_MOST + 1], const char *name,
                   const char *key)
{
        size_t len = strlen(key);

        if (!len || strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789_-") != len)
                return refuse(m, "keys of letters, digits, _ and - in the LUKS2 metadata", name);
        if (snprintf(path, NAME_MOST + 1, "%s%s%s", name, *name ? "." : "", key) > NAME_MOST)
                return refuse(m, "shorter keys in the LUKS2 metadata", name);
        return 0;
}

/* Adds every member of an object but the one called `except` (NULL: none). */
static int add_object(struct measuring *m, const char *name, struct json_object *object,
                      const char *except)
{
        char path[NAME_MOST + 1];
        size_t count = 0;
        struct member *members = sorted(m, object, MEMBERS_MOST, by_key, &count);
        int r = members ? 0 : -1;

        for (size_t i = 0; !r && i < count; i++) {
                if (except && !strcmp(members[i].key, except))
                        continue;
                r = path_of(m, path, name, members[i].key);
                if (!r)
                        r = add_value(m, path, members[i].object);
        }
        free(members);
        return r;
}

static int add_array(struct measuring *m, const char *name, struct json_object *array)
{
        char path[NAME_MOST + 1], key[24];
        int r = 0;

        for (size_t i = 0; !r && i < json_object_array_length(array); i++) {
                snprintf(key, sizeof key, "%zu", i);
                r = path_of(m, path, name, key);
                if (!r)
                        r = add_value(m, path, json_object_array_get_idx(array, i));
        }
        return r;
}

/* Values do not say whether they were strings or numbers: no key of LUKS2 can be either. */
static int add_value(struct measuring *m, const char *name, struct json_object *object)
{
        const char *text;

        switch (json_object_get_type(object)) {
        case json_type_object:
                return json_object_object_length(object) ? add_object(m, name, object, NULL)
                                                         : add_text(m, name, "{}", 2);
        case json_type_array:
                return json_object_array_length(object) ? add_array(m, name, object)
                                                        : add_text(m, name, "[]", 2);
        case json_type_string:
                return add_text(m, name, json_object_get_string(object),
                                (size_t)json_object_get_string_len(object));
        case json_type_int:
        case json_type_boolean:
                text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);
                return add_text(m, name, text, strlen(text));
        default:
                return refuse(m, "LUKS2 metadata without null and fractions", name);
        }
}

/* --- the objects of LUKS2 -------------------------------------------------------------------- */

static bool is_number(const char *text)
{
        size_t len = strlen(text);

        return len && len <= 19 && strspn(text, "0123456789") == len && (len == 1 || *text != '0');
}

static bool number_in(struct json_object *object, const char *key, uint64_t *value_out)
{
        struct json_object *member;

        if (!json_object_object_get_ex(object, key, &member) ||
            !json_object_is_type(member, json_type_string) ||
            !is_number(json_object_get_string(member)))
                return false;
        *value_out = strtoull(json_object_get_string(member), NULL, 10);
        return true;
}

/* A key slot outside the bytes that were handed over would be used but not measured. */
static int check_area(const struct measuring *m, const char *id, struct json_object *keyslot)
{
        struct json_object *area;
        uint64_t offset, size;

        if (!json_object_object_get_ex(keyslot, "area", &area) ||
            !json_object_is_type(area, json_type_object) || !number_in(area, "offset", &offset) ||
            !number_in(area, "size", &size))
                return refuse(m, "an area in each key slot", id);
        if (offset < 2 * m->header->size || size > m->header->given ||
            offset > m->header->given - size)
                return refuse(m, "key slots inside the header", id);
        return 0;
}

static const struct kind {
        const char *key, *word, *type;
        int (*check)(const struct measuring *, const char *id, struct json_object *);
} kinds[] = {
        {"segments", "segment", "luks-segment", NULL},
        {"keyslots", "keyslot", "luks-keyslot", check_area},
        {"digests", "digest", "luks-digest", NULL},
};

static int add_one(struct measuring *m, const struct kind *kind, const struct member *one)
{
        char id[ID_MOST];

        if (!is_number(one->key) || !json_object_is_type(one->object, json_type_object))
                return refuse(m, "numbered objects in the LUKS2 metadata", kind->key);
        if (snprintf(id, sizeof id, "%s#%s-%s", m->target->name, kind->word, one->key) > TEXT_MOST)
                return refuse(m, "a shorter target", kind->key);
        m->values = 0;
        if (kind->check && kind->check(m, id, one->object))
                return -1;
        if (m->host->node_begin(id, kind->type) || add_object(m, "", one->object, NULL))
                return -1;
        return m->host->node_end();
}

static int add_kind(struct measuring *m, const struct kind *kind, struct json_object *root)
{
        struct json_object *all;
        struct member *members;
        size_t count = 0;
        int r;

        if (!json_object_object_get_ex(root, kind->key, &all) ||
            !json_object_is_type(all, json_type_object))
                return refuse(m, "segments, key slots and digests in the LUKS2 metadata",
                              kind->key);
        members = sorted(m, all, OBJECTS_MOST, by_number, &count);
        r = members ? 0 : -1;
        for (size_t i = 0; !r && i < count; i++)
                r = add_one(m, kind, members + i);
        free(members);
        return r;
}

static int check_keys(const struct measuring *m, struct json_object *root)
{
        static const char *const known[] = {"config", "digests", "keyslots", "segments", "tokens"};
        size_t i;

        json_object_object_foreach(root, key, value)
        {
                for (i = 0; i < 5 && strcmp(key, known[i]); i++)
                        ;
                if (i == 5 || !json_object_is_type(value, json_type_object))
                        return refuse(m,
                                      "LUKS2 metadata of config, digests, keyslots, segments "
                                      "and tokens",
                                      "another object");
        }
        return 0;
}

static int measure_json(struct measuring *m, struct json_object *root)
{
        struct json_object *config;
        char size[24];
        int r;

        if (check_keys(m, root))
                return -1;
        if (!json_object_object_get_ex(root, "config", &config))
                return refuse(m, "config in the LUKS2 metadata", "none");
        snprintf(size, sizeof size, "%" PRIu64, m->header->size);
        r = m->host->node_begin(m->target->name, "luks") || m->host->value("version", "2") ||
            m->host->value("uuid", m->header->uuid) || m->host->value("header-size", size) ||
            add_object(m, "config", config, "json_size");
        for (size_t i = 0; !r && i < sizeof kinds / sizeof *kinds; i++)
                r = add_kind(m, kinds + i, root);
        return r || m->host->node_end() ? -1 : 0;
}

/* As strict as json-c can be. If a key stands twice the last one counts; so it does for
 * libcryptsetup, which uses the same library. */
static struct json_object *parse(const struct luks_header *h)
{
        struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MOST);
        struct json_object *root;

        if (!tokener)
                return NULL;
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        root = json_tokener_parse_ex(tokener, h->json, (int)h->json_len);
        if (root && (json_tokener_get_parse_end(tokener) != h->json_len ||
                     !json_object_is_type(root, json_type_object))) {
                json_object_put(root);
                root = NULL;
        }
        json_tokener_free(tokener);
        return root;
}

static int measure(const struct bulkhead_target *target, const struct bulkhead_host *host)
{
        struct luks_header header;
        struct measuring m = {.target = target, .host = host, .header = &header};
        struct json_object *root = NULL;
        int r = luks_header_read(target->header >= 0 ? target->header : target->file, target, host,
                                 &header);

        if (!r && *target->method)
                r = host->refuse(target->name, "no method", target->method,
                                 "leave the method out: a LUKS2 header is measured in one way");
        if (!r) {
                root = parse(&header);
                r = root ? measure_json(&m, root) : refuse(&m, "LUKS2 metadata in JSON", "none");
        }
        json_object_put(root);
        free(header.memory);
        return r;
}

const struct bulkhead_measure_plugin bulkhead_measure_plugin = {
        .size = sizeof bulkhead_measure_plugin,
        .abi = BULKHEAD_MEASURE_ABI,
        .name = "luks",
        .version = 1,
        .takes_file = 1,
        .measure = measure,
};
