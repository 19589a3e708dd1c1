/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between verify.c, which runs the checks, and the files that hold them. A check starts failed;
 * what it needs from an earlier one that could not give it stays NULL or false, and it stays
 * failed for that reason.
 */
#ifndef BULKHEAD_VERIFIER_CHECK_H
#define BULKHEAD_VERIFIER_CHECK_H

#include "proof/evidence.h"
#include "verifier/verify.h"

struct verifier {
        struct ak *ak; /* of the last evidence, or NULL */
        struct buffer public_area;
};

/* One verification under way. */
struct work {
        const struct verify_input *in;
        struct arena *arena;
        struct verifier *verifier;
        struct ak *ak; /* NULL: not usable */
        struct evidence evidence;
        struct descriptor wanted;
        struct quote quote;
        bool readable, quote_read, shape_held; /* document, quote, measurements passed */
        struct bytes projection;
        const struct verify_policy *policy; /* the one that check_predicate is to judge */
};

/* Every check of HOST_CHECKS. */
#define CHECK(id, meaning) void check_##id(struct work *w, struct check *c);
HOST_CHECKS(CHECK)
#undef CHECK

/* Texts given are kept as they are: literals, or the arena's. */
void check_passed(struct check *c, const char *detail);
void check_not_applicable(struct check *c, const char *detail);
void check_failed(struct check *c, const char *detail, const char *expected, const char *found);
/* For the reason that FAIL() kept, which is cleared. */
void check_failed_as_told(struct work *w, struct check *c, enum status s);

const char *check_printable(struct work *w, const char *text);
const char *check_hex_of(struct work *w, const uint8_t *bytes, size_t len);
const char *check_hex_of_digest(struct work *w, const struct digest *d);
const char *check_pcr_list(struct work *w, uint32_t pcrs);
bool check_same_bytes(const void *a, size_t a_len, const void *b, size_t b_len);
/* attestTarget's PCRs and the destinations, as a mask. */
uint32_t check_pcrs_wanted(const struct descriptor *d);

#endif
