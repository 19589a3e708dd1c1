/* SPDX-License-Identifier: Apache-2.0 */
/* Owners as people write and read them: by the name of an account of this host, or as a
 * principal. */
#ifndef BULKHEAD_TOOLS_OWNER_H
#define BULKHEAD_TOOLS_OWNER_H

#include "lib/principal.h"

enum { OWNER_TEXT_SIZE = PRINCIPAL_TEXT_SIZE + 40 };

/* Reads the name of an account, or a principal. ST_NOT_FOUND if no account has that name: an owner
 * without an account is written as tls:NAME. */
enum status owner_read(const char *text, struct arena *a, struct principal *owner_out);
/* The name of a local user's account, in the arena; "" for any other principal. */
const char *owner_account(const struct principal *owner, struct arena *a);
/* Writes the principal with the account's name beside it, "uid:1000 (alice)", or "foreign" for a VM
 * that others started. Returns text. */
const char *owner_text(const struct vm_summary *vm, char text[static OWNER_TEXT_SIZE]);

#endif
