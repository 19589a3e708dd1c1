/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hypervisor:KIND and vms:SCOPE look like as nodes (docs/plugins.md): the one writer, for the
 * plug-ins that measure them and for the current state that compartment-mgr has judged
 * (descriptors/current-state.rng). From facts as JSON to calls of a host.
 */
#ifndef BULKHEAD_PLUGINS_FACTS_FACTS_NODES_H
#define BULKHEAD_PLUGINS_FACTS_FACTS_NODES_H

#include "plugins/facts/facts.h"

/* Of what is written: a plug-in's version. */
enum { FACTS_HYPERVISOR_VERSION = 1, FACTS_VMS_VERSION = 1 };

/* 0, or -1 after host->refuse(), or when the host wants no more. */
int facts_add_hypervisor(const struct facts *f, struct json_object *root);
int facts_add_vms(const struct facts *f, struct json_object *root);

#endif
