/* SPDX-License-Identifier: Apache-2.0 */
/* Network interfaces as devices of a VM. vm_device.c comes here; networks.c has the policy. */
#include "compartment-mgr/networks.h"
#include "compartment-mgr/vm_device.h"

static bool get(const struct vm_config *c, size_t n, struct vm_device *d_out)
{
        const struct nic *nic;

        if (n >= c->nics.count)
                return false;
        nic = &c->nics.items[n];
        d_out->name = nic->device;
        d_out->where = nic->bridge;
        d_out->part = nic;
        return true;
}

static void tell(const struct vm_device *d, struct node *node)
{
        const struct nic *nic = d->part;

        vm_device_value(node, "bridge", nic->bridge);
        vm_device_value(node, "mac", nic->mac);
}

static enum status permit(const struct vm_config *c, const struct vm_device *only,
                          const struct principal *owner, struct arena *a)
{
        struct vm_config one = *c;
        struct nic nic;

        if (!only)
                return networks_permit(c, owner, a);
        nic = *(const struct nic *)only->part;
        one.nics.items = &nic;
        one.nics.count = 1;
        return networks_permit(&one, owner, a);
}

const struct vm_device_kind vm_device_nic = {.name = "nic",
                                             .noun = "interface",
                                             .naming = "the first interface vif0",
                                             .get = get,
                                             .tell = tell,
                                             .permit = permit};
