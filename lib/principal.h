/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A principal is whoever asks for or owns something: one name for a person, a peer or a component,
 * however a door learnt that name. The door also grants roles, which are no part of a principal.
 * The record is in messages.def; its text is read and written here alone:
 *
 *   uid:1000     a local user; decimal, no leading zero, below 4294967295
 *   tls:NAME     whoever holds a certificate of that name; 1 to 128 of [A-Za-z0-9._:+@-]
 *   vm:UUID      a component, by its UUID in lower case
 *   host:HEX     another host: 16 to 64 bytes in lower-case hex
 *   self         the TCB itself, for what a daemon does unasked, such as autostart
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

/* Reads the text; the name lies in the arena. ST_INVALID, with the grammar, for any other text,
 * "nobody" included. */
enum status principal_read(const char *text, struct arena *a, struct principal *out);
bool principal_is_text(const char *text);
/* Writes the text and returns it: "nobody" for a principal that is not set or not valid. */
const char *principal_write(const struct principal *p, char text[static PRINCIPAL_TEXT_SIZE]);

/* Whether kind and name are in the grammar. PRINCIPAL_NOBODY is not valid. */
bool principal_is_valid(const struct principal *p);
/* ST_PROTOCOL unless it is valid: for a principal that another process named. what: the subject. */
enum status principal_needed(const struct principal *p, const char *what);
/* Whether both are the same valid principal. */
bool principal_is(const struct principal *p, const struct principal *other);

/* Writes the uid into `name`, to which the principal then points. */
struct principal principal_of_uid(uid_t uid, char name[static PRINCIPAL_NAME_SIZE]);
/* False if it is no local user. */
bool principal_uid(const struct principal *p, uid_t *uid_out);
struct principal principal_copy(struct arena *a, const struct principal *p);

#endif
