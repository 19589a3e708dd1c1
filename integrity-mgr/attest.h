/* SPDX-License-Identifier: Apache-2.0 */
/* The story of one attestation (OpenTC D05.4, figure 3.7; docs/evidence.md). */
#ifndef BULKHEAD_INTEGRITY_MGR_ATTEST_H
#define BULKHEAD_INTEGRITY_MGR_ATTEST_H

#include "lib/message.h"

enum { AIK_LEAST = 8 /* bytes of a Name */ };

/* The evidence lies in the arena, and covers exactly what the descriptor asked for. */
enum status attest_make(struct arena *a, const struct im_attest_req *req,
                        struct im_attest_rep *rep_out);

/* The challenge that counts: the request's or the descriptor's; ST_INVALID if there is none, if
 * it is too short or too long, or if there are two that differ. */
enum status attest_challenge(const struct im_attest_req *req, struct bytes *challenge_out);
/* aik: the beginning of an AK's Name, as the descriptor has it, or empty for any AK. ST_INVALID if
 * it is too short, ST_NOT_FOUND if ak_name does not begin so. */
enum status attest_aik(struct bytes aik, struct bytes ak_name);

#endif
