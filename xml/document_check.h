/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape of a projection (docs/evidence.md, descriptors/projection.rng), checked before a
 * predicate sees it. The check is stricter than the grammar where XPath could be led astray: no
 * namespace, no comment, no stray text; no target twice, no node twice under one parent, no value
 * name twice in a node.
 */
#ifndef BULKHEAD_XML_DOCUMENT_CHECK_H
#define BULKHEAD_XML_DOCUMENT_CHECK_H

#include "lib/status.h"

#include <libxml/tree.h>

/* doc: from xml_read(). ST_INVALID, with the line, if it is no projection. */
enum status projection_check(xmlDoc *doc);

#endif
