/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks, and whose something is: one name for a person, a peer or a component, however it was
 * learnt. A door learns its caller's principal and grants roles to it; roles are no part of it.
 * The record is in messages.def; its text is read and written here alone:
 *
 *   uid:1000     a local user; decimal, no leading zero, below 4294967295
 *   tls:NAME     whoever holds a certificate of that name; 1 to 128 of [A-Za-z0-9._:+@-]
 *   vm:UUID      a component, by its UUID in lower case
 *   host:HEX     another host: 16 to 64 bytes in lower-case hex
 *   self         the TCB itself: what a daemon does that nobody asked for, such as autostart
 *
 * Each principal has one text, so that equal principals have equal texts.
 */
#ifndef BULKHEAD_LIB_PRINCIPAL_H
#define BULKHEAD_LIB_PRINCIPAL_H

#include "lib/message.h"

#include <sys/types.h>

enum {
        PRINCIPAL_NAME_SIZE = 128 + 1,
        PRINCIPAL_TEXT_SIZE = 5 + PRINCIPAL_NAME_SIZE,
};

extern const struct principal principal_nobody, principal_self;

/* ST_INVALID with the grammar. The name lies in the arena. "nobody" cannot be read. */
enum status principal_read(const char *text, struct arena *a, struct principal *out);
bool principal_is_text(const char *text);
/* "nobody" for one that is not set or not valid. Returns text. */
const char *principal_write(const struct principal *p, char text[static PRINCIPAL_TEXT_SIZE]);

/* Kind and name as the grammar has them. PRINCIPAL_NOBODY is not valid. */
bool principal_is_valid(const struct principal *p);
/* ST_PROTOCOL unless it is valid: for what another process told. */
enum status principal_needed(const struct principal *p, const char *what);
/* False for two that are not valid, too. */
bool principal_is(const struct principal *p, const struct principal *other);

/* name: what the principal points to. */
struct principal principal_of_uid(uid_t uid, char name[static PRINCIPAL_NAME_SIZE]);
/* False if it is no local user. */
bool principal_uid(const struct principal *p, uid_t *uid_out);
struct principal principal_copy(struct arena *a, const struct principal *p);

#endif
