/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier: evidence in, checks out. A library that opens no file, starts nothing, never
 * exits, and asks nobody but the judge it is given. Which checks there are is the evidence's kind's
 * matter (verifier/kinds/). A verdict begins untrusted, and is trusted only after every check of
 * that kind was made and none failed.
 */
#ifndef BULKHEAD_VERIFIER_VERIFY_H
#define BULKHEAD_VERIFIER_VERIFY_H

#include "lib/message.h"
#include "proof/trust.h"

#include <stdbool.h>


/* The detail of a failed check that was not come to: evidence that cannot be read. */
#define CHECK_NOT_EVALUATED "not evaluated"

/*
 * struct check (messages.def): result is one of check_result, and no text is NULL.
 *
 *   name      "signature"; of a predicate "predicate NAME"
 *   meaning   what passing it means
 *   detail    what to tell in any case, perhaps ""; may say what a pass or a "not applicable"
 *             leaves open
 *   expected, found   of a failed check, perhaps ""
 *
 * All are free of control characters, and cut to what a message can carry, but may hold what the
 * evidence says: not markup.
 */

struct verify_policy {
        const char *name;
        struct bytes stylesheet;
};

/* Judges a projection; context is verify_input's. The answer counts only with ST_DONE. */
typedef enum status verify_judge(void *context, struct bytes stylesheet, struct bytes projection,
                                 struct arena *a, struct judge_rep *out);

struct verify_input {
        struct bytes evidence;
        const struct trust *trust; /* NULL: "identity" fails, since anybody can make a key */
        /* NULL: "challenge" is not applicable, and its detail says that this may be a replay. */
        const struct bytes *challenge;
        /* The descriptor that was sent, in any form. NULL: "request" is not applicable, and its
         * detail says that what was asked for is the evidence's own word. */
        const struct bytes *request;
        const struct verify_policy *policies;
        size_t policies_count;
        verify_judge *judge; /* NULL: every policy fails */
        void *judge_context;
};

struct verdict {
        bool trusted;
        const char *kind; /* NULL if the document did not say */
        /* Those of the kind, then a predicate check for each policy, one if there is none; of a
         * document of no known kind a single one, which failed. */
        struct check *checks;
        size_t checks_count;
        struct bytes challenge;  /* that the evidence carries; 0 bytes if it was not readable */
        struct bytes projection; /* what predicates saw; 0 bytes likewise */
        struct trust seen;       /* what trust_updated() takes; only if trusted */
};

/* Keeps what is worth keeping from one verification to the next: the last key, ready for use.
 * One thread at a time. */
struct verifier;
struct evidence_kind;
struct verifier *verifier_new(void); /* calls xml_limits_init() */
/* One that knows these kinds (verifier/kind.h), NULL at the end, and no others. */
struct verifier *verifier_new_of(const struct evidence_kind *const *kinds);
void verifier_free(struct verifier *v); /* NULL is fine */

/* What *out points to lies in the arena or in the input. */
void verify(struct verifier *v, const struct verify_input *in, struct arena *a,
            struct verdict *out);

/* The record brought up to date with a verdict that was reached with it; ST_UNTRUSTED, and *out
 * the old record, for any verdict but trusted. Pointers are the old record's. */
enum status trust_updated(const struct trust *trust, const struct verdict *verdict,
                          struct trust *out);

#endif
