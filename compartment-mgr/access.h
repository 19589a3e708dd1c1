/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may see and do what at the door (docs/protocol.md). The message table says
 * which role may ask which message; this file says who has which role, whose VMs a verifier sees,
 * and what a reply may tell. Denying is the default.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_ACCESS_H
#define BULKHEAD_COMPARTMENT_MGR_ACCESS_H

#include "lib/server.h"

#define NO_UID 0xffffffffu /* an owner who is no local user */

enum { STRANGER = 0x80 }; /* may ask what ANYONE may, and nothing else */

/* Before any request. starter: the daemon's user before it dropped; (gid_t)-1: no such group. */
void access_setup(uid_t starter, gid_t admin_group, gid_t verifier_group);
/* uid 0 and the starter are ADMIN, as are the members of the admin group. Never 0. */
unsigned access_roles(const struct principal *p, const gid_t *groups, size_t groups_count);

bool access_sees_vm(const struct principal *p, uint32_t owner_uid);

/* On the way out: what was expected is taken out of the kept error for everybody but admins. */
enum status access_reply(const struct principal *p, enum status s);

#endif
