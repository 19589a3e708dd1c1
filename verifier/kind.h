/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kind of evidence, and what its checks are given. A new kind is a file in verifier/kinds/ that
 * defines evidence_kind_NAME, and a line of EVIDENCE_KINDS: nothing else knows kinds by name.
 *
 * A check starts failed; what it needs from an earlier one that could not give it stays NULL or
 * false, and it stays failed for that reason.
 */
#ifndef BULKHEAD_VERIFIER_KIND_H
#define BULKHEAD_VERIFIER_KIND_H

#include "verifier/verify.h"

/* KIND(name): by what a document says in kind="...". */
#define EVIDENCE_KINDS(KIND) KIND(host)

/* One verification under way. */
struct work {
        const struct verify_input *in;
        struct arena *arena;
        struct verifier *verifier;
        void *own;              /* the kind's, see below */
        bool readable;          /* set by the first check: all others are made only then */
        bool shape_held;        /* set by a check: predicates may rely on the projection's shape */
        struct bytes challenge; /* set by the first check: what the evidence answers */
};

struct evidence_check {
        const char *name, *meaning; /* what passing it means */
        void (*check)(struct work *w, struct check *c);
};

struct evidence_kind {
        const char *name;
        /* In the order of the report, which is the order in which what comes later rests on what
         * came before. The predicates come after them, for every kind. */
        const struct evidence_check *checks;
        size_t count;
        size_t own_size; /* of work.own, cleared: what its checks hand on to each other */
        /* What predicates judge, in the arena; 0 bytes if it cannot be written. Only if readable.
         */
        struct bytes (*projection)(struct work *w);
        /* What a trusted verdict teaches: the trust record, brought up to date in place. */
        void (*learn)(const struct work *w, struct trust *trust);
};

/* All of EVIDENCE_KINDS, NULL at the end. */
extern const struct evidence_kind *const evidence_kinds[];
#define KIND(name) extern const struct evidence_kind evidence_kind_##name;
EVIDENCE_KINDS(KIND)
#undef KIND

#endif
