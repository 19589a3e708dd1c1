/* SPDX-License-Identifier: Apache-2.0 */
/* How a check, of any kind of evidence, says how it ended. Texts are not copied: they are literals,
 * or lie in the arena. */
#ifndef BULKHEAD_VERIFIER_CHECK_H
#define BULKHEAD_VERIFIER_CHECK_H

#include "verifier/kind.h"

void check_passed(struct check *c, const char *detail);
void check_not_applicable(struct check *c, const char *detail);
/* Not made, since whoever verifies gave nothing to compare with; failed if that is not allowed
 * (verify_input.strict). option: what they should have given. */
void check_not_made(const struct work *w, struct check *c, const char *detail, const char *option);
void check_failed(struct check *c, const char *detail, const char *expected, const char *found);
/* Failed with status s, for the reason that FAIL() kept; clears that error. */
void check_failed_as_told(struct work *w, struct check *c, enum status s);

/* Texts in the arena: one made printable as by utf8_printable(), hex, and PCRs as "0,2,4" or
 * "none". */
const char *check_printable(struct work *w, const char *text);
const char *check_hex_of(struct work *w, const uint8_t *bytes, size_t len);
const char *check_hex_of_digest(struct work *w, const struct digest *d);
const char *check_pcr_list(struct work *w, uint32_t pcrs);
bool check_same_bytes(const void *a, size_t a_len, const void *b, size_t b_len);

/* The attestation key with that TPMT_PUBLIC, ready for use. It is the verifier's, which keeps the
 * last one: to parse a key costs as much as to check a signature. */
struct ak;
enum status check_key_of(struct work *w, struct bytes public_area, struct ak **ak_out);

#endif
