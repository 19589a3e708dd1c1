/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape of a projection (docs/evidence.md, descriptors/projection.rng), checked before a
 * predicate sees it. Stricter than the grammar where XPath could be led astray: no namespace, no
 * comment, no stray text; no target twice, no node twice under one parent, no value name twice
 * in a node. Stricter also in that each may be asked to be exactly what was wanted.
 */
#ifndef BULKHEAD_XML_DOCUMENT_CHECK_H
#define BULKHEAD_XML_DOCUMENT_CHECK_H

#include "lib/status.h"

#include <libxml/tree.h>
#include <stddef.h>

/* targets: the measurements' targets in the order in which they must stand; NULL: any. */
enum status projection_check(xmlDoc *doc, const char *const *targets, size_t targets_count);

#endif
