/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person or a script gets to read: results on standard output, as text or as JSON, errors
 * on standard error. Everything that came from outside is stripped of control characters first.
 */
#ifndef BULKHEAD_TOOLS_OUTPUT_H
#define BULKHEAD_TOOLS_OUTPUT_H

#include "lib/message.h"

#include <argp.h>
#include <json-c/json.h>
#include <stdio.h>

/* A child parser with --json; its input is a bool. */
extern const struct argp output_json_argp;

/* Prints the error kept for this thread, in the one form that every command uses:
 *
 *   bulkhead: vm start web01: refused: disk:/srv/root.img is not what was sealed
 *     expected  sha256:...
 *     found     sha256:...
 *     remedy    ...
 *
 * doing: "vm start web01". Returns the exit status of s. */
int output_error(enum status s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Control characters become '?'. Valid until the fourth next call. */
const char *output_clean(const char *text);
/* Prints a text of any length so cleaned, line by line, each ended by a newline. */
void output_lines(struct bytes text);

/* Prints one JSON value with a newline and frees it; false if standard output cannot take it. */
bool output_json(struct json_object *value);
/* {"name": ...} from a text, freed with its object. */
void output_json_text(struct json_object *object, const char *name, const char *text);
/* One line, or JSON: what a VM is now, and why it was last refused. */
void output_vm(const struct vm_summary *vm, bool json);
struct json_object *output_json_vm(const struct vm_summary *vm);
struct json_object *output_json_measurement(const struct measurement *m, enum hash_alg alg);

/* Flushes standard output: EXIT_DONE, or EXIT_UNDECIDED with a word about it. */
int output_end(void);

#endif
