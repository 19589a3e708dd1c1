/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads an xl.cfg by libxlutil and writes canonical JSON by json-c. What is wrong is noted, and the
 * reading goes on, so that all of it is found at once. Runs in a disposable child that can open
 * nothing (config_worker.c); touches memory only.
 */
#include "compartment-mgr/config/xl_config.h"
#include "compartment-mgr/config/xl_config_keys.h"
#include "compartment-mgr/config/xl_disks.h"
#include "compartment-mgr/config/xl_values.h"
#include "compartment-mgr/config/xl_vifs.h"

#include <stdlib.h>
#include <string.h>

enum { MEMORY_MOST = 16 << 20 /* MiB */, VCPUS_MOST = 512, PARSES_MOST = 16 };

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
        const char *name;
        enum status s = xl_values_text(c, "name", &name);

        if (s)
                return s;
        if (!name || !is_vm_name(name))
                return FAIL(ST_INVALID, .subject = "xl.cfg: name",
                            .found = name ? FMT("'%.200s'", name) : "not given",
                            .expected = "1 to 63 letters, digits and ._+- that are no UUID");
        out->name = name;
        xl_values_put(json, "name", name);
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
                return FAIL(ST_INVALID, .subject = "xl.cfg: uuid",
                            .expected = "a UUID that is not zero", .found = FMT("'%.200s'", given));
        if (!uuid_is_zero(uuid)) {
                if (given && memcmp(uuid, &out->uuid, sizeof *uuid))
                        return FAIL(ST_INVALID, .subject = "xl.cfg: uuid",
                                    .found = FMT("'%.200s'", given), .expected = "the VM's own");
                out->uuid = *uuid;
        }
        uuid_write(&out->uuid, text);
        xl_values_put(json, "uuid", text);
        return ST_DONE;
}

/* A guest of type hvm is refused here already: no hypervisor of Bulkhead's starts one. */
static enum status check_type(const char *key, const char *type)
{
        if (!type || strcmp(type, "hvm"))
                return ST_DONE;
        return FAIL(ST_UNSUPPORTED, .subject = FMT("xl.cfg: %s", key), .found = "'hvm'",
                    .expected = "a guest without a device model in Dom0, which no seal measures",
                    .remedy = "give type=\"pvh\" and, as kernel= and ramdisk=, copies in Dom0 of "
                              "the guest's kernel and ramdisk");
}

static void read_type(struct xl_values *c, struct json_object *json)
{
        static const char *const types[] = {"pv", "pvh", "hvm", NULL};
        static const char *const builders[] = {"generic", "hvm", NULL};
        const char *type = NULL, *builder = NULL;
        enum status s = xl_values_choice(c, "type", types, &type);

        xl_scan_failed(c->scan, -1, s ? s : check_type("type", type));
        s = xl_values_choice(c, "builder", builders, &builder);
        if (!s && type && builder)
                s = FAIL(ST_INVALID, .subject = "xl.cfg: builder", .found = "type is given too",
                         .remedy = "give type only");
        xl_scan_failed(c->scan, -1, s ? s : check_type("builder", builder));
        xl_values_put(json, "type", type ? type : "pv");
}

/* cmdline as it is, or "root=ROOT EXTRA", as xl puts it together. */
static void read_cmdline(struct xl_values *c, struct json_object *json)
{
        const char *cmdline, *root, *extra;

        xl_scan_failed(c->scan, -1, xl_values_text(c, "cmdline", &cmdline));
        xl_scan_failed(c->scan, -1, xl_values_text(c, "root", &root));
        xl_scan_failed(c->scan, -1, xl_values_text(c, "extra", &extra));
        if (cmdline && (root || extra))
                xl_scan_failed(c->scan, -1,
                               FAIL(ST_INVALID, .subject = "xl.cfg: cmdline",
                                    .found = "root or extra is given too",
                                    .remedy = "give cmdline only"));
        if (root)
                cmdline = arena_print(c->arena, "root=%s%s%s", root, extra ? " " : "",
                                      extra ? extra : "");
        else if (extra)
                cmdline = extra;
        xl_values_put(json, "cmdline", cmdline);
}

static void put_boot_file(struct json_object *json, const char *name, const char *path,
                          struct xl_config *out)
{
        xl_values_put(json, name, path);
        if (path)
                out->boot[out->boot_count++] = (struct boot_file){name, path};
}

static void read_boot(struct xl_values *c, struct json_object *json, struct xl_config *out)
{
        const char *kernel, *ramdisk;
        enum status s = xl_values_path(c, "kernel", &kernel);

        if (!s && !kernel && !xl_scan_find(c->scan, "bootloader") &&
            !xl_scan_find(c->scan, "firmware"))
                s = FAIL(ST_INVALID, .subject = "xl.cfg: kernel", .found = "not given",
                         .remedy = xl_config_use_kernel);
        xl_scan_failed(c->scan, -1, s);
        xl_scan_failed(c->scan, -1, xl_values_path(c, "ramdisk", &ramdisk));
        put_boot_file(json, "kernel", kernel, out);
        put_boot_file(json, "ramdisk", ramdisk, out);
        read_cmdline(c, json);
        read_type(c, json);
}

static long read_number(struct xl_values *c, struct json_object *json, const char *key, long least,
                        long most, long usual)
{
        long value = usual;

        xl_scan_failed(c->scan, -1, xl_values_number(c, key, least, most, &value));
        xl_values_put_number(json, key, value);
        return value;
}

static void read_sizes(struct xl_values *c, struct json_object *json)
{
        long memory = read_number(c, json, "memory", 1, MEMORY_MOST, 0), vcpus;

        if (!memory && !xl_scan_find(c->scan, "memory"))
                xl_scan_failed(c->scan, -1,
                               FAIL(ST_INVALID, .subject = "xl.cfg: memory", .found = "not given",
                                    .remedy = "give the guest's memory in MiB"));
        read_number(c, json, "maxmem", memory ? memory : 1, MEMORY_MOST, memory);
        vcpus = read_number(c, json, "vcpus", 1, VCPUS_MOST, 1);
        read_number(c, json, "maxvcpus", vcpus, VCPUS_MOST, vcpus);
}

static void read_actions(struct xl_values *c, struct json_object *json)
{
        static const char *const choices[] = {"destroy", "restart", "preserve", NULL};
        static const struct {
                const char *key, *usual; /* what xl takes */
        } events[] = {
                {"on_crash", "destroy"}, {"on_poweroff", "destroy"}, {"on_reboot", "restart"}};

        for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
                const char *action = events[i].usual;

                xl_scan_failed(c->scan, -1, xl_values_choice(c, events[i].key, choices, &action));
                xl_values_put(json, events[i].key, action);
        }
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

static void read_all(struct xl_values *c, const struct uuid *uuid, struct xl_config *out)
{
        struct json_object *json = json_object_new_object();

        xl_values_put_number(json, "version", 1);
        xl_scan_failed(c->scan, -1, read_name(c, json, out));
        xl_scan_failed(c->scan, -1, read_uuid(c, uuid, json, out));
        read_boot(c, json, out);
        read_sizes(c, json);
        xl_disks_read(c, json, out);
        xl_vifs_read(c, json, out);
        read_actions(c, json);
        if (!c->scan->bad)
                out->json = write_sorted(c->arena, json);
        json_object_put(json);
}

/* --- libxlutil's own words about what it cannot parse ----------------------------------------- */

/* The setting that stands on that line. */
static struct xl_setting *setting_at(struct xl_scan *scan, uint32_t line)
{
        for (size_t i = 0; i < scan->settings_count; i++)
                if (scan->settings[i].at.line <= line && line <= scan->settings[i].last_line)
                        return &scan->settings[i];
        return NULL;
}

static bool add_words(struct xl_scan *scan, struct xl_setting *setting, uint32_t line,
                      const char *words)
{
        char clean[201]; /* its words quote the file, which may hold any bytes */

        utf8_printable(clean, sizeof clean, words);
        for (size_t i = 0; i < scan->items_count; i++) {
                struct config_finding *f = &scan->items[i];

                if ((f->outcome != CONFIG_WRONG && f->outcome != CONFIG_REFUSED) ||
                    (f->line != line && !(setting && !strcmp(setting->key, f->key))))
                        continue;
                if (!strstr(f->found, "libxlutil")) /* its first words are about the cause */
                        f->found = arena_print(scan->arena, "%s (libxlutil: %s)", f->found, clean);
                return true;
        }
        return false;
}

static void note_parse_error(struct xl_scan *scan, uint32_t line, const char *words)
{
        struct xl_setting *setting = setting_at(scan, line);
        const char *key = setting ? setting->key : "syntax";
        bool said = add_words(scan, setting, line, words);

        if (setting)
                xl_scan_break(scan, setting);
        if (said)
                return;
        FAIL(ST_INVALID, .subject = FMT("xl.cfg: %.60s", key), .found = words,
             .remedy = "see xl.cfg(5); docs/xl-cfg.md lists what is read");
        xl_scan_note(scan, CONFIG_WRONG, key, (struct xl_place){line, line ? 1 : 0}, error_last());
        error_clear();
}

/* An error about a setting that is fine by itself comes from the one before, if that is broken. */
static void add_words_only(struct xl_scan *scan, uint32_t line, const char *words)
{
        struct xl_setting *setting = setting_at(scan, line);

        if (setting && !setting->broken)
                setting = setting > scan->settings && setting[-1].broken ? setting - 1 : NULL;
        if (setting)
                add_words(scan, setting, setting->at.line, words);
}

static bool any_broken(const struct xl_scan *scan)
{
        for (size_t i = 0; i < scan->settings_count; i++)
                if (scan->settings[i].broken)
                        return true;
        return false;
}

/* Each line of the report is "xl.cfg:LINE: WORDS". words_only: for what was noted already; the rest
 * will be said again, or comes from that. */
static void note_parse_errors(struct xl_values *c, bool words_only)
{
        char *line, *rest;

        fflush(c->report);
        rest = arena_text(c->arena, c->report_text ? c->report_text : "");
        while ((line = strsep(&rest, "\n"))) {
                unsigned number = 0;
                int n = 0;

                if (sscanf(line, "xl.cfg:%u: %n", &number, &n) != 1 || !n)
                        continue;
                if (words_only)
                        add_words_only(c->scan, number, line + n);
                else
                        note_parse_error(c->scan, number, line + n);
        }
        if (!c->scan->bad)
                note_parse_error(c->scan, 0, "it cannot be parsed");
}

/* --- the whole ------------------------------------------------------------------------------- */

static enum status check_bounds(struct bytes text)
{
        if (text.len > XL_CONFIG_MOST)
                return FAIL(ST_TOO_LARGE, .subject = "xl.cfg", .expected = "at most 64 KiB",
                            .found = FMT("%zu bytes", text.len));
        if (!text.len)
                return FAIL(ST_INVALID, .subject = "xl.cfg", .expected = "text",
                            .found = "nothing");
        return ST_DONE;
}

static void parse_begin(struct xl_values *c)
{
        c->report_text = NULL;
        c->report_len = c->report_seen = 0;
        c->report = open_memstream(&c->report_text, &c->report_len);
        c->xlu = c->report ? xlu_cfg_init(c->report, "xl.cfg") : NULL;
        if (!c->xlu)
                abort();
}

static void parse_end(struct xl_values *c)
{
        xlu_cfg_destroy(c->xlu);
        fclose(c->report);
        free(c->report_text);
}

/* Behind an error libxlutil drops settings that are fine. So what it does not like is taken out,
 * and it reads the rest once more. */
static void read_settings(struct xl_scan *scan, const struct xl_config_input *in, struct bytes text,
                          struct xl_config *out)
{
        struct xl_values c = {
                .arena = scan->arena, .random = in->random, .present = in->present, .scan = scan};

        for (int i = 0; i < PARSES_MOST; i++) {
                parse_begin(&c);
                if (!xlu_cfg_readdata(c.xlu, (const char *)text.data, (int)text.len)) {
                        read_all(&c, &in->uuid, out);
                        parse_end(&c);
                        return;
                }
                note_parse_errors(&c, !i && any_broken(scan));
                parse_end(&c);
                text = scan->text;
        }
}

/* The error that the first bad finding was noted from. */
static enum status first_error(const struct xl_scan *scan)
{
        for (size_t i = 0; i < scan->items_count; i++) {
                const struct config_finding *f = &scan->items[i];

                if (f->outcome == CONFIG_REFUSED || f->outcome == CONFIG_WRONG)
                        return FAIL((enum status)f->status, .subject = f->subject,
                                    .expected = f->expected, .found = f->found,
                                    .remedy = f->remedy);
        }
        return scan->bad ? FAIL(ST_INVALID, .subject = "xl.cfg", .found = "too much to be said")
                         : ST_DONE;
}

enum status xl_config_read(struct arena *a, const struct xl_config_input *in,
                           struct xl_config *config_out, struct config_finding_list *findings_out)
{
        struct xl_scan scan = {.arena = a};
        struct bytes text;
        enum status s = check_bounds(in->text);

        memset(config_out, 0, sizeof *config_out);
        if (!s)
                s = xl_scan_text(a, in->text, &text);
        if (s) {
                xl_scan_failed(&scan, -1, s);
        } else {
                xl_scan_settings(&scan, text);
                xl_config_keys(&scan);
                read_settings(&scan, in, text, config_out);
                xl_config_keys_honoured(&scan);
        }
        xl_scan_sort(&scan);
        if (findings_out)
                *findings_out = (struct config_finding_list){scan.items, scan.items_count};
        return first_error(&scan);
}
