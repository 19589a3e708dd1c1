/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A RELAX NG grammar from descriptors/, loaded while a process is warming up. Where a document does
 * not fit, a person is told what was expected by the documentation of the grammar's elements.
 */
#ifndef BULKHEAD_XML_GRAMMAR_H
#define BULKHEAD_XML_GRAMMAR_H

#include "lib/status.h"

#include <libxml/tree.h>

struct grammar;

/* Loads dir/file and what that includes from dir. ST_NOT_FOUND if it cannot be read, ST_DAMAGED if
 * it is no grammar. Calls xml_limits_init(). */
enum status grammar_load(const char *dir, const char *file, struct grammar **grammar_out);
void grammar_free(struct grammar *g); /* NULL is fine */

/* ST_DONE if the document fits; else ST_INVALID with line, expected, found and `remedy`. name: what
 * to call the document. */
enum status grammar_check(const struct grammar *g, xmlDoc *doc, const char *name,
                          const char *remedy);

#endif
