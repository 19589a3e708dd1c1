/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks that a sealing descriptor asks for before a device is opened (OpenTC D05.4, section
 * 3.4): integrity-mgr has the predicates of the VM's present seal judged over the current state, as
 * it is at that moment. The stories of start, seal and attach come here.
 *
 * The current state is a projection (docs/policies.md, descriptors/current-state.rng): the
 * hypervisor and all VMs as the plug-ins of these names tell them, and the device in question.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_DEVICE_CHECK_H
#define BULKHEAD_COMPARTMENT_MGR_DEVICE_CHECK_H

#include "compartment-mgr/operation.h"
#include "compartment-mgr/vm_device.h"

/* All of these need o->sealed and o->config. ST_PREDICATE names the device, the predicate and its
 * reasons; any other error is a refusal, too. Nothing is asked where the seal has no such check. */
enum status device_check_mapped(struct operation *o); /* those that svdm opens: before it does */
enum status device_check_others(struct operation *o);
enum status device_check_all(struct operation *o);
enum status device_check_one(struct operation *o, const struct vm_device *d);

/* Has the checks of a descriptor that the VM is to be sealed with judged once over the present
 * state: one that does not hold now would refuse the next start. ST_PREDICATE as above. */
enum status device_check_try(struct operation *o, const struct descriptor *d);
/* ST_INVALID if a descriptor has a check for a device that the configuration does not have. */
enum status device_check_named(const struct descriptor *d, const struct vm_config *config,
                               struct arena *a);

#endif
