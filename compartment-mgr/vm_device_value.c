/* SPDX-License-Identifier: Apache-2.0 */
/* What the kinds of devices and those who go through them share. */
#include "compartment-mgr/vm_device.h"

void vm_device_value(struct node *node, const char *name, const char *text)
{
        node->values.items[node->values.count++] = (struct value){name, text};
}
