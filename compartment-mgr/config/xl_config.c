/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads an xl.cfg by libxlutil and writes canonical JSON by json-c. Runs in a disposable child that
 * can open nothing (domain_worker --config); touches memory only.
 */
#include "compartment-mgr/config/xl_config.h"
#include "compartment-mgr/config/xl_config_keys.h"

#include <errno.h>
#include <json-c/json.h>
#include <libxlutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY_MOST = 16 << 20 /* MiB */, VCPUS_MOST = 512, STRING_MOST = 1024 };

struct cfg {
        struct arena *arena;
        XLU_Config *xlu;
        FILE *report;
        char *report_text;
        size_t report_len;
        const uint8_t *random;
};

/* --- values ------------------------------------------------------------------------------ */

/* The first line of what libxlutil had to say. */
static enum status invalid(struct cfg *c, const char *subject)
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
static enum status get_string(struct cfg *c, const char *key, const char **value_out)
{
        const char *value = NULL;
        int r = xlu_cfg_get_string(c->xlu, key, &value, 0);

        *value_out = NULL;
        if (r == ESRCH)
                return ST_DONE;
        if (r || !value)
                return invalid(c, key);
        if (!printable(value))
                return FAIL(ST_INVALID, .subject = FMT("xl.cfg: %s", key),
                            .expected = "at most 1,024 printable ASCII characters");
        *value_out = arena_text(c->arena, value);
        return ST_DONE;
}

static enum status get_path(struct cfg *c, const char *key, const char **value_out)
{
        enum status s = get_string(c, key, value_out);

        if (!s && *value_out && **value_out != '/')
                return FAIL(ST_INVALID, .subject = FMT("xl.cfg: %s", key),
                            .expected = "an absolute path", .found = *value_out);
        return s;
}

/* Without the key, *value keeps what it was. */
static enum status get_number(struct cfg *c, const char *key, long least, long most, long *value)
{
        long v = 0;
        int r = xlu_cfg_get_long(c->xlu, key, &v, 0);

        if (r == ESRCH)
                return ST_DONE;
        if (r && r != ERANGE)
                return invalid(c, key);
        if (r || v < least || v > most)
                return FAIL(ST_INVALID, .subject = FMT("xl.cfg: %s", key),
                            .expected = FMT("a number from %ld to %ld", least, most));
        *value = v;
        return ST_DONE;
}

static enum status get_one_of(struct cfg *c, const char *key, const char *const *choices,
                              const char **value)
{
        const char *v;
        enum status s = get_string(c, key, &v);

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

static enum status get_list(struct cfg *c, const char *key, int most, XLU_ConfigList **list_out,
                            int *count_out)
{
        int r = xlu_cfg_get_list(c->xlu, key, list_out, count_out, 0);

        if (r == ESRCH) {
                *count_out = 0;
                return ST_DONE;
        }
        if (r)
                return invalid(c, key);
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

static void put_string(struct json_object *to, const char *key, const char *value)
{
        if (value)
                json_object_object_add(to, key, json_object_new_string(value));
}

static void put_number(struct json_object *to, const char *key, long value)
{
        json_object_object_add(to, key, json_object_new_int64(value));
}

/* --- disks ------------------------------------------------------------------------------- */

static enum status refuse_disk(const char *spec, const char *why, const char *remedy)
{
        return FAIL(ST_UNSUPPORTED, .subject = FMT("xl.cfg: disk '%.180s'", spec), .found = why,
                    .remedy = remedy);
}

static bool is_device_name(const char *name)
{
        size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");

        return n > 0 && n <= 15 && !name[n];
}

static enum status disk_allowed(const char *spec, const libxl_device_disk *d)
{
        if (d->script)
                return refuse_disk(spec, "a hotplug script",
                                   "attach the disk in Dom0 and name its block device");
        if (d->format != LIBXL_DISK_FORMAT_RAW)
                return refuse_disk(spec, "a format other than raw",
                                   "convert it: qemu-img convert -O raw OLD NEW");
        if (d->is_cdrom || d->removable)
                return refuse_disk(spec, "a removable disk", "remove it");
        if (d->backend != LIBXL_DISK_BACKEND_UNKNOWN && d->backend != LIBXL_DISK_BACKEND_PHY)
                return refuse_disk(spec, "a back-end other than phy", "remove backendtype=");
        if (d->backend_domname || d->direct_io_safe || d->colo_host || d->colo_export ||
            d->active_disk || d->hidden_disk || d->colo_port ||
            !libxl_defbool_is_default(d->colo_enable) || !libxl_defbool_is_default(d->trusted) ||
            !libxl_defbool_is_default(d->discard_enable) ||
            d->specification != LIBXL_DISK_SPECIFICATION_UNKNOWN)
                return refuse_disk(spec, "a parameter that this version does not know",
                                   "give format=raw, vdev=, access= and target= only");
        if (!d->pdev_path || *d->pdev_path != '/')
                return refuse_disk(spec, "no absolute path", "give the disk's whole path");
        if (!d->vdev || !is_device_name(d->vdev))
                return refuse_disk(spec, "no usable device name", "name it such as xvda");
        return ST_DONE;
}

static enum status read_disk(struct cfg *c, const char *spec, struct disk *disk_out)
{
        const char *specs[] = {spec};
        libxl_device_disk d;
        enum status s;

        libxl_device_disk_init(&d);
        if (xlu_disk_parse(c->xlu, 1, specs, &d))
                s = invalid(c, FMT("disk '%.180s'", spec));
        else
                s = disk_allowed(spec, &d);
        if (!s)
                *disk_out = xl_config_disk(arena_text(c->arena, d.vdev),
                                           arena_text(c->arena, d.pdev_path), d.readwrite != 0);
        libxl_device_disk_dispose(&d);
        return s;
}

/* Two writers of one disk, or one disk under two digests: neither can be sealed. */
static enum status disk_once(const struct disk *disks, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (!strcmp(disks[i].device, disks[n].device) ||
                    !strcmp(disks[i].path, disks[n].path))
                        return FAIL(ST_INVALID, .subject = "xl.cfg: disk",
                                    .found = FMT("%.120s and %.120s twice", disks[n].device,
                                                 disks[n].path),
                                    .remedy = "give each device and each path once");
        return ST_DONE;
}

static enum status read_disks(struct cfg *c, struct json_object *json, struct xl_config *out)
{
        struct json_object *array = json_object_new_array();
        XLU_ConfigList *list = NULL;
        int count = 0;
        enum status s;

        json_object_object_add(json, "disks", array);
        s = get_list(c, "disk", XL_CONFIG_DISKS, &list, &count);
        if (s)
                return s;
        out->disks = arena_get_many(c->arena, (size_t)count, sizeof *out->disks);
        for (int i = 0; i < count; i++) {
                struct disk *d = &out->disks[i];
                struct json_object *o;

                s = read_disk(c, xlu_cfg_get_listitem(list, i), d);
                if (!s)
                        s = disk_once(out->disks, (size_t)i);
                if (s)
                        return s;
                o = json_object_new_object();
                put_string(o, "device", d->device);
                put_string(o, "path", d->path);
                json_object_object_add(o, "writable", json_object_new_boolean(d->writable));
                json_object_array_add(array, o);
        }
        out->disks_count = (size_t)count;
        return ST_DONE;
}

/* --- network ----------------------------------------------------------------------------- */

/* Lower case, or false: not six octets, a group address, all zero. */
static bool read_mac(const char *text, char mac[18])
{
        unsigned any = 0;

        if (strlen(text) != 17)
                return false;
        for (int i = 0; i < 17; i++) {
                char ch = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] | 0x20) : text[i];

                if (i % 3 == 2 ? ch != ':' : !strchr("0123456789abcdef", ch))
                        return false;
                any |= i % 3 != 2 && ch != '0';
                mac[i] = ch;
        }
        mac[17] = 0;
        return any && !(strtoul((char[]){mac[1], 0}, NULL, 16) & 1);
}

static enum status read_vif_part(struct cfg *c, char *part, char mac[18], const char **bridge)
{
        char *value = strchr(part, '=');

        if (!value)
                return FAIL(ST_INVALID, .subject = "xl.cfg: vif", .found = part,
                            .expected = "name=value");
        *value++ = 0;
        if (!strcmp(part, "mac")) {
                if (!read_mac(value, mac))
                        return FAIL(ST_INVALID, .subject = "xl.cfg: vif mac", .found = value,
                                    .expected = "a unicast address such as 00:16:3e:12:34:56");
        } else if (!strcmp(part, "bridge")) {
                size_t n = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789._-");

                if (!n || n > 15 || value[n])
                        return FAIL(ST_INVALID, .subject = "xl.cfg: vif bridge", .found = value,
                                    .expected = "an interface name");
                *bridge = arena_text(c->arena, value);
        } else if (!strcmp(part, "script")) {
                return FAIL(ST_UNSUPPORTED, .subject = "xl.cfg: vif script", .found = value,
                            .remedy = "remove it: name a bridge that Dom0 has set up");
        } else {
                return FAIL(ST_UNSUPPORTED, .subject = FMT("xl.cfg: vif %.100s", part),
                            .remedy = "give mac= and bridge= only");
        }
        return ST_DONE;
}

static enum status read_vif(struct cfg *c, int index, const char *spec, struct json_object *array)
{
        const uint8_t *r = c->random + 16 + 3 * index;
        char *rest = arena_text(c->arena, spec), *part, mac[18];
        const char *bridge = "xenbr0"; /* what xl takes */
        struct json_object *o;
        enum status s = ST_DONE;

        snprintf(mac, sizeof mac, "00:16:3e:%02x:%02x:%02x", r[0] & 0x7f, r[1], r[2]);
        while (!s && (part = strsep(&rest, ","))) {
                part += strspn(part, " \t");
                if (*part)
                        s = read_vif_part(c, part, mac, &bridge);
        }
        if (s)
                return s;
        o = json_object_new_object();
        put_string(o, "bridge", bridge);
        put_string(o, "mac", mac);
        json_object_array_add(array, o);
        return ST_DONE;
}

static enum status read_vifs(struct cfg *c, struct json_object *json)
{
        struct json_object *array = json_object_new_array();
        XLU_ConfigList *list = NULL;
        int count = 0;
        enum status s;

        json_object_object_add(json, "vifs", array);
        s = get_list(c, "vif", XL_CONFIG_VIFS, &list, &count);
        for (int i = 0; i < count && !s; i++)
                s = read_vif(c, i, xlu_cfg_get_listitem(list, i), array);
        return s;
}

/* --- the whole --------------------------------------------------------------------------- */

static bool is_vm_name(const char *name)
{
        size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "._+-");
        struct uuid u;

        return n > 0 && n <= WORD_MOST && !name[n] && *name != '-' && *name != '.' &&
               !uuid_read(name, &u); /* or it could stand for another VM */
}

static enum status read_name(struct cfg *c, struct json_object *json, struct xl_config *out)
{
        enum status s = get_string(c, "name", &out->name);

        if (s)
                return s;
        if (!out->name || !is_vm_name(out->name))
                return FAIL(ST_INVALID, .subject = "xl.cfg: name", .found = out->name,
                            .expected = "1 to 63 letters, digits and ._+- that are no UUID");
        put_string(json, "name", out->name);
        return ST_DONE;
}

static enum status read_uuid(struct cfg *c, const struct uuid *uuid, struct json_object *json,
                             struct xl_config *out)
{
        const char *given;
        char text[37];
        enum status s = get_string(c, "uuid", &given);

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
        put_string(json, "uuid", text);
        return ST_DONE;
}

static enum status read_type(struct cfg *c, struct json_object *json, const char **type_out)
{
        static const char *const types[] = {"pv", "pvh", "hvm", NULL};
        static const char *const builders[] = {"generic", "hvm", NULL};
        const char *type = NULL, *builder = NULL;
        enum status s = get_one_of(c, "type", types, &type);

        if (!s)
                s = get_one_of(c, "builder", builders, &builder);
        if (s)
                return s;
        if (type && builder)
                return FAIL(ST_INVALID, .subject = "xl.cfg: builder", .found = "type is given too",
                            .remedy = "give type only");
        *type_out = type ? type : builder && !strcmp(builder, "hvm") ? "hvm" : "pv";
        put_string(json, "type", *type_out);
        return ST_DONE;
}

/* cmdline as it is, or "root=ROOT EXTRA", as xl puts it together. */
static enum status read_cmdline(struct cfg *c, struct json_object *json)
{
        const char *cmdline, *root, *extra;
        enum status s = get_string(c, "cmdline", &cmdline);

        if (!s)
                s = get_string(c, "root", &root);
        if (!s)
                s = get_string(c, "extra", &extra);
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
        put_string(json, "cmdline", cmdline);
        return ST_DONE;
}

static enum status read_boot(struct cfg *c, struct json_object *json)
{
        const char *kernel, *ramdisk, *type = "";
        enum status s = read_cmdline(c, json);

        if (!s)
                s = get_path(c, "kernel", &kernel);
        if (!s)
                s = get_path(c, "ramdisk", &ramdisk);
        if (!s)
                s = read_type(c, json, &type);
        if (s)
                return s;
        if (!kernel && strcmp(type, "hvm"))
                return FAIL(ST_INVALID, .subject = "xl.cfg: kernel", .found = "not given",
                            .remedy = xl_config_use_kernel);
        put_string(json, "kernel", kernel);
        put_string(json, "ramdisk", ramdisk);
        return ST_DONE;
}

static enum status read_sizes(struct cfg *c, struct json_object *json)
{
        long memory = 0, maxmem, vcpus = 1, maxvcpus;
        enum status s = get_number(c, "memory", 1, MEMORY_MOST, &memory);

        if (!s && !memory)
                return FAIL(ST_INVALID, .subject = "xl.cfg: memory", .found = "not given",
                            .remedy = "give the guest's memory in MiB");
        maxmem = memory;
        if (!s)
                s = get_number(c, "maxmem", memory, MEMORY_MOST, &maxmem);
        if (!s)
                s = get_number(c, "vcpus", 1, VCPUS_MOST, &vcpus);
        maxvcpus = vcpus;
        if (!s)
                s = get_number(c, "maxvcpus", vcpus, VCPUS_MOST, &maxvcpus);
        put_number(json, "maxmem", maxmem);
        put_number(json, "maxvcpus", maxvcpus);
        put_number(json, "memory", memory);
        put_number(json, "vcpus", vcpus);
        return s;
}

static enum status read_actions(struct cfg *c, struct json_object *json)
{
        static const char *const choices[] = {"destroy", "restart", "preserve", NULL};
        static const struct {
                const char *key, *usual; /* what xl takes */
        } events[] = {
                {"on_crash", "destroy"}, {"on_poweroff", "destroy"}, {"on_reboot", "restart"}};
        enum status s = ST_DONE;

        for (size_t i = 0; i < sizeof events / sizeof *events && !s; i++) {
                const char *action = events[i].usual;

                s = get_one_of(c, events[i].key, choices, &action);
                put_string(json, events[i].key, action);
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

static enum status read_all(struct cfg *c, const struct uuid *uuid, struct xl_config *out)
{
        struct json_object *json = json_object_new_object();
        enum status s;

        put_number(json, "version", 1);
        s = read_name(c, json, out);
        if (!s)
                s = read_uuid(c, uuid, json, out);
        if (!s)
                s = read_boot(c, json);
        if (!s)
                s = read_sizes(c, json);
        if (!s)
                s = read_disks(c, json, out);
        if (!s)
                s = read_vifs(c, json);
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
        struct cfg c = {.arena = a, .random = random};
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
                s = invalid(&c, "syntax");
        else
                s = read_all(&c, uuid, config_out);
        xlu_cfg_destroy(c.xlu);
        fclose(c.report);
        free(c.report_text);
        return s;
}
