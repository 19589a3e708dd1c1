/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tpm_client.h without a TPM: a counter, a digest and a sealed store that outlive the process under
 * test (shared memory), so that a test can kill it and look. Each change is a fault point, before
 * and after.
 */
#ifndef BULKHEAD_TESTS_FAULT_FAKE_TPM_H
#define BULKHEAD_TESTS_FAULT_FAKE_TPM_H

#include "lib/message.h"

struct fake_tpm {
        uint64_t counter;
        struct digest known; /* of the table of seals; HASH_NONE: no index, or never written */
        unsigned calls;
        bool gone; /* every call fails with ST_TPM */
        struct tpm_attest_req attested;
};
extern struct fake_tpm *fake_tpm;
extern void (*fake_tpm_while_sealing)(void); /* called within tpm_seal, if set */
void fake_tpm_new(void);                     /* once a program */

#endif
