/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hypervisor:KIND and vms:SCOPE as nodes (docs/plugins.md): one writer, for the plug-ins that
 * measure them and for the current state that device checks judge (descriptors/current-state.rng).
 * It turns facts in JSON into calls of a host.
 */
#ifndef BULKHEAD_PLUGINS_FACTS_FACTS_NODES_H
#define BULKHEAD_PLUGINS_FACTS_FACTS_NODES_H

#include "plugins/facts/facts.h"

/* The plug-ins' versions, which stand for the form of these nodes. */
enum { FACTS_HYPERVISOR_VERSION = 1, FACTS_VMS_VERSION = 2 };

/* Both return 0, or -1 after host->refuse() or when the host takes no more. */
int facts_add_hypervisor(const struct facts *f, struct json_object *root);
int facts_add_vms(const struct facts *f, struct json_object *root);

#endif
