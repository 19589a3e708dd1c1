/* SPDX-License-Identifier: Apache-2.0 */
/* Collects VMs (tools/known_vms.h). Asks compartment-mgr, and looks at the files that are named. */
#include "tools/known_vms.h"
#include "tools/door.h"

#include <json-c/json.h>
#include <string.h>

struct known_disk known_disk_of(const struct disk *disk)
{
        struct known_disk d = {.path = disk->path, .writable = disk->writable};

        d.seen = !stat(disk->path, &d.stat);
        return d;
}

static struct known_vm *next(struct known_vms *k)
{
        struct known_vm *more;

        if (k->count == k->room) {
                k->room = k->room ? 2 * k->room : 64;
                more = arena_get_many(k->arena, k->room, sizeof *more);
                if (k->count)
                        memcpy(more, k->all, k->count * sizeof *more);
                k->all = more;
        }
        memset(&k->all[k->count], 0, sizeof *k->all);
        return &k->all[k->count++];
}

static void keep_disks(struct known_vms *k, struct known_vm *vm, const struct disk_list *disks)
{
        vm->disks = arena_get_many(k->arena, disks->count, sizeof *vm->disks);
        for (size_t i = 0; i < disks->count; i++) {
                vm->disks[i] = known_disk_of(&disks->items[i]);
                vm->disks[i].path = arena_text(k->arena, disks->items[i].path);
        }
        vm->disks_count = disks->count;
}

static void keep_nic(struct known_vms *k, struct known_vm *vm, const char *mac)
{
        if (!vm->nics.items)
                vm->nics.items = arena_get_many(k->arena, NICS_MOST, sizeof *vm->nics.items);
        if (vm->nics.count < NICS_MOST)
                vm->nics.items[vm->nics.count++] = (struct nic){"", "", arena_text(k->arena, mac)};
}

/* --- those that are defined ------------------------------------------------------------------ */

static void keep_nics(struct known_vms *k, struct known_vm *vm, struct bytes config)
{
        struct json_tokener *t = json_tokener_new();
        struct json_object *o = config.len ? json_tokener_parse_ex(t, (const char *)config.data,
                                                                   (int)config.len)
                                           : NULL,
                           *vifs = o ? json_object_object_get(o, "vifs") : NULL;

        for (size_t i = 0; vifs && i < json_object_array_length(vifs); i++) {
                const char *mac = json_object_get_string(
                        json_object_object_get(json_object_array_get_idx(vifs, i), "mac"));

                keep_nic(k, vm, mac ? mac : "");
        }
        json_object_put(o);
        json_tokener_free(t);
}

static void not_seen(struct known_vms *k, const char *what)
{
        const struct error *e = error_last();

        k->unknown = arena_print(k->arena, "%s%s%s: %s%s%s", k->unknown ? k->unknown : "",
                                 k->unknown ? "; " : "", what, status_sentence(e->status),
                                 *e->found ? ": " : "", e->found);
        k->remedy = e->status == ST_DENIED ? ASK_AS_ADMIN : arena_text(k->arena, e->remedy);
        error_clear();
}

static void keep_vm(struct known_vms *k, const struct vm_summary *vm, struct arena *a)
{
        struct vm_show_req q = {.vm = vm->name};
        struct vm_show_rep p;
        struct known_vm *to;

        if (vm->foreign)
                return;
        if (door_call(CALL(vm_show, &q, &p), a)) {
                not_seen(k, arena_print(a, "VM %s", vm->name));
                return;
        }
        to = next(k);
        to->name = arena_text(k->arena, p.vm.name);
        to->where = arena_print(k->arena, "VM %s", to->name);
        to->uuid = p.vm.uuid;
        to->defined = true;
        keep_disks(k, to, &p.disks);
        keep_nics(k, to, p.config);
}

struct known_vms *known_vms_new(void)
{
        struct arena *kept = arena_new(), *a = arena_new();
        struct known_vms *k = arena_get(kept, sizeof *k);
        struct vm_list_req q = {};
        struct vm_list_rep p = {0};

        *k = (struct known_vms){.arena = kept};
        if (door_call(CALL(vm_list, &q, &p), a)) {
                not_seen(k, "VMs that are defined");
        } else if (!door_is_admins()) {
                k->unknown = "VMs of other owners, which an admin sees";
                k->remedy = ASK_AS_ADMIN;
        }
        for (size_t i = 0; i < p.vms.count; i++)
                keep_vm(k, &p.vms.items[i], a);
        arena_free(a);
        return k;
}

void known_vms_free(struct known_vms *k)
{
        if (k)
                arena_free(k->arena);
}

/* --- those of files -------------------------------------------------------------------------- */

void known_vms_add(struct known_vms *k, const char *file, const struct config_check_rep *p)
{
        struct known_vm *vm = next(k);

        vm->name = arena_text(k->arena, p->name);
        vm->where = arena_text(k->arena, file);
        vm->uuid = p->uuid;
        keep_disks(k, vm, &p->disks);
        for (size_t i = 0; i < p->nics.count; i++)
                keep_nic(k, vm, p->nics.items[i].mac);
}

bool known_vm_is_other(const struct known_vm *vm, const struct config_check_rep *p)
{
        return strcmp(vm->name, p->name) != 0 && !uuid_equal(&vm->uuid, &p->uuid);
}
