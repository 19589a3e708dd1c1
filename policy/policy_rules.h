/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of XSLT 1.0 a predicate may use. docs/policies.md is the same for people.
 */
#ifndef BULKHEAD_POLICY_POLICY_RULES_H
#define BULKHEAD_POLICY_POLICY_RULES_H

#include "lib/status.h"

#include <libxml/tree.h>

#define XSLT_NAMESPACE_NAME "http://www.w3.org/1999/XSL/Transform"

/* ST_DONE, or ST_PREDICATE with the line. */
enum status policy_rules_check(xmlDoc *stylesheet);

#endif
