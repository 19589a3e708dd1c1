/* SPDX-License-Identifier: Apache-2.0 */
/* vif= of an xl.cfg, which libxlutil does not split for its callers. Touches memory only. */
#include "compartment-mgr/config/xl_vifs.h"
#include "compartment-mgr/config/xl_config.h"

#include <stdlib.h>
#include <string.h>

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

static enum status read_bridge(struct xl_values *c, const char *value, const char **bridge)
{
        size_t n = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789._-");

        if (!n || n > 15 || value[n])
                return FAIL(ST_INVALID, .subject = "xl.cfg: vif bridge",
                            .found = FMT("'%.200s'", value), .expected = "an interface name");
        *bridge = arena_text(c->arena, value);
        return ST_DONE;
}

static void trim(char *text)
{
        size_t n = strlen(text);

        while (n && strchr(" \t", text[n - 1]))
                text[--n] = 0;
}

static enum status read_vif_part(struct xl_values *c, char *part, char mac[18], const char **bridge)
{
        char *value = strchr(part, '=');

        if (!value)
                return FAIL(ST_INVALID, .subject = "xl.cfg: vif", .found = FMT("'%.200s'", part),
                            .expected = "name=value");
        *value++ = 0;
        if (!strcmp(part, "bridge"))
                return read_bridge(c, value, bridge);
        if (!strcmp(part, "mac"))
                return read_mac(value, mac)
                               ? ST_DONE
                               : FAIL(ST_INVALID, .subject = "xl.cfg: vif mac",
                                      .found = FMT("'%.200s'", value),
                                      .expected = "a unicast address such as 00:16:3e:12:34:56");
        if (!strcmp(part, "model") || (!strcmp(part, "type") && !strcmp(value, "vif")))
                return ST_DONE; /* of emulated interfaces, or what there is without it */
        if (!strcmp(part, "script"))
                return FAIL(ST_UNSUPPORTED, .subject = "xl.cfg: vif script",
                            .found = FMT("'%.200s'", value),
                            .remedy = "remove it: name a bridge that Dom0 has set up");
        return FAIL(ST_UNSUPPORTED, .subject = FMT("xl.cfg: vif %.100s", part),
                    .found = FMT("'%.200s'", value),
                    .remedy = !strcmp(part, "ip")
                                      ? "remove it: it is for a script in Dom0; give mac= and "
                                        "bridge= only"
                                      : "remove it: give mac= and bridge= only");
}

/* Of each part that is wrong, an error is noted. */
static bool read_parts(struct xl_values *c, int index, const char *spec, char mac[18],
                       const char **bridge)
{
        char *rest = arena_text(c->arena, spec), *part;
        bool good = true;

        while ((part = strsep(&rest, ","))) {
                part += strspn(part, " \t");
                trim(part);
                if (*part)
                        good &= !xl_scan_failed(c->scan, index,
                                                read_vif_part(c, part, mac, bridge));
        }
        return good;
}

/* The address that the interface has now, or a new one. */
static void usual_mac(const struct xl_values *c, int index, char mac[18])
{
        const uint8_t *r = c->random + 16 + 3 * index;

        if (c->present && (size_t)index < c->present->nics.count &&
            read_mac(c->present->nics.items[index].mac, mac))
                return;
        snprintf(mac, 18, "00:16:3e:%02x:%02x:%02x", r[0] & 0x7f, r[1], r[2]);
}

static bool has_mac(struct json_object *array, const char *mac)
{
        for (size_t i = 0; i < json_object_array_length(array); i++)
                if (!strcmp(json_object_get_string(json_object_object_get(
                                    json_object_array_get_idx(array, i), "mac")),
                            mac))
                        return true;
        return false;
}

static enum status read_vif(struct xl_values *c, int index, const char *spec,
                            struct json_object *array, struct xl_config *out)
{
        const char *bridge = "xenbr0"; /* what xl takes */
        struct json_object *o;
        char mac[18];

        usual_mac(c, index, mac);
        if (!read_parts(c, index, spec, mac, &bridge))
                return ST_DONE; /* noted */
        if (has_mac(array, mac))
                return FAIL(ST_INVALID, .subject = "xl.cfg: vif mac",
                            .found = FMT("'%s' twice", mac),
                            .remedy = "give each interface an address of its own");
        o = json_object_new_object();
        xl_values_put(o, "bridge", bridge);
        xl_values_put(o, "mac", mac);
        json_object_array_add(array, o);
        out->nics[out->nics_count++] = (struct nic){arena_print(c->arena, "vif%d", index), bridge,
                                                    arena_text(c->arena, mac)};
        return ST_DONE;
}

void xl_vifs_read(struct xl_values *c, struct json_object *json, struct xl_config *out)
{
        struct json_object *array = json_object_new_array();
        XLU_ConfigList *list = NULL;
        const char *spec;
        int count;

        json_object_object_add(json, "vifs", array);
        xl_scan_failed(c->scan, -1, xl_values_list(c, "vif", NICS_MOST, &list, &count));
        for (int i = 0; i < count; i++) {
                enum status s = xl_values_item(c, "vif", list, i, &spec);

                xl_scan_failed(c->scan, i, s ? s : read_vif(c, i, spec, array, out));
        }
}
