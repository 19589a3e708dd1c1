/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stored configuration back to bounded fields. The configuration worker comes here at each start
 * and seal; nothing is touched but the bytes, which anybody who had the disk may have changed: what
 * a seal does not bind is found out later, but here nothing is believed.
 */
#include "compartment-mgr/config/xl_config.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MOST = 8 };

static enum status damaged(const char *expected, const char *found)
{
        return FAIL(ST_DAMAGED, .subject = "the stored configuration of a VM", .expected = expected,
                    .found = found,
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

/* NULL if it is not there or is no text as a definition has it, printable ASCII. */
static const char *text_in(struct arena *a, struct json_object *object, const char *key)
{
        struct json_object *o;
        const char *text;
        size_t len;

        if (!json_object_object_get_ex(object, key, &o) ||
            !json_object_is_type(o, json_type_string))
                return NULL;
        text = json_object_get_string(o);
        len = (size_t)json_object_get_string_len(o);
        if (len > TEXT_MOST)
                return NULL;
        for (size_t i = 0; i < len; i++)
                if (text[i] < 0x20 || text[i] > 0x7e)
                        return NULL;
        return arena_text(a, text);
}

static const char *word_in(struct arena *a, struct json_object *object, const char *key)
{
        const char *text = text_in(a, object, key);
        size_t n = text ? strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789._:+-")
                        : 0;

        return n && n <= WORD_MOST && !text[n] ? text : NULL;
}

static const char *path_in(struct arena *a, struct json_object *object, const char *key)
{
        const char *text = text_in(a, object, key);

        return text && *text == '/' ? text : NULL;
}

static bool number_in(struct json_object *object, const char *key, uint64_t *out)
{
        struct json_object *o;
        int64_t v;

        if (!json_object_object_get_ex(object, key, &o) || !json_object_is_type(o, json_type_int))
                return false;
        v = json_object_get_int64(o);
        *out = (uint64_t)v;
        return v > 0;
}

static enum status array_in(struct json_object *json, const char *key, size_t most,
                            struct json_object **array_out)
{
        if (!json_object_object_get_ex(json, key, array_out) ||
            !json_object_is_type(*array_out, json_type_array) ||
            json_object_array_length(*array_out) > most)
                return damaged(key, "no such list");
        return ST_DONE;
}

static enum status read_disk(struct arena *a, struct json_object *o, struct disk *disk_out)
{
        const char *device = word_in(a, o, "device"), *path = path_in(a, o, "path");
        struct json_object *writable;

        if (!device || !path || !json_object_object_get_ex(o, "writable", &writable) ||
            !json_object_is_type(writable, json_type_boolean))
                return damaged("disks, as they were defined",
                               "a disk without device, path or access");
        *disk_out = xl_config_disk(device, path, json_object_get_boolean(writable));
        return ST_DONE;
}

/* Not there is fine; there and no path is not, for that VM would start another kernel. */
static enum status add_boot_file(struct arena *a, struct json_object *json, const char *key,
                                 struct vm_config *out)
{
        const char *path = path_in(a, json, key);

        if (path)
                out->boot.items[out->boot.count++] = (struct boot_file){key, path};
        else if (json_object_object_get_ex(json, key, NULL))
                return damaged(key, "no absolute path");
        return ST_DONE;
}

static enum status read_boot(struct arena *a, struct json_object *json, struct vm_config *out)
{
        enum status s;

        out->boot.items = arena_get_many(a, BOOT_FILES_MOST, sizeof *out->boot.items);
        s = add_boot_file(a, json, "kernel", out);
        return s ? s : add_boot_file(a, json, "ramdisk", out);
}

static enum status read_disks(struct arena *a, struct json_object *json, struct vm_config *out)
{
        struct json_object *array;
        enum status s = array_in(json, "disks", DISKS_MOST, &array);
        size_t count = s ? 0 : json_object_array_length(array);

        if (s)
                return s;
        out->disks.items = arena_get_many(a, count, sizeof *out->disks.items);
        for (size_t i = 0; i < count && !s; i++)
                s = read_disk(a, json_object_array_get_idx(array, i),
                              &out->disks.items[out->disks.count++]);
        return s;
}

static enum status read_nics(struct arena *a, struct json_object *json, struct vm_config *out)
{
        struct json_object *array;
        enum status s = array_in(json, "vifs", NICS_MOST, &array);

        if (s)
                return s;
        out->nics.count = json_object_array_length(array);
        out->nics.items = arena_get_many(a, out->nics.count, sizeof *out->nics.items);
        for (size_t i = 0; i < out->nics.count; i++) {
                struct json_object *o = json_object_array_get_idx(array, i);
                struct nic *nic = &out->nics.items[i];

                *nic = (struct nic){.device = arena_print(a, "vif%zu", i),
                                    .bridge = word_in(a, o, "bridge"),
                                    .mac = word_in(a, o, "mac")};
                if (!nic->bridge || !nic->mac)
                        return damaged("interfaces, as they were defined",
                                       "one without bridge or mac");
        }
        return ST_DONE;
}

static enum status read_words(struct arena *a, struct json_object *json, struct vm_config *out)
{
        const char *uuid = text_in(a, json, "uuid"), *cmdline = text_in(a, json, "cmdline");

        if (!cmdline && json_object_object_get_ex(json, "cmdline", NULL))
                return damaged("a command line", "no text");
        out->name = word_in(a, json, "name");
        out->type = word_in(a, json, "type");
        out->cmdline = cmdline ? cmdline : "";
        out->on_poweroff = word_in(a, json, "on_poweroff");
        out->on_reboot = word_in(a, json, "on_reboot");
        out->on_crash = word_in(a, json, "on_crash");
        if (!out->name || !out->type || !out->on_poweroff || !out->on_reboot || !out->on_crash)
                return damaged("name, type and actions", "not all of them");
        if (!uuid || !uuid_read(uuid, &out->uuid))
                return damaged("a UUID", uuid ? uuid : "none");
        return ST_DONE;
}

static enum status read_sizes(struct json_object *json, struct vm_config *out)
{
        uint64_t version, vcpus, maxvcpus;

        if (!number_in(json, "version", &version) || version != 1)
                return damaged("version 1", "another");
        if (!number_in(json, "memory", &out->memory) || !number_in(json, "maxmem", &out->maxmem) ||
            !number_in(json, "vcpus", &vcpus) || !number_in(json, "maxvcpus", &maxvcpus) ||
            vcpus > UINT32_MAX || maxvcpus > UINT32_MAX)
                return damaged("sizes of memory and numbers of CPUs", "not all of them");
        out->vcpus = (uint32_t)vcpus;
        out->maxvcpus = (uint32_t)maxvcpus;
        return ST_DONE;
}

static enum status read_all(struct arena *a, struct json_object *json, struct vm_config *out)
{
        enum status s = read_words(a, json, out);

        if (!s)
                s = read_sizes(json, out);
        if (!s)
                s = read_boot(a, json, out);
        if (!s)
                s = read_disks(a, json, out);
        return s ? s : read_nics(a, json, out);
}

enum status xl_config_parse(struct arena *a, struct bytes json, struct vm_config *out)
{
        struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MOST);
        struct json_object *root;
        enum status s;

        memset(out, 0, sizeof *out);
        if (!tokener)
                abort();
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        root = json_tokener_parse_ex(tokener, (const char *)json.data, (int)json.len);
        if (root && json_object_is_type(root, json_type_object) &&
            json_tokener_get_parse_end(tokener) == json.len)
                s = read_all(a, root, out);
        else
                s = damaged("JSON", "something else");
        json_object_put(root);
        json_tokener_free(tokener);
        return s;
}
