/* SPDX-License-Identifier: Apache-2.0 */
/* Compares MAC addresses across VMs (tools/mac_check.h). Asks compartment-mgr for its VMs. */
#include "tools/mac_check.h"
#include "tools/config_findings.h"
#include "tools/door.h"

#include <json-c/json.h>
#include <string.h>
#include <strings.h>

enum { INTERFACES_MOST = 64 << 10 };

struct mac_check {
        struct arena *arena;
        struct interface {
                const char *mac, *vm, *uuid, *where; /* where: "VM web01", or a file */
        } * all;
        size_t count, room;
};

static const char *word_of(struct json_object *o, const char *name)
{
        const char *text = json_object_get_string(json_object_object_get(o, name));

        return text ? text : "";
}

static void keep(struct mac_check *c, struct json_object *config, const char *mac,
                 const char *where)
{
        struct interface *more;

        if (c->count == INTERFACES_MOST)
                return;
        if (c->count == c->room) {
                c->room = c->room ? 2 * c->room : 64;
                more = arena_get_many(c->arena, c->room, sizeof *more);
                if (c->count)
                        memcpy(more, c->all, c->count * sizeof *more);
                c->all = more;
        }
        c->all[c->count++] = (struct interface){
                arena_text(c->arena, mac), arena_text(c->arena, word_of(config, "name")),
                arena_text(c->arena, word_of(config, "uuid")), arena_text(c->arena, where)};
}

/* Of another VM, that interface; or NULL. */
static const struct interface *find(const struct mac_check *c, struct json_object *config,
                                    const char *mac)
{
        for (size_t i = 0; i < c->count; i++)
                if (!strcasecmp(c->all[i].mac, mac) &&
                    strcmp(c->all[i].vm, word_of(config, "name")) &&
                    strcasecmp(c->all[i].uuid, word_of(config, "uuid")))
                        return &c->all[i];
        return NULL;
}

static struct json_object *config_of(struct bytes json)
{
        struct json_tokener *t = json_tokener_new();
        struct json_object *o =
                json.len ? json_tokener_parse_ex(t, (const char *)json.data, (int)json.len) : NULL;

        json_tokener_free(t);
        return o;
}

static void keep_all(struct mac_check *c, struct json_object *config, const char *where)
{
        struct json_object *vifs = json_object_object_get(config, "vifs");

        for (size_t i = 0; vifs && i < json_object_array_length(vifs); i++)
                keep(c, config, word_of(json_object_array_get_idx(vifs, i), "mac"), where);
}

static void keep_vm(struct mac_check *c, const char *name, struct arena *a)
{
        struct vm_show_req q = {.vm = name};
        struct vm_show_rep p;
        struct json_object *config;

        if (door_call(CALL(vm_show, &q, &p), a))
                return;
        config = config_of(p.config);
        if (config)
                keep_all(c, config, arena_print(a, "VM %s", name));
        json_object_put(config);
}

struct mac_check *mac_check_new(void)
{
        struct arena *kept = arena_new(), *a = arena_new();
        struct mac_check *c = arena_get(kept, sizeof *c);
        struct vm_list_req q = {};
        struct vm_list_rep p = {0};

        *c = (struct mac_check){.arena = kept};
        if (!door_call(CALL(vm_list, &q, &p), a))
                for (size_t i = 0; i < p.vms.count; i++)
                        keep_vm(c, p.vms.items[i].name, a);
        error_clear();
        arena_free(a);
        return c;
}

void mac_check_free(struct mac_check *c)
{
        if (c)
                arena_free(c->arena);
}

void mac_check_file(struct mac_check *c, const char *file, struct config_check_rep *p,
                    struct arena *a)
{
        struct json_object *config = config_of(p->json), *vifs;

        vifs = config ? json_object_object_get(config, "vifs") : NULL;
        for (size_t i = 0; vifs && i < json_object_array_length(vifs); i++) {
                const char *mac = word_of(json_object_array_get_idx(vifs, i), "mac");
                const struct interface *other = find(c, config, mac);

                if (other)
                        config_findings_add(
                                p, a,
                                (struct config_finding){
                                        .outcome = CONFIG_WRONG,
                                        .status = ST_EXISTS,
                                        .key = "vif",
                                        .subject = "xl.cfg: vif mac",
                                        .expected = "a MAC address that no other VM has",
                                        .found = arena_print(a, "'%s', which %s has", mac,
                                                             other->where),
                                        .remedy = "give each VM addresses of its own"});
        }
        if (config)
                keep_all(c, config, file);
        json_object_put(config);
}
