/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A RELAX NG grammar from descriptors/, loaded while a process is warming up. The documentation
 * that it carries on its elements is what people are told was expected.
 */
#ifndef BULKHEAD_XML_GRAMMAR_H
#define BULKHEAD_XML_GRAMMAR_H

#include "lib/status.h"

#include <libxml/tree.h>

struct grammar;

/* dir/file and what it includes from dir. ST_NOT_FOUND or ST_DAMAGED. After xml_limits_init(). */
enum status grammar_load(const char *dir, const char *file, struct grammar **grammar_out);
void grammar_free(struct grammar *g); /* NULL is fine */

/* ST_DONE if doc is of the grammar; else ST_INVALID with line, expected, found and `remedy`. */
enum status grammar_check(const struct grammar *g, xmlDoc *doc, const char *name,
                          const char *remedy);

#endif
