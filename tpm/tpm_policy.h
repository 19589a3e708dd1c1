/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy digests of the TPM's enhanced authorization, computed in software [TPM 2.0 part 3, 23],
 * so that a seal can be made for, and an approval given to, a state that does not exist yet
 * (docs/constructions.md, "The policy of a sealed object"). Policies use SHA-256, whatever the PCR
 * bank. PCR values are given in ascending order of PCR, each once.
 */
#ifndef BULKHEAD_TPM_TPM_POLICY_H
#define BULKHEAD_TPM_TPM_POLICY_H

#include "lib/message.h"

#include <tss2/tss2_tpm2_types.h>

struct digest tpm_policy_none(void); /* the digest with which every policy begins */
/* PolicyPCR over these values, all of one bank. */
struct digest tpm_policy_pcr(const struct digest *before, const struct pcr_value *pcrs,
                             size_t count);
/* PolicyAuthorize: the key with this Name has approved whatever came before. */
struct digest tpm_policy_authorize(const TPM2B_NAME *site_key);

/* The policy that an approval approves: PolicyPCR(pcrs), PolicyNV(epoch counter <= epoch). */
struct digest tpm_policy_state(const struct pcr_value *pcrs, size_t count,
                               const TPM2B_NAME *epoch_name, uint64_t epoch);
/* The message that its signature is over: policy digest || policyRef. */
enum { TPM_POLICY_TO_SIGN = 32 + sizeof("bulkhead-site-1") - 1 };
void tpm_policy_to_sign(const struct digest *state, uint8_t out[static TPM_POLICY_TO_SIGN]);

/* The selection of the PCRs in a mask (bits 0..23), the digest over PCR values, and their mask. */
TPML_PCR_SELECTION tpm_policy_selection(enum hash_alg bank, uint32_t mask);
struct digest tpm_policy_pcr_digest(const struct pcr_value *pcrs, size_t count);
uint32_t tpm_policy_mask(const struct pcr_value *pcrs, size_t count);
/* Whether there is at least one, in ascending order, each once, 0..23, all of that bank. */
bool tpm_policy_pcrs_good(const struct pcr_value *pcrs, size_t count, enum hash_alg bank);

#endif
