/* SPDX-License-Identifier: Apache-2.0 */
/* The table of target kinds. targets.c alone reads it. */
#include "compartment-mgr/target_kinds.h"
#include "compartment-mgr/compartment.h"
#include "lib/component.h"

#include <string.h>

/* --- to whom a target belongs ---------------------------------------------------------------- */

static bool of_vm_with_disk(const struct principal *p, const struct target *t)
{
        return compartment_owns_path(t->argument, p);
}

static bool of_vm_named(const struct principal *p, const struct target *t)
{
        return compartment_owned_by(t->argument, p);
}

static bool of_everybody(const struct principal *p, const struct target *t)
{
        (void)p, (void)t;
        return true;
}

/* Of all VMs admins alone are told. */
static bool of_own_vms(const struct principal *p, const struct target *t)
{
        (void)p;
        return !strcmp(t->argument, "own");
}

/* --- the table --------------------------------------------------------------------------------*/

const struct target_kind target_kinds[] = {
        {"disk", COMPONENT_HOST, COVERS_CONTENT, true, of_vm_with_disk, NULL},
        {"luks", COMPONENT_HOST, COVERS_HEADER, false, of_vm_with_disk, NULL},
        {"vm", COMPONENT_VMS, COVERS_VM, false, of_vm_named, facts_of_vm},
        {"hypervisor", COMPONENT_HYPERVISOR, COVERS_NOTHING, false, of_everybody,
         facts_of_hypervisor},
        {"vms", COMPONENT_VMS, COVERS_NOTHING, false, of_own_vms, facts_of_vms},
        {NULL, COMPONENT_HOST, COVERS_NOTHING, true, NULL, NULL},
};
