/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trust record (docs/evidence.md): what a verifier knows of a host before it looks at evidence.
 * From bytes and to bytes. Enrolment makes a record; the host itself makes one that says it is not
 * enrolled.
 */
#ifndef BULKHEAD_PROOF_TRUST_H
#define BULKHEAD_PROOF_TRUST_H

#include "lib/arena.h"
#include "lib/digest.h"

enum { TRUST_MOST = 16 << 10, TRUST_ENROLLED_MOST = 255 };

struct trust {
        struct digest host;     /* SHA-256 of the EK's TPMT_PUBLIC: the host's identity */
        struct bytes ak_public; /* TPMT_PUBLIC */
        struct bytes ak_name;   /* nameAlg || H(ak_public), checked by trust_read() */
        const char *enrolled;   /* "no", or time (UTC) and method of enrolment; printable ASCII */
        /* As this AK's quotes show them. For a key outside the endorsement and platform hierarchies
         * a TPM adds a constant of its own to both counters (Part 3, TPM2_Quote), so they differ
         * from those of TPM2_ReadClock. They wrap at 2^32. */
        uint32_t reset_count, restart_count;
        uint64_t clock; /* milliseconds */
        uint64_t log_length;
        struct digest log_root; /* HASH_NONE while log_length is 0 */
        enum hash_alg alg;      /* of the quotes, the log and the measurements */
};

/* ST_INVALID or ST_TOO_LARGE for anything but a whole record in its one form. What *out points to
 * lies in the arena. */
enum status trust_read(struct bytes text, struct arena *a, struct trust *out);
/* ST_INVALID if the record could not be read back. */
enum status trust_write(const struct trust *trust, struct buffer *out);
/* Whether `enrolled` says something else than "no". */
bool trust_is_enrolled(const struct trust *trust);

#endif
