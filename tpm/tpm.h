/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Bulkhead asks of a TPM 2.0: one function for each TPM_MSG of include/bulkhead/messages.def,
 * whose comments are the contract. docs/constructions.md says what is hashed and sealed.
 *
 * Each function takes the message's request and fills in its reply; what the reply points to lies
 * in the arena. Descriptors in a request stay the caller's. On failure the reply is not to be used,
 * and no object, policy session or extended destination PCR is left behind. A function may be
 * called again after any failure: a connection, a session or a loaded key that is gone is made
 * anew.
 *
 * Errors of all of them: ST_TPM with what the TPM said; ST_TPM_LOCKED in dictionary-attack lockout;
 * ST_TPM_REPLACED if the SRK is another one; ST_NOT_SET_UP before tpm_use(); ST_NOT_APPROVED if no
 * approval fits the present static PCRs and epoch; ST_INVALID for arguments out of bounds.
 */
#ifndef BULKHEAD_TPM_TPM_H
#define BULKHEAD_TPM_TPM_H

#include "lib/message.h"

struct tpm;

enum { TPM_PATIENCE = 90 * 1000 }; /* ms for a response: a slow TPM may make a key for a minute */

/* conf: as for Tss2_TctiLdr_Initialize(), "device:/dev/tpmrm0" or "swtpm:path=SOCKET"; "" lets the
 * loader find one. Does not connect: the functions below do so when they need to. */
struct tpm *tpm_new(const char *conf);
void tpm_free(struct tpm *t); /* flushes and wipes; NULL is fine */

enum status tpm_status(struct tpm *t, struct arena *a, struct tpm_status_rep *rep_out);
/* May be run again after it was interrupted anywhere: it takes over what is ours in the TPM and
 * makes all blobs anew. Afterwards the new keys are in use, with no approval. */
enum status tpm_setup(struct tpm *t, struct arena *a, const struct tpm_setup_req *req,
                      struct tpm_setup_rep *rep_out);
/* From now on the TPM is used with these keys and approvals, which are copied. Connects, and
 * compares the SRK's Name. */
enum status tpm_use(struct tpm *t, const struct tpm_use_req *req);
enum status tpm_static(struct tpm *t, struct arena *a, struct tpm_static_rep *rep_out);
enum status tpm_approval(struct tpm *t, struct arena *a, const struct tpm_approval_req *req,
                         struct tpm_approval_rep *rep_out);
/* The new approval is in use from now on. A wrong passphrase is ST_DENIED and counts towards the
 * TPM's lockout; a signature that does not verify is ST_REFUSED. */
enum status tpm_approve(struct tpm *t, struct arena *a, const struct tpm_approve_req *req,
                        struct tpm_approve_rep *rep_out);
/* Increments the epoch counter, which ends all approvals up to the epoch before; ST_WRONG_STATE if
 * it is neither at req->epoch nor one further. */
enum status tpm_retire(struct tpm *t, const struct tpm_retire_req *req,
                       struct tpm_retire_rep *rep_out);
/* Quotes the PCRs in the mask and the destination PCRs in extends, which can only be 16 and 23.
 * ST_BUSY if a quoted PCR is extended by others all the time. */
enum status tpm_attest(struct tpm *t, struct arena *a, const struct tpm_attest_req *req,
                       struct tpm_attest_rep *rep_out);
enum status tpm_seal(struct tpm *t, struct arena *a, const struct tpm_seal_req *req,
                     struct tpm_seal_rep *rep_out);
/* ST_CHANGED if the blob was sealed to another binding or under another site key. */
enum status tpm_unseal(struct tpm *t, const struct tpm_unseal_req *req);
enum status tpm_reseal(struct tpm *t, struct arena *a, const struct tpm_reseal_req *req,
                       struct tpm_reseal_rep *rep_out);
enum status tpm_table_mac(struct tpm *t, const struct tpm_table_mac_req *req,
                          struct tpm_table_mac_rep *rep_out);
/* Before tpm_use(), too. */
enum status tpm_table_there(struct tpm *t, struct tpm_table_there_rep *rep_out);
enum status tpm_table_known(struct tpm *t, struct tpm_table_known_rep *rep_out);
enum status tpm_table_commit(struct tpm *t, const struct tpm_table_commit_req *req);
/* clean: nothing of an earlier process is left in the TPM, so nothing is flushed before the first
 * request. */
void tpm_begin(struct tpm *t, bool clean);
/* Flushes the session and the AK, which the next request that needs them makes anew. */
void tpm_rest(struct tpm *t);
enum status tpm_clock(struct tpm *t, struct tpm_clock_rep *rep_out);

#endif
