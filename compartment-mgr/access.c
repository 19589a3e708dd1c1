/* SPDX-License-Identifier: Apache-2.0 */
/* Grants roles, and says what they may see. Every request of the door passes here; nothing outside
 * memory is touched. */
#include "compartment-mgr/access.h"
#include "lib/principal.h"

static uid_t admin_uid;
static gid_t admin_gid = (gid_t)-1, verifier_gid = (gid_t)-1;

void access_setup(uid_t starter, gid_t admin_group, gid_t verifier_group)
{
        admin_uid = starter;
        admin_gid = admin_group;
        verifier_gid = verifier_group;
}

unsigned access_roles(const struct local_peer *peer)
{
        unsigned roles = STRANGER;

        if (peer->uid == 0 || peer->uid == admin_uid || local_peer_in_group(peer, admin_gid))
                roles |= ADMIN;
        if (local_peer_in_group(peer, verifier_gid))
                roles |= VERIFIER;
        return roles;
}

bool access_admit(int fd, struct caller *caller_out)
{
        struct local_peer peer;

        if (!local_socket_peer(fd, &peer))
                return false;
        local_peer_name(&peer, caller_out);
        caller_out->roles = access_roles(&peer);
        caller_out->may_pass_fds = caller_out->roles & ADMIN;
        return true;
}

bool access_is_root(const struct caller *c)
{
        uid_t uid;

        return principal_uid(&c->principal, &uid) && (uid == 0 || uid == admin_uid);
}

bool access_sees_vm(const struct caller *c, const struct principal *owner)
{
        if (c->roles & ADMIN)
                return true;
        return (c->roles & VERIFIER) && principal_is(&c->principal, owner);
}

enum status access_reply(const struct caller *c, enum status s)
{
        const struct error *e = error_last();

        if (s && !(c->roles & ADMIN) && e->expected[0])
                return FAIL(e->status, .subject = e->subject, .found = e->found,
                            .remedy = e->remedy);
        return s;
}
