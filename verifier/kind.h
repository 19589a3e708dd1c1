/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kind of evidence, and what its checks are given. A new kind is a file in verifier/kinds/ that
 * defines evidence_kind_NAME, and a line of EVIDENCE_KINDS: nothing else knows kinds by name.
 *
 * A check begins as failed. Where an earlier check could not provide something, that is NULL or
 * false, and a check that needs it stays failed.
 */
#ifndef BULKHEAD_VERIFIER_KIND_H
#define BULKHEAD_VERIFIER_KIND_H

#include "verifier/verify.h"

/* KIND(name): the name that stands in a document's kind="...". */
#define EVIDENCE_KINDS(KIND) KIND(host)

/* One verification under way. */
struct work {
        const struct verify_input *in;
        struct arena *arena;
        struct verifier *verifier;
        void *own;              /* of the kind: see own_size below */
        bool readable;          /* set by the first check; the others are made only if it is */
        bool shape_held;        /* set by a check: predicates may rely on the projection's shape */
        struct bytes challenge; /* set by the first check: the one that the evidence answers */
        struct asked_predicate_list asked; /* set by the first check: the descriptor's own */
};

struct evidence_check {
        const char *name, *meaning; /* meaning: what passing it means */
        void (*check)(struct work *w, struct check *c);
};

struct evidence_kind {
        const char *name;
        /* In the order of the report; a check may rely only on those before it. The predicates come
         * after them, for every kind. */
        const struct evidence_check *checks;
        size_t count;
        size_t own_size; /* bytes of work.own, zeroed: what its checks hand on to each other */
        /* The projection that predicates judge, in the arena; 0 bytes if it cannot be written.
         * Called only if readable. */
        struct bytes (*projection)(struct work *w);
        /* Brings the trust record up to date after a trusted verdict. */
        void (*learn)(const struct work *w, struct trust *trust);
};

/* All of EVIDENCE_KINDS, NULL at the end. */
extern const struct evidence_kind *const evidence_kinds[];
#define KIND(name) extern const struct evidence_kind evidence_kind_##name;
EVIDENCE_KINDS(KIND)
#undef KIND

#endif
