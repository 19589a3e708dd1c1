/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identifiers of components: one stable name for everything that can be measured, logged,
 * permitted or depended on. A path of names from the host down, as text:
 *
 *   id   = name *( "/" name )            at most 4,095 bytes
 *   name = 1*( plain / "%" HEX HEX )     HEX: 0-9, A-F; plain: A-Z a-z 0-9 . _ : + -
 *
 * Each identifier has one written form: a plain byte is never written as %XX, but for the dots of
 * the names "." and "..", which would mean something to a file system. There is no %00. An
 * identifier stands for one thing as long as that exists, so a number that the hypervisor gives out
 * again (a domid) is never in one.
 *
 *   host   host/hypervisor   host/vms   host/vms/UUID   host/vms/UUID/xvda   host/tcb/plugins/NAME
 */
#ifndef BULKHEAD_LIB_COMPONENT_H
#define BULKHEAD_LIB_COMPONENT_H

#include "lib/arena.h"
#include "lib/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { COMPONENT_MOST = 4095, COMPONENT_VM = sizeof "host/vms/" + 36 };

#define COMPONENT_HOST "host"
#define COMPONENT_HYPERVISOR COMPONENT_HOST "/hypervisor"
#define COMPONENT_VMS COMPONENT_HOST "/vms"
#define COMPONENT_PLUGINS COMPONENT_HOST "/tcb/plugins"

/* ST_INVALID unless the text is an identifier in its written form. */
enum status component_parse(const char *text);

/* The identifier of the component called `name` below `parent` ("" for one at the top), in the
 * arena. name: any bytes but NUL; those that are not plain become %XX. ST_INVALID for an empty
 * name, ST_TOO_LARGE beyond 4,095 bytes. */
enum status component_child(struct arena *a, const char *parent, const char *name,
                            const char **id_out);
/* The identifier of a VM. Returns out. */
struct uuid;
const char *component_vm(const struct uuid *vm, char out[static COMPONENT_VM]);

/* What the component is a part of, in the arena; "" for one at the top. */
const char *component_parent(struct arena *a, const char *id);
/* The last name, as it was given to component_child(), in the arena. */
const char *component_name(struct arena *a, const char *id);
/* An order, as strcmp(): a component stands before its parts, and these before its next sibling. */
int component_compare(const char *a, const char *b);
/* Whether id names that component or a part of it, however far below. */
bool component_is_in(const char *id, const char *component);

#endif
