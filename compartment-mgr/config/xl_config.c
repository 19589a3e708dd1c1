/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads an xl.cfg by libxlutil and writes canonical JSON by json-c. Runs in a disposable child that
 * can open nothing (config_worker.c); touches memory only.
 */
#include "compartment-mgr/config/xl_config.h"
#include "compartment-mgr/config/xl_config_keys.h"
#include "compartment-mgr/config/xl_disks.h"
#include "compartment-mgr/config/xl_values.h"
#include "compartment-mgr/config/xl_vifs.h"

#include <stdlib.h>
#include <string.h>

enum { MEMORY_MOST = 16 << 20 /* MiB */, VCPUS_MOST = 512 };

static bool is_vm_name(const char *name)
{
        size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "._+-");
        struct uuid u;

        return n > 0 && n <= WORD_MOST && !name[n] && *name != '-' && *name != '.' &&
               !uuid_read(name, &u); /* or it could stand for another VM */
}

static enum status read_name(struct xl_values *c, struct json_object *json, struct xl_config *out)
{
        enum status s = xl_values_text(c, "name", &out->name);

        if (s)
                return s;
        if (!out->name || !is_vm_name(out->name))
                return FAIL(ST_INVALID, .subject = "xl.cfg: name", .found = out->name,
                            .expected = "1 to 63 letters, digits and ._+- that are no UUID");
        xl_values_put(json, "name", out->name);
        return ST_DONE;
}

static enum status read_uuid(struct xl_values *c, const struct uuid *uuid, struct json_object *json,
                             struct xl_config *out)
{
        const char *given;
        char text[37];
        enum status s = xl_values_text(c, "uuid", &given);

        if (s)
                return s;
        memcpy(out->uuid.bytes, c->random, sizeof out->uuid.bytes);
        out->uuid.bytes[6] = (out->uuid.bytes[6] & 0x0f) | 0x40; /* RFC 4122, 4.4 */
        out->uuid.bytes[8] = (out->uuid.bytes[8] & 0x3f) | 0x80;
        if (given && (!uuid_read(given, &out->uuid) || uuid_is_zero(&out->uuid)))
                return FAIL(ST_INVALID, .subject = "xl.cfg: uuid", .found = given);
        if (!uuid_is_zero(uuid)) {
                if (given && memcmp(uuid, &out->uuid, sizeof *uuid))
                        return FAIL(ST_INVALID, .subject = "xl.cfg: uuid", .found = given,
                                    .expected = "the VM's own");
                out->uuid = *uuid;
        }
        uuid_write(&out->uuid, text);
        xl_values_put(json, "uuid", text);
        return ST_DONE;
}

static enum status read_type(struct xl_values *c, struct json_object *json, const char **type_out)
{
        static const char *const types[] = {"pv", "pvh", "hvm", NULL};
        static const char *const builders[] = {"generic", "hvm", NULL};
        const char *type = NULL, *builder = NULL;
        enum status s = xl_values_choice(c, "type", types, &type);

        if (!s)
                s = xl_values_choice(c, "builder", builders, &builder);
        if (s)
                return s;
        if (type && builder)
                return FAIL(ST_INVALID, .subject = "xl.cfg: builder", .found = "type is given too",
                            .remedy = "give type only");
        *type_out = type ? type : builder && !strcmp(builder, "hvm") ? "hvm" : "pv";
        xl_values_put(json, "type", *type_out);
        return ST_DONE;
}

/* cmdline as it is, or "root=ROOT EXTRA", as xl puts it together. */
static enum status read_cmdline(struct xl_values *c, struct json_object *json)
{
        const char *cmdline, *root, *extra;
        enum status s = xl_values_text(c, "cmdline", &cmdline);

        if (!s)
                s = xl_values_text(c, "root", &root);
        if (!s)
                s = xl_values_text(c, "extra", &extra);
        if (s)
                return s;
        if (cmdline && (root || extra))
                return FAIL(ST_INVALID, .subject = "xl.cfg: cmdline",
                            .found = "root or extra is given too", .remedy = "give cmdline only");
        if (root)
                cmdline = arena_print(c->arena, "root=%s%s%s", root, extra ? " " : "",
                                      extra ? extra : "");
        else if (extra)
                cmdline = extra;
        xl_values_put(json, "cmdline", cmdline);
        return ST_DONE;
}

static enum status read_boot(struct xl_values *c, struct json_object *json)
{
        const char *kernel, *ramdisk, *type = "";
        enum status s = read_cmdline(c, json);

        if (!s)
                s = xl_values_path(c, "kernel", &kernel);
        if (!s)
                s = xl_values_path(c, "ramdisk", &ramdisk);
        if (!s)
                s = read_type(c, json, &type);
        if (s)
                return s;
        if (!kernel && strcmp(type, "hvm"))
                return FAIL(ST_INVALID, .subject = "xl.cfg: kernel", .found = "not given",
                            .remedy = xl_config_use_kernel);
        xl_values_put(json, "kernel", kernel);
        xl_values_put(json, "ramdisk", ramdisk);
        return ST_DONE;
}

static enum status read_sizes(struct xl_values *c, struct json_object *json)
{
        long memory = 0, maxmem, vcpus = 1, maxvcpus;
        enum status s = xl_values_number(c, "memory", 1, MEMORY_MOST, &memory);

        if (!s && !memory)
                return FAIL(ST_INVALID, .subject = "xl.cfg: memory", .found = "not given",
                            .remedy = "give the guest's memory in MiB");
        maxmem = memory;
        if (!s)
                s = xl_values_number(c, "maxmem", memory, MEMORY_MOST, &maxmem);
        if (!s)
                s = xl_values_number(c, "vcpus", 1, VCPUS_MOST, &vcpus);
        maxvcpus = vcpus;
        if (!s)
                s = xl_values_number(c, "maxvcpus", vcpus, VCPUS_MOST, &maxvcpus);
        xl_values_put_number(json, "maxmem", maxmem);
        xl_values_put_number(json, "maxvcpus", maxvcpus);
        xl_values_put_number(json, "memory", memory);
        xl_values_put_number(json, "vcpus", vcpus);
        return s;
}

static enum status read_actions(struct xl_values *c, struct json_object *json)
{
        static const char *const choices[] = {"destroy", "restart", "preserve", NULL};
        static const struct {
                const char *key, *usual; /* what xl takes */
        } events[] = {
                {"on_crash", "destroy"}, {"on_poweroff", "destroy"}, {"on_reboot", "restart"}};
        enum status s = ST_DONE;

        for (size_t i = 0; i < sizeof events / sizeof *events && !s; i++) {
                const char *action = events[i].usual;

                s = xl_values_choice(c, events[i].key, choices, &action);
                xl_values_put(json, events[i].key, action);
        }
        return s;
}

static int compare_keys(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* json-c keeps the order of insertion; the inner objects are made sorted above. */
static struct bytes write_sorted(struct arena *a, struct json_object *json)
{
        size_t n = 0, count = (size_t)json_object_object_length(json);
        const char **names = arena_get_many(a, count, sizeof *names);
        struct json_object *sorted = json_object_new_object();
        const char *text;
        struct bytes out;

        json_object_object_foreach(json, key, value)
        {
                (void)value;
                names[n++] = key;
        }
        qsort(names, n, sizeof *names, compare_keys);
        for (size_t i = 0; i < n; i++)
                json_object_object_add(sorted, names[i],
                                       json_object_get(json_object_object_get(json, names[i])));
        text = json_object_to_json_string_ext(sorted, JSON_C_TO_STRING_PLAIN |
                                                              JSON_C_TO_STRING_NOSLASHESCAPE);
        out.len = strlen(text);
        out.data = arena_copy(a, text, out.len);
        json_object_put(sorted);
        return out;
}

static enum status read_all(struct xl_values *c, const struct uuid *uuid, struct xl_config *out)
{
        struct json_object *json = json_object_new_object();
        enum status s;

        xl_values_put_number(json, "version", 1);
        s = read_name(c, json, out);
        if (!s)
                s = read_uuid(c, uuid, json, out);
        if (!s)
                s = read_boot(c, json);
        if (!s)
                s = read_sizes(c, json);
        if (!s)
                s = xl_disks_read(c, json, out);
        if (!s)
                s = xl_vifs_read(c, json);
        if (!s)
                s = read_actions(c, json);
        if (!s)
                out->json = write_sorted(c->arena, json);
        json_object_put(json);
        return s;
}

enum status xl_config_read(struct arena *a, struct bytes text, const struct uuid *uuid,
                           const uint8_t random[static XL_CONFIG_RANDOM],
                           struct xl_config *config_out)
{
        struct xl_values c = {.arena = a, .random = random};
        enum status s;

        memset(config_out, 0, sizeof *config_out);
        if (text.len > XL_CONFIG_MOST)
                return FAIL(ST_TOO_LARGE, .subject = "xl.cfg", .expected = "at most 64 KiB",
                            .found = FMT("%zu bytes", text.len));
        if (!text.len || memchr(text.data, 0, text.len))
                return FAIL(ST_INVALID, .subject = "xl.cfg", .expected = "text",
                            .found = text.len ? "a NUL byte" : "nothing");
        s = xl_config_keys(a, text);
        if (s)
                return s;
        c.report = open_memstream(&c.report_text, &c.report_len);
        c.xlu = c.report ? xlu_cfg_init(c.report, "xl.cfg") : NULL;
        if (!c.xlu)
                abort();
        if (xlu_cfg_readdata(c.xlu, (const char *)text.data, (int)text.len))
                s = xl_values_invalid(&c, "syntax");
        else
                s = read_all(&c, uuid, config_out);
        xlu_cfg_destroy(c.xlu);
        fclose(c.report);
        free(c.report_text);
        return s;
}
