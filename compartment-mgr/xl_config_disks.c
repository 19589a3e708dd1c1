/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disks that a stored configuration names. The configuration worker comes here at each start
 * and seal; nothing is touched but the bytes, which anybody who had the disk may have changed.
 */
#include "compartment-mgr/xl_config.h"

#include <json-c/json.h>
#include <stdlib.h>

enum { DEPTH_MOST = 8 };

static enum status damaged(const char *found)
{
        return FAIL(ST_DAMAGED, .subject = "the stored configuration of a VM",
                    .expected = "disks, as they were defined", .found = found,
                    .remedy = "restore compartment-mgr's state folder from a backup, or define the "
                              "VM again");
}

struct disk xl_config_disk(const char *device, const char *path, bool writable)
{
        return (struct disk){.device = device,
                             .path = path,
                             .writable = writable,
                             .kind = writable ? "crypt" : "verity"};
}

static const char *text_in(struct json_object *object, const char *key)
{
        struct json_object *o;

        if (!json_object_object_get_ex(object, key, &o) ||
            !json_object_is_type(o, json_type_string))
                return NULL;
        return json_object_get_string(o);
}

static enum status read_disk(struct arena *a, struct json_object *o, struct disk *disk_out)
{
        const char *device = text_in(o, "device"), *path = text_in(o, "path");
        struct json_object *writable;

        if (!device || !path || !json_object_object_get_ex(o, "writable", &writable) ||
            !json_object_is_type(writable, json_type_boolean))
                return damaged("a disk without device, path or access");
        *disk_out = xl_config_disk(arena_text(a, device), arena_text(a, path),
                                   json_object_get_boolean(writable));
        return ST_DONE;
}

static enum status read_disks(struct arena *a, struct json_object *json, struct disk **disks_out,
                              size_t *count_out)
{
        struct json_object *array;
        enum status s = ST_DONE;

        if (!json_object_object_get_ex(json, "disks", &array) ||
            !json_object_is_type(array, json_type_array) ||
            json_object_array_length(array) > XL_CONFIG_DISKS)
                return damaged("no list of disks");
        *count_out = json_object_array_length(array);
        *disks_out = arena_get_many(a, *count_out, sizeof **disks_out);
        for (size_t i = 0; i < *count_out && !s; i++)
                s = read_disk(a, json_object_array_get_idx(array, i), &(*disks_out)[i]);
        return s;
}

enum status xl_config_disks(struct arena *a, struct bytes json, struct disk **disks_out,
                            size_t *count_out)
{
        struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MOST);
        struct json_object *root;
        enum status s;

        *count_out = 0;
        if (!tokener)
                abort();
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        root = json_tokener_parse_ex(tokener, (const char *)json.data, (int)json.len);
        if (root && json_tokener_get_parse_end(tokener) == json.len)
                s = read_disks(a, root, disks_out, count_out);
        else
                s = damaged("no JSON");
        json_object_put(root);
        json_tokener_free(tokener);
        return s;
}
