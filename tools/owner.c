/* SPDX-License-Identifier: Apache-2.0 */
/* The only place that looks up accounts of the host, for `vm define` and for whatever prints
 * VMs. */
#include "tools/owner.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>

enum status owner_read(const char *text, struct arena *a, struct principal *owner_out)
{
        char name[PRINCIPAL_NAME_SIZE];
        const struct passwd *user;
        struct principal p;

        if (strchr(text, ':') || !strcmp(text, "self"))
                return principal_read(text, a, owner_out);
        user = getpwnam(text);
        if (!user)
                return FAIL(ST_NOT_FOUND, .subject = FMT("owner %.100s", text),
                            .expected = "the name of an account of this host, or a principal",
                            .found = "no such account",
                            .remedy = FMT("for an owner without an account here: --owner tls:%.63s",
                                          text));
        p = principal_of_uid(user->pw_uid, name);
        *owner_out = principal_copy(a, &p);
        return ST_DONE;
}

static const struct passwd *account_of(const struct principal *owner)
{
        uid_t uid;

        return principal_uid(owner, &uid) ? getpwuid(uid) : NULL;
}

const char *owner_account(const struct principal *owner, struct arena *a)
{
        const struct passwd *user = account_of(owner);

        return user ? arena_text(a, user->pw_name) : "";
}

const char *owner_text(const struct vm_summary *vm, char text[static OWNER_TEXT_SIZE])
{
        const struct passwd *user = account_of(&vm->owner);
        char principal[PRINCIPAL_TEXT_SIZE];

        if (vm->foreign)
                return strcpy(text, "foreign");
        if (vm->owner.kind == PRINCIPAL_NOBODY)
                return strcpy(text, "-");
        principal_write(&vm->owner, principal);
        if (user)
                snprintf(text, OWNER_TEXT_SIZE, "%s (%.32s)", principal, user->pw_name);
        else
                strcpy(text, principal);
        return text;
}
