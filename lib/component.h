/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identifiers of components: one stable name for everything that can be measured, logged,
 * permitted or depended on. A path of names from the host down, as text:
 *
 *   id   = name *( "/" name )            at most 4,095 bytes
 *   name = 1*( plain / "%" HEX HEX )     HEX: 0-9, A-F; plain: A-Z a-z 0-9 . _ : + -
 *
 * Each has one written form: a plain byte is never written as %XX, but for the dots of the names
 * "." and "..", which otherwise would mean something to a file system; %00 is none. What a name
 * stands for never changes while it is there, and a number that the hypervisor gives out again (a
 * domid) is never in it.
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

/* The component of that name below parent, in the arena; parent "": at the top. name: any bytes but
 * NUL, which are written as %XX where they are not plain. ST_INVALID for an empty name,
 * ST_TOO_LARGE beyond 4,095 bytes. */
enum status component_child(struct arena *a, const char *parent, const char *name,
                            const char **id_out);
/* That of a VM. */
struct uuid;
const char *component_vm(const struct uuid *vm, char out[static COMPONENT_VM]);

/* Of identifiers: what it is a part of, "" for one at the top; and its last name as it was given to
 * component_child(). Both in the arena. */
const char *component_parent(struct arena *a, const char *id);
const char *component_name(struct arena *a, const char *id);
/* As memcmp(): a component stands before its parts, and its parts before its next sibling. */
int component_compare(const char *a, const char *b);
/* Whether id is that component or a part of it, however far below. */
bool component_is_in(const char *id, const char *component);

#endif
