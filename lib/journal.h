/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the log with fields that can be asked for, as in `journalctl VM=web01`: journald's
 * native protocol (systemd.journal-fields(7)), one datagram a line. */
#ifndef BULKHEAD_LIB_JOURNAL_H
#define BULKHEAD_LIB_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

struct journal_field {
        const char *name; /* capitals and underscores */
        const char *value;
};

extern const char *journal_socket; /* tests take another one */

/* Sends them if standard error is the journal (JOURNAL_STREAM). False if it is not, or if journald
 * did not take them at once: then the caller writes a line of text. Values are made printable, so
 * none of them can forge a field. Any thread; does not wait. */
bool journal_send(const struct journal_field *fields, size_t count);

#endif
