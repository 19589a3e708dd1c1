/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence of kind "host": is this a quote, by that host's TPM, of what was asked for, now? */
#ifndef BULKHEAD_VERIFIER_KINDS_HOST_H
#define BULKHEAD_VERIFIER_KINDS_HOST_H

#include "proof/evidence.h"
#include "verifier/check.h"

/* CHECK(id, what passing it means). After one has failed, all that can still be made are made. */
#define HOST_CHECKS(CHECK)                                                                         \
        CHECK(document, "the document has the shape that its kind demands")                        \
        CHECK(key, "the attestation key cannot leave its TPM nor sign what others made")           \
        CHECK(identity, "it is the attestation key of the trust record")                           \
        CHECK(signature, "that key signed the attested bytes as they are")                         \
        CHECK(quote, "they are a quote made by a TPM, and nothing else")                           \
        CHECK(challenge, "it answers this challenge")                                              \
        CHECK(request, "it answers this descriptor")                                               \
        CHECK(pcrs, "exactly the PCRs asked for were quoted, with these values")                   \
        CHECK(counters, "the TPM's counters and clock did not go back")                            \
        CHECK(leaf, "request and result lie under the quote's qualifying data")                    \
        CHECK(destinations, "the destination PCRs hold these measurements")                        \
        CHECK(log, "the log holds these measurements, and still what was seen before")             \
        CHECK(measurements, "one measurement for each target, in order, none besides")

/* What its checks hand on to each other: work.own. */
struct host {
        struct evidence evidence;
        struct descriptor wanted;
        struct ak *ak; /* NULL: not usable */
        struct quote quote;
        bool quote_read; /* the check "quote" passed */
};

#define CHECK(id, meaning) void host_##id(struct work *w, struct check *c);
HOST_CHECKS(CHECK)
#undef CHECK

/* The PCRs that the descriptor wants quoted, as a mask: attestTarget's and the destination PCRs. */
uint32_t host_pcrs_wanted(const struct descriptor *d);

#endif
