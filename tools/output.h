/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results on standard output, as text or as JSON, and errors on standard error. As text, whatever
 * came from outside is made printable first.
 */
#ifndef BULKHEAD_TOOLS_OUTPUT_H
#define BULKHEAD_TOOLS_OUTPUT_H

#include "lib/message.h"

#include <json-c/json.h>
#include <stdio.h>

/* --quiet: what was asked for (a list, evidence, JSON) is printed, a report that something was done
 * is not; neither are bars and hints. */
bool output_quiet(void);
void output_be_quiet(void);

/* Prints the error kept for this thread, in the one form that every command uses:
 *
 *   bulkhead: vm start web01: refused: disk:/srv/root.img is not what was sealed
 *     expected  sha256:...
 *     found     sha256:...
 *     remedy    ...
 *
 * format and what follows: what was being done, "vm start web01". Returns the exit status of s. */
int output_error(enum status s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, for a command in which that exit status would mean something else. */
int output_error_as(int exit_status, enum status s, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* The text made printable, as by utf8_printable(). Valid until four calls later. */
const char *output_clean(const char *text);
/* Prints a text of any length line by line, each made printable and ended by a newline. */
void output_lines(struct bytes text);

/* Prints one JSON value with a newline and frees it. Errors show in output_end(). */
void output_json(struct json_object *value);
void output_json_to(FILE *out, struct json_object *value);
/* Adds a member with a text to an object. */
void output_json_text(struct json_object *object, const char *name, const char *text);
/* Prints a VM's state, and why it was last refused, as a line of text (unless output_quiet()) or as
 * JSON. */
void output_vm(const struct vm_summary *vm, bool json);
void output_vm_text(const struct vm_summary *vm); /* also if output_quiet() */
struct json_object *output_json_vm(const struct vm_summary *vm);
struct json_object *output_json_measurement(const struct measurement *m, enum hash_alg alg);

/* Flushes standard output. EXIT_DONE, or EXIT_UNDECIDED after an error message. */
int output_end(void);

#endif
