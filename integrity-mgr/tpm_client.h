/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way to the TPM: a job of tpm_worker that lives on, and is begun anew when it died. One
 * request is under way at a time, and each leaves the destination PCRs reset: to hold the worker is
 * to hold the lease on PCR 16 and 23. The lease goes to the first rank that waits. May be called
 * from many threads.
 *
 * When nothing was asked for two seconds, what is loaded in the TPM is flushed: it is there for
 * others, too. Where the device has no resource manager, the job ends, and with it the hold on the
 * device.
 */
#ifndef BULKHEAD_INTEGRITY_MGR_TPM_CLIENT_H
#define BULKHEAD_INTEGRITY_MGR_TPM_CLIENT_H

#include "lib/message.h"

struct worker;

/* Begins a thread. So a thread calls it that does not give way, and that is in the sandbox. */
void tpm_client_start(struct worker *tpm_worker);
/* What every job is to begin with from now on (copied). */
void tpm_client_use(const struct tpm_use_req *use);
/* FIRST: what a start, a seal or an approval waits for; SECOND: attestations; LAST: what is told to
 * anybody who asks. */
enum tpm_rank { TPM_FIRST, TPM_SECOND, TPM_LAST, TPM_RANKS };
/* Sends a TPM_MSG, as job_call() does, in the rank of its kind. ST_BUSY if other requests held the
 * TPM for two minutes, or until the deadline; ST_CANCELLED (lib/interrupt.h) while it waits for its
 * turn. */
enum status tpm_client_call(struct call call, struct arena *a);
enum status tpm_client_call_until(enum tpm_rank rank, int64_t deadline, struct call call,
                                  struct arena *a);
/* Waits, before the lease is taken, until a pipe has all of a passphrase, which stays in it: that
 * it was closed by whoever wrote. One deadline of ten seconds. -1 is fine. */
enum status tpm_client_passphrase(int fd);
/* Ends the job: its sessions and objects are flushed. */
void tpm_client_stop(void);

#endif
