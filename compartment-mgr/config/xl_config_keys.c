/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which keys an xl.cfg has, and which it may have. libxlutil cannot list them, so they are found by
 * a scan of our own: every identifier outside strings and comments is a key in this grammar.
 * xl_config.c comes here first; touches memory only.
 */
#include "compartment-mgr/config/xl_config_keys.h"

#include <json-c/json.h>
#include <string.h>

const char xl_config_use_kernel[] =
        "name the guest's kernel by kernel= and ramdisk=: what a boot "
        "loader in Dom0 would read from the guest's disk is not measured";
static const char no_override[] = "remove it: the device model is part of the measured host";

static const struct {
        const char *key, *remedy; /* remedy: why a key is refused, NULL if it is read */
} keys[] = {
        {"name", NULL},
        {"uuid", NULL},
        {"type", NULL},
        {"builder", NULL},
        {"kernel", NULL},
        {"ramdisk", NULL},
        {"cmdline", NULL},
        {"root", NULL},
        {"extra", NULL},
        {"memory", NULL},
        {"maxmem", NULL},
        {"vcpus", NULL},
        {"maxvcpus", NULL},
        {"disk", NULL},
        {"vif", NULL},
        {"on_poweroff", NULL},
        {"on_reboot", NULL},
        {"on_crash", NULL},
        {"bootloader", xl_config_use_kernel},
        {"bootloader_args", xl_config_use_kernel},
        {"device_model", no_override},
        {"device_model_override", no_override},
        {"device_model_version", no_override},
        {"device_model_args", no_override},
        {"device_model_args_pv", no_override},
        {"device_model_args_hvm", no_override},
        {"device_model_user", no_override},
        {"device_model_stubdomain_override", no_override},
        {"firmware_override", no_override},
        {"driver_domain", "remove it: a sealed VM serves no devices to others"},
};

static enum status key_allowed(const char *key)
{
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
                if (!strcmp(keys[i].key, key))
                        return keys[i].remedy
                                       ? FAIL(ST_UNSUPPORTED, .subject = FMT("xl.cfg: %s", key),
                                              .remedy = keys[i].remedy)
                                       : ST_DONE;
        return FAIL(ST_UNSUPPORTED, .subject = FMT("xl.cfg: %.100s", key),
                    .found = "a key that this version does not know",
                    .remedy = "remove it; docs/xl-cfg.md lists the keys that are read");
}

static bool is_letter(uint8_t c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name_part(uint8_t c)
{
        return is_letter(c) || (c >= '0' && c <= '9') || c == '.';
}

static size_t skip_string(struct bytes t, size_t i)
{
        uint8_t quote = t.data[i++];

        while (i < t.len && t.data[i] != quote && t.data[i] != '\n')
                i += t.data[i] == '\\' ? 2 : 1;
        return i + 1;
}

static size_t skip_name(struct bytes t, size_t i)
{
        while (i < t.len && is_name_part(t.data[i]))
                i++;
        return i;
}

static enum status key_once(struct arena *a, struct json_object *seen, const uint8_t *name,
                            size_t len)
{
        const char *key = arena_print(a, "%.*s", len > 200 ? 200 : (int)len, (const char *)name);
        enum status s = key_allowed(key);

        if (s)
                return s;
        if (json_object_object_get_ex(seen, key, NULL))
                return FAIL(ST_INVALID, .subject = FMT("xl.cfg: %s", key), .found = "given twice",
                            .remedy = "give each key once");
        json_object_object_add(seen, key, NULL);
        return ST_DONE;
}

enum status xl_config_keys(struct arena *a, struct bytes t)
{
        struct json_object *seen = json_object_new_object();
        enum status s = ST_DONE;

        for (size_t i = 0, end; i < t.len && !s; i = end) {
                uint8_t c = t.data[i];

                end = i + 1;
                if (c == '"' || c == '\'') {
                        end = skip_string(t, i);
                } else if (c == '#') {
                        while (end < t.len && t.data[end] != '\n')
                                end++;
                } else if (is_name_part(c)) {
                        end = skip_name(t, i);
                        if (is_letter(c))
                                s = key_once(a, seen, t.data + i, end - i);
                }
        }
        json_object_put(seen);
        return s;
}
