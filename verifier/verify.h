/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier: evidence in, checks out. A library that opens no file, starts no process, never
 * exits, and asks only the judge that it is given. The kind of the evidence decides which checks
 * there are (verifier/kinds/); then each predicate that the descriptor asks for, and each policy of
 * whoever verifies, is judged. A verdict begins as untrusted, and is trusted only after all those
 * checks were made and none failed.
 */
#ifndef BULKHEAD_VERIFIER_VERIFY_H
#define BULKHEAD_VERIFIER_VERIFY_H

#include "lib/message.h"
#include "proof/trust.h"

#include <stdbool.h>

/* The detail of a failed check that was not made, because the evidence cannot be read. */
#define CHECK_NOT_EVALUATED "not evaluated"

/*
 * struct check (messages.def): result is one of check_result, and no text is NULL.
 *
 *   name      "signature"; of a predicate "predicate NAME"
 *   meaning   what passing it means
 *   detail    for a person, perhaps ""; may say what a pass or a "not checked" leaves open
 *   expected, found, remedy   of a failed check, perhaps ""
 *
 * All texts are printable and cut to what a message can carry. They may quote the evidence, so they
 * are not safe as markup.
 */

struct verify_policy {
        const char *name;
        struct bytes stylesheet;
};

/* Judges a projection; context is judge_context below. The answer counts only with ST_DONE. */
typedef enum status verify_judge(void *context, struct bytes stylesheet, struct bytes projection,
                                 struct arena *a, struct judge_rep *out);

struct verify_input {
        struct bytes evidence;
        const struct trust *trust; /* NULL: "identity" fails, since anyone can make a key */
        /* NULL: "challenge" is not made, and its detail says that this may be a replay. */
        const struct bytes *challenge;
        /* The descriptor that was sent, in any form. NULL: "request" is not made, and its detail
         * says that what was asked for is the evidence's own word. */
        const struct bytes *request;
        const struct verify_policy *policies;
        size_t policies_count;
        /* What the descriptor can name as a predicate. Of several of one name the one with the
         * digest that the descriptor gives counts. */
        const struct verify_policy *library;
        size_t library_count;
        bool strict;         /* a check that is not made fails */
        verify_judge *judge; /* NULL: every predicate fails */
        void *judge_context;
};

struct verdict {
        bool trusted;
        const char *kind; /* NULL if the document did not say */
        /* The kind's checks, then one predicate check for each predicate of the descriptor and for
         * each policy, or a single one if there is none of either. For a document of no known kind:
         * one check, which failed. */
        struct check *checks;
        size_t checks_count;
        struct bytes challenge;  /* that of the evidence; 0 bytes if that is not readable */
        struct bytes projection; /* what predicates saw; 0 bytes if that is not readable */
        struct asked_predicate_list asked; /* the descriptor's predicates, if readable */
        struct trust seen;                 /* for trust_updated(); only if trusted */
};

/* Keeps the last attestation key, ready for use, from one verification to the next. For one thread
 * at a time. */
struct verifier;
struct evidence_kind;
struct verifier *verifier_new(void); /* calls xml_limits_init() */
/* One that knows these kinds (verifier/kind.h), NULL at the end, and no others. */
struct verifier *verifier_new_of(const struct evidence_kind *const *kinds);
void verifier_free(struct verifier *v); /* NULL is fine */

/* What *out points to lies in the arena or in the input. */
void verify(struct verifier *v, const struct verify_input *in, struct arena *a,
            struct verdict *out);

/* The record, brought up to date by a verdict that was reached with it. ST_UNTRUSTED, and *out is
 * the old record, if the verdict is not trusted. *out points to what the old record points to. */
enum status trust_updated(const struct trust *trust, const struct verdict *verdict,
                          struct trust *out);

#endif
