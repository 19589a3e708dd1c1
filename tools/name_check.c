/* SPDX-License-Identifier: Apache-2.0 */
/* Compares names and UUIDs with those of other VMs (tools/name_check.h). */
#include "tools/name_check.h"
#include "tools/config_findings.h"

#include <string.h>

static void wrong(struct config_check_rep *p, struct arena *a, const char *key, const char *found,
                  const char *remedy)
{
        config_findings_add(p, a,
                            (struct config_finding){.outcome = CONFIG_WRONG,
                                                    .status = ST_EXISTS,
                                                    .key = key,
                                                    .subject = arena_print(a, "xl.cfg: %s", key),
                                                    .expected = "one VM with that name and UUID",
                                                    .found = found,
                                                    .remedy = remedy});
}

/* A UUID that is not in the file is a new one, or that of the VM that is replaced. */
static bool has_uuid(const struct config_check_rep *p)
{
        for (size_t i = 0; i < p->findings.count; i++)
                if (!strcmp(p->findings.items[i].key, "uuid"))
                        return true;
        return false;
}

static const struct known_vm *find(const struct known_vms *k, const struct config_check_rep *p,
                                   bool defined, bool by_name)
{
        for (size_t i = 0; i < k->count; i++)
                if (k->all[i].defined == defined &&
                    (by_name ? !strcmp(k->all[i].name, p->name)
                             : uuid_equal(&k->all[i].uuid, &p->uuid)))
                        return &k->all[i];
        return NULL;
}

static void is_defined(struct config_check_rep *p, struct arena *a, const struct known_vm *vm,
                       const char *file)
{
        config_findings_add(p, a,
                            (struct config_finding){
                                    .outcome = CONFIG_DEFINED,
                                    .status = ST_EXISTS,
                                    .key = strcmp(vm->name, p->name) ? "uuid" : "name",
                                    .subject = arena_print(a, "xl.cfg: %s", vm->where),
                                    .expected = "",
                                    .found = "vm define without --replace refuses it",
                                    .remedy = arena_print(a, "bulkhead vm define --replace=%s %s",
                                                          vm->name, file)});
}

static void compare_defined(const struct known_vms *k, const char *file, struct config_check_rep *p,
                            struct arena *a)
{
        const struct known_vm *name = find(k, p, true, true), *uuid = find(k, p, true, false);

        if (name && uuid && name != uuid)
                wrong(p, a, "uuid", arena_print(a, "%s has the UUID", uuid->where),
                      "leave the UUID out, or give another name");
        else if (name && !uuid && has_uuid(p))
                wrong(p, a, "uuid", arena_print(a, "%s has another UUID", name->where),
                      "leave the UUID out to replace that VM, or give another name");
        else if (name || uuid)
                is_defined(p, a, name ? name : uuid, file);
}

void name_check_file(const struct known_vms *k, const char *file, struct config_check_rep *p,
                     struct arena *a)
{
        const struct known_vm *name = find(k, p, false, true), *uuid = find(k, p, false, false);

        if (*p->name && name)
                wrong(p, a, "name", arena_print(a, "'%s', which %s has, too", p->name, name->where),
                      "give each VM a name of its own");
        else if (uuid && has_uuid(p))
                wrong(p, a, "uuid", arena_print(a, "%s has it, too", uuid->where),
                      "give each VM a UUID of its own, or leave it out");
        if (*p->name)
                compare_defined(k, file, p, a);
}
