/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Π(p(T)): a predicate, an XSLT 1.0 stylesheet, judges a projection (OpenTC D05.4, sections 3.2
 * and 3.5.3; docs/policies.md). Its answer is <true/>, or <false> with <reason path="">text
 * </reason> in it. Everything else is ST_PREDICATE: a refusal, never an answer.
 *
 * Reads no file, opens no socket. What it needs of memory is bounded by the caller (RLIMIT_AS);
 * steps and depth are bounded here. One predicate at a time in a process.
 */
#ifndef BULKHEAD_POLICY_POLICY_JUDGE_H
#define BULKHEAD_POLICY_POLICY_JUDGE_H

#include "lib/message.h"

/* Once a process, before sandbox and fork: libxml2 and libxslt load and set up what they need. */
void policy_warm_up(void);

/* The whole of it. *out: the answer, and of a false the first 64 reasons, in the arena. ST_INVALID
 * where the projection is at fault. On any error *out is a false without reasons. */
enum status policy_judge(struct bytes stylesheet, struct bytes projection, struct arena *a,
                         struct judge_rep *out);

/* The same in two steps, for a caller that judges many projections by one predicate. Compiling
 * includes the negative control: a predicate that says true to an empty projection is refused. */
struct policy;
enum status policy_compile(struct bytes stylesheet, struct policy **policy_out);
enum status policy_apply(const struct policy *p, struct bytes projection, struct arena *a,
                         struct judge_rep *out);
void policy_free(struct policy *p); /* NULL is fine */

#endif
