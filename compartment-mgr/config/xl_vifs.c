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

static enum status read_vif_part(struct xl_values *c, char *part, char mac[18], const char **bridge)
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

static enum status read_vif(struct xl_values *c, int index, const char *spec,
                            struct json_object *array)
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
        xl_values_put(o, "bridge", bridge);
        xl_values_put(o, "mac", mac);
        json_object_array_add(array, o);
        return ST_DONE;
}

enum status xl_vifs_read(struct xl_values *c, struct json_object *json)
{
        struct json_object *array = json_object_new_array();
        XLU_ConfigList *list = NULL;
        int count = 0;
        enum status s;

        json_object_object_add(json, "vifs", array);
        s = xl_values_list(c, "vif", NICS_MOST, &list, &count);
        for (int i = 0; i < count && !s; i++)
                s = read_vif(c, i, xlu_cfg_get_listitem(list, i), array);
        return s;
}
