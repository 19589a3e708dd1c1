/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appraises evidence without trusting its own parsers: evidence, trust record and descriptor are
 * read only in children without rights. A first child finds the projection that predicates are to
 * judge, and the predicates that the descriptor asks for; then a child for each predicate judges
 * it; a last child, given the answers, makes all checks and reaches the verdict. The caller's
 * process parses none of the input, and takes the verdict from the last child alone.
 *
 * Takes bytes, opens no file, prints nothing, never exits.
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
        bool strict;           /* what is not checked fails */
        /* Gets the predicate that a descriptor names: at most 63 of [A-Za-z0-9._:+-]. It need not
         * be the right one, its digest is compared. May be NULL. A policy that is called NAME or
         * NAME.xsl needs no asking. */
        enum status (*find)(const char *name, struct arena *a, struct bytes *stylesheet_out);
};

/* Once, before the first appraisal: loads the grammars of descriptors from that folder, and warms
 * up libraries, both for all children. */
enum status appraise_init(const char *grammar_dir);

/* ST_DONE with a verdict, also if that is untrusted. Errors say why there is no verdict: the trust
 * record cannot be read, or a child gave no answer; then *out is untrusted. What *out points to
 * lies in the arena. A verdict is never better than its checks. */
enum status appraise(const struct appraise_input *in, struct arena *a, struct appraisal *out);

#endif
