/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each principal may see and do at the door (docs/protocol.md). The message table says which
 * role may ask which message; this file says which principal has which role, whose VMs a verifier
 * sees, and what a reply may tell. What is not permitted here is denied.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_ACCESS_H
#define BULKHEAD_COMPARTMENT_MGR_ACCESS_H

#include "lib/local_socket.h"

enum { STRANGER = 0x80 }; /* may ask what ANYONE may, and nothing else */

/* Before any request. starter: the daemon's user before it dropped; (gid_t)-1: no such group. */
void access_setup(uid_t starter, gid_t admin_group, gid_t verifier_group);
/* The roles of a local user: root, the starter and the members of the admin group are ADMIN. Never
 * 0. */
unsigned access_roles(const struct local_peer *peer);
/* For the door's listener: a local user with its roles. Only an admin may pass descriptors. */
bool access_admit(int fd, struct caller *caller_out);

/* Root, or the user that started this daemon. */
bool access_is_root(const struct caller *c);
/* May this caller see VMs of that owner? An admin sees all, a verifier its own. */
bool access_sees_vm(const struct caller *c, const struct principal *owner);

/* On the way out: except for admins, takes what was expected out of the thread's error. Returns
 * s. */
enum status access_reply(const struct caller *c, enum status s);

#endif
