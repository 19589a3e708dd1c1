/* SPDX-License-Identifier: Apache-2.0 */
/* The story of one attestation (OpenTC D05.4, figure 3.7; docs/evidence.md). */
#ifndef BULKHEAD_INTEGRITY_MGR_ATTEST_H
#define BULKHEAD_INTEGRITY_MGR_ATTEST_H

#include "lib/message.h"

enum { AIK_LEAST = 8 };

/* The evidence lies in the arena, and covers exactly what the descriptor asked for. */
enum status attest_make(struct arena *a, const struct im_attest_req *req,
                        struct im_attest_rep *rep_out);

/* The challenge that counts: the request's or the descriptor's; ST_INVALID if there is none, if
 * it is too short or too long, or if there are two that differ. */
enum status attest_challenge(const struct im_attest_req *req, struct bytes *challenge_out);
/* Is this AK the one that the descriptor's aik asks for? */
enum status attest_aik(struct bytes aik, struct bytes ak_name);

#endif
