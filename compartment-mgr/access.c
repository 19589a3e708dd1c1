/* SPDX-License-Identifier: Apache-2.0 */
/* Roles and what they may see. Every request of the door passes here; nothing outside memory is
 * touched. */
#include "compartment-mgr/access.h"

static uid_t admin_uid;
static gid_t admin_gid = (gid_t)-1, verifier_gid = (gid_t)-1;

void access_setup(uid_t starter, gid_t admin_group, gid_t verifier_group)
{
        admin_uid = starter;
        admin_gid = admin_group;
        verifier_gid = verifier_group;
}

static bool in_group(const struct principal *p, gid_t group, const gid_t *groups, size_t count)
{
        if (group == (gid_t)-1)
                return false;
        if (p->gid == group)
                return true;
        for (size_t i = 0; i < count; i++)
                if (groups[i] == group)
                        return true;
        return false;
}

unsigned access_roles(const struct principal *p, const gid_t *groups, size_t groups_count)
{
        unsigned roles = STRANGER;

        if (p->uid == 0 || p->uid == admin_uid || in_group(p, admin_gid, groups, groups_count))
                roles |= ADMIN;
        if (in_group(p, verifier_gid, groups, groups_count))
                roles |= VERIFIER;
        return roles;
}

bool access_sees_vm(const struct principal *p, uint32_t owner_uid)
{
        if (p->roles & ADMIN)
                return true;
        return (p->roles & VERIFIER) && owner_uid != NO_UID && owner_uid == p->uid;
}

enum status access_reply(const struct principal *p, enum status s)
{
        const struct error *e = error_last();

        if (s && !(p->roles & ADMIN) && e->expected[0])
                return FAIL(e->status, .subject = e->subject, .found = e->found,
                            .remedy = e->remedy);
        return s;
}
