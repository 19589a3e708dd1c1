/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Π(p(T)): a predicate, an XSLT 1.0 stylesheet, judges a projection (OpenTC D05.4, sections 3.2
 * and 3.5.3; docs/policies.md). The answer is <true/>, or <false> with elements
 * <reason path="...">text</reason> in it. Everything else is ST_PREDICATE: a refusal, never an
 * answer.
 *
 * Reads no file, opens no socket. The caller bounds memory (RLIMIT_AS); steps and depth are bounded
 * here. A process judges one predicate at a time.
 */
#ifndef BULKHEAD_POLICY_POLICY_JUDGE_H
#define BULKHEAD_POLICY_POLICY_JUDGE_H

#include "lib/message.h"

/* What a process that judges one predicate may take, wherever it does: what a host accepts shall
 * not be more than a verifier can judge, or the reverse. A projection may have 16 MiB of text
 * (EVIDENCE_MOST), and libxml2's tree of it takes ten to twenty times that. */
enum { POLICY_MEMORY = 512 << 20, POLICY_CPU_SECONDS = 5 };

/* Before sandbox and fork: lets libxml2 and libxslt load and set up what they need. A second call
 * does nothing. */
void policy_warm_up(void);

/* Compiles and judges. *out: the answer, and with <false> the first REASONS_MOST reasons, in the
 * arena. ST_INVALID or ST_TOO_LARGE if the projection, or the XML of the stylesheet, is at fault.
 * On any error *out is a false without reasons. */
enum status policy_judge(struct bytes stylesheet, struct bytes projection, struct arena *a,
                         struct judge_rep *out);

/* The same in two steps, for a caller that judges many projections by one predicate. Compiling
 * refuses a predicate that answers <true/> to an empty projection. */
struct policy;
enum status policy_compile(struct bytes stylesheet, struct policy **policy_out);
enum status policy_apply(const struct policy *p, struct bytes projection, struct arena *a,
                         struct judge_rep *out);
void policy_free(struct policy *p); /* NULL is fine */

#endif
