/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way to the TPM: a job of tpm_worker that lives on, and is begun anew when it died. One
 * request is under way at a time, and each leaves the destination PCRs reset: to hold the worker is
 * to hold the lease on PCR 16 and 23. May be called from many threads.
 */
#ifndef BULKHEAD_INTEGRITY_MGR_TPM_CLIENT_H
#define BULKHEAD_INTEGRITY_MGR_TPM_CLIENT_H

#include "lib/message.h"

struct worker;

void tpm_client_start(struct worker *tpm_worker);
/* What every job is to begin with from now on (copied). */
void tpm_client_use(const struct tpm_use_req *use);
/* Sends a TPM_MSG, as job_call() does. ST_BUSY if other requests held the TPM for two minutes. */
enum status tpm_client_call(struct call call, struct arena *a);
/* Ends the job: its sessions and objects are flushed. */
void tpm_client_stop(void);

#endif
