/* SPDX-License-Identifier: Apache-2.0 */
/* The table of target kinds. targets.c alone reads it. */
#include "compartment-mgr/target_kinds.h"
#include "compartment-mgr/compartment.h"

#include <string.h>

/* --- to whom a target belongs: never to a principal that is no local user --------------------- */

static bool of_vm_with_disk(const struct principal *p, const struct target *t)
{
        uid_t uid;

        return principal_uid(p, &uid) && compartment_owns_path(t->argument, uid);
}

static bool of_vm_named(const struct principal *p, const struct target *t)
{
        uid_t uid;

        return principal_uid(p, &uid) && compartment_owned_by(t->argument, uid);
}

static bool of_everybody(const struct principal *p, const struct target *t)
{
        (void)p, (void)t;
        return true;
}

/* Of all VMs admins alone are told. */
static bool of_own_vms(const struct principal *p, const struct target *t)
{
        uid_t uid;

        return principal_uid(p, &uid) && !strcmp(t->argument, "own");
}

/* --- the table --------------------------------------------------------------------------------*/

const struct target_kind target_kinds[] = {
        {"disk", of_vm_with_disk, NULL},   {"luks", of_vm_with_disk, NULL},
        {"vm", of_vm_named, facts_of_vm},  {"hypervisor", of_everybody, facts_of_hypervisor},
        {"vms", of_own_vms, facts_of_vms}, {NULL, NULL, NULL},
};
