/* SPDX-License-Identifier: Apache-2.0 */
/* Owners as people write and read them: accounts of this host have names, principals have none. */
#ifndef BULKHEAD_TOOLS_OWNER_H
#define BULKHEAD_TOOLS_OWNER_H

#include "lib/principal.h"

enum { OWNER_TEXT_SIZE = PRINCIPAL_TEXT_SIZE + 40 };

/* The name of an account here, or a principal. ST_NOT_FOUND for a name that no account has: an
 * owner who has no account is named as tls:NAME. */
enum status owner_read(const char *text, struct arena *a, struct principal *owner_out);
/* The account of a local user, "" if it has none. In the arena. */
const char *owner_account(const struct principal *owner, struct arena *a);
/* The principal, and the account's name beside it: "uid:1000 (alice)"; "foreign" of a VM that
 * others started. Returns text. */
const char *owner_text(const struct vm_summary *vm, char text[static OWNER_TEXT_SIZE]);

#endif
