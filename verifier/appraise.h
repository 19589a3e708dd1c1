/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appraises evidence without trusting what reads it: evidence, trust record and descriptor are read
 * in a process without rights, and each predicate is judged in one of its own, between two such
 * processes. The first tells what predicates are to judge; the second, given their answers, makes
 * all checks and reaches the verdict. The caller's process parses nothing of it and believes only
 * the second.
 *
 * Takes bytes, opens no file, prints nothing, never exits. Forks: each call has children of its
 * own.
 */
#ifndef BULKHEAD_VERIFIER_APPRAISE_H
#define BULKHEAD_VERIFIER_APPRAISE_H

#include "verifier/verify.h"

enum { APPRAISE_POLICIES_MOST = 16 };

struct appraise_input {
        struct bytes evidence;
        struct bytes trust;      /* a trust record's text; 0 bytes: none */
        struct bytes challenge;  /* 0 bytes: none was given */
        struct bytes descriptor; /* data is NULL: none was given */
        const struct verify_policy *policies;
        size_t policies_count; /* at most APPRAISE_POLICIES_MOST */
};

/* Once, before the first: reads the grammars of descriptors in that folder, which every child then
 * has, and gets libraries warm. */
enum status appraise_init(const char *grammar_dir);

/* ST_DONE with a verdict, or why none was reached: the trust record is none, or a child gave no
 * answer. *out begins untrusted; what it points to lies in the arena. A verdict is never better
 * than its checks. */
enum status appraise(const struct appraise_input *in, struct arena *a, struct appraisal *out);

#endif
