/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the kinds of devices that a VM can have. vm_device.c alone reads it. */
#include "compartment-mgr/vm_device.h"

const struct vm_device_kind *const vm_device_kinds[] = {&vm_device_disk, &vm_device_nic, NULL};
