/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an xl.cfg: refused or read, and then the JSON is JSON again, reads the same, and is
 * understood as a stored configuration. Any bytes as one: refused, or within a message's bounds. */
#include "compartment-mgr/config/xl_config.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libxlutil's parser drops values at a syntax error; each of ours runs in a child that exits. */
const char *__lsan_default_suppressions(void)
{
        return "leak:libxlutil";
}

static bool fits(const struct vm_config *config)
{
        struct buffer out = BUFFER_INIT(MESSAGE_MOST);
        bool fine = !message_encode(&shape_vm_config, config, &out, NULL, NULL);

        buffer_clear(&out);
        return fine;
}

/* Whether the findings contradict the status, or do not fit into a message. */
static bool says_bad(enum status s, struct xl_config *c, const struct config_finding_list *findings)
{
        struct config_check_rep p = {.findings = *findings,
                                     .name = c->name ? c->name : "",
                                     .boot = {c->boot, c->boot_count},
                                     .disks = {c->disks, c->disks_count},
                                     .nics = {c->nics, c->nics_count}};
        struct buffer out = BUFFER_INIT(MESSAGE_MOST);
        bool bad = false, fits = !message_encode(&shape_config_check_rep, &p, &out, NULL, NULL);

        buffer_clear(&out);
        for (size_t i = 0; i < findings->count; i++)
                bad |= findings->items[i].outcome == CONFIG_REFUSED ||
                       findings->items[i].outcome == CONFIG_WRONG;
        return !fits || bad != (s != ST_DONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const uint8_t random_bytes[XL_CONFIG_RANDOM];
        const struct xl_config_input in = {.text = {data, size}, .random = random_bytes};
        struct arena *a = arena_new();
        struct config_finding_list findings;
        struct xl_config c, again;
        struct json_object *json;
        struct vm_config stored;

        if (!xl_config_parse(a, (struct bytes){data, size}, &stored) && !fits(&stored))
                abort();
        if (says_bad(xl_config_read(a, &in, &c, &findings), &c, &findings))
                abort();
        if (c.json.data) {
                json = json_tokener_parse((const char *)c.json.data);
                if (!json ||
                    strcmp((const char *)c.json.data,
                           json_object_to_json_string_ext(
                                   json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)))
                        abort();
                json_object_put(json);
                if (xl_config_parse(a, c.json, &stored) || !fits(&stored) ||
                    memcmp(&stored.uuid, &c.uuid, sizeof c.uuid))
                        abort();
                if (xl_config_read(a, &in, &again, NULL) || again.json.len != c.json.len ||
                    memcmp(again.json.data, c.json.data, c.json.len))
                        abort();
        }
        arena_free(a);
        return 0;
}
