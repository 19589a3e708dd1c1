/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What attestations may take of what starts and stops need too: processes that measure, and room in
 * the log. All of them together leave most for others, and one principal leaves most of theirs for
 * the other principals. Attestations alone come here. May be used from many threads.
 */
#ifndef BULKHEAD_INTEGRITY_MGR_ATTEST_SHARE_H
#define BULKHEAD_INTEGRITY_MGR_ATTEST_SHARE_H

#include "lib/places.h"

#include <stdint.h>

enum {
        SHARE_MEASURING = 48,         /* targets measured at once, for attestations */
        SHARE_MEASURING_OF_ONE = 16,  /* of these, for one principal */
        SHARE_MEASURING_ADMINS = 8,   /* of these, for admins alone */
        SHARE_WAIT_MS = 120 * 1000,   /* an attestation waits so long for its turn */
        SHARE_LOG_AT_ONCE = 32 << 20, /* bytes that one principal may have logged at once ... */
        SHARE_LOG_AN_HOUR = 16 << 20, /* ... and then an hour. root may have what it likes. */
        SHARE_PRINCIPALS = 256        /* that are remembered; then the one that used least */
};

/* Waits for its turn. targets: how many are to be measured. ST_BUSY names the share. */
enum status attest_share_take(struct place_taker by, size_t targets, int patience_ms);
void attest_share_give(struct place_taker by, size_t targets);

/* Whether that principal may have so many bytes logged now (in ms, monotonic), which are then
 * counted. ST_BUSY says when it may. */
enum status attest_share_log(const struct principal *by, size_t bytes, int64_t now_ms);

#endif
