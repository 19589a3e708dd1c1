/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of XSLT 1.0 that a predicate may use; docs/policies.md says the same for people.
 */
#ifndef BULKHEAD_POLICY_POLICY_RULES_H
#define BULKHEAD_POLICY_POLICY_RULES_H

#include "lib/status.h"

#include <libxml/tree.h>

#define XSLT_NAMESPACE_NAME "http://www.w3.org/1999/XSL/Transform"

/* stylesheet: from xml_read(). ST_PREDICATE, with the line, if it breaks a rule. */
enum status policy_rules_check(xmlDoc *stylesheet);

#endif
