/* SPDX-License-Identifier: Apache-2.0 */
/* Compares MAC addresses across VMs (tools/mac_check.h). */
#include "tools/mac_check.h"
#include "tools/config_findings.h"

#include <strings.h>

static bool has(const struct known_vm *vm, const char *mac)
{
        for (size_t i = 0; i < vm->nics.count; i++)
                if (!strcasecmp(vm->nics.items[i].mac, mac))
                        return true;
        return false;
}

static const struct known_vm *find(const struct known_vms *k, const struct config_check_rep *p,
                                   const char *mac)
{
        for (size_t i = 0; i < k->count; i++)
                if (has(&k->all[i], mac) && known_vm_is_other(&k->all[i], p))
                        return &k->all[i];
        return NULL;
}

void mac_check_file(const struct known_vms *k, struct config_check_rep *p, struct arena *a)
{
        for (size_t i = 0; i < p->nics.count; i++) {
                const char *mac = p->nics.items[i].mac;
                const struct known_vm *other = find(k, p, mac);

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
}
