/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy digests in software, as a TPM computes them in a policy session. Pure functions; sealing,
 * approving and explaining refusals need them.
 */
#include "tpm/tpm_policy.h"

#include "tpm/keys.h"

#include <assert.h>
#include <string.h>
#include <tss2/tss2_mu.h>

static struct digest hash_parts(const struct digest *before, uint32_t command, struct bytes one,
                                struct bytes two)
{
        struct hash *h = hash_begin(HASH_SHA256);

        hash_add(h, before->bytes, hash_size(before->alg));
        if (command)
                hash_u32(h, command);
        hash_add(h, one.data, one.len);
        hash_add(h, two.data, two.len);
        return hash_end(h);
}

struct digest tpm_policy_none(void)
{
        return (struct digest){.alg = HASH_SHA256};
}

TPML_PCR_SELECTION tpm_policy_selection(enum hash_alg bank, uint32_t mask)
{
        return (TPML_PCR_SELECTION){
                .count = 1,
                .pcrSelections[0] = {
                        .hash = bank,
                        .sizeofSelect = 3,
                        .pcrSelect = {mask & 0xff, mask >> 8 & 0xff, mask >> 16 & 0xff}}};
}

struct digest tpm_policy_pcr_digest(const struct pcr_value *pcrs, size_t count)
{
        struct hash *h = hash_begin(HASH_SHA256);

        for (size_t i = 0; i < count; i++)
                hash_add(h, pcrs[i].value.bytes, hash_size(pcrs[i].value.alg));
        return hash_end(h);
}

uint32_t tpm_policy_mask(const struct pcr_value *pcrs, size_t count)
{
        uint32_t mask = 0;

        for (size_t i = 0; i < count; i++)
                mask |= 1u << (pcrs[i].pcr & 31);
        return mask;
}

bool tpm_policy_pcrs_good(const struct pcr_value *pcrs, size_t count, enum hash_alg bank)
{
        for (size_t i = 0; i < count; i++)
                if (pcrs[i].pcr > 23 || pcrs[i].value.alg != bank ||
                    (i && pcrs[i].pcr <= pcrs[i - 1].pcr))
                        return false;
        return count > 0;
}

struct digest tpm_policy_pcr(const struct digest *before, const struct pcr_value *pcrs,
                             size_t count)
{
        uint8_t area[sizeof(TPML_PCR_SELECTION)];
        TPML_PCR_SELECTION selection;
        struct digest values = tpm_policy_pcr_digest(pcrs, count);
        size_t len = 0;
        TSS2_RC r;

        assert(count);
        selection = tpm_policy_selection(pcrs[0].value.alg, tpm_policy_mask(pcrs, count));
        r = Tss2_MU_TPML_PCR_SELECTION_Marshal(&selection, area, sizeof(area), &len);
        assert(!r);
        (void)r;
        return hash_parts(before, TPM2_CC_PolicyPCR, (struct bytes){area, len},
                          (struct bytes){values.bytes, hash_size(values.alg)});
}

/* PolicyNV: the counter with this Name is at most `most`. */
static struct digest policy_counter(const struct digest *before, const TPM2B_NAME *name,
                                    uint64_t most)
{
        struct hash *h = hash_begin(HASH_SHA256);
        uint8_t offset_and_operation[4] = {0, 0, 0, TPM2_EO_UNSIGNED_LE};
        struct digest arguments;

        hash_u32(h, most >> 32);
        hash_u32(h, most & 0xffffffff);
        hash_add(h, offset_and_operation, sizeof(offset_and_operation));
        arguments = hash_end(h);
        return hash_parts(before, TPM2_CC_PolicyNV,
                          (struct bytes){arguments.bytes, hash_size(arguments.alg)},
                          (struct bytes){name->name, name->size});
}

struct digest tpm_policy_authorize(const TPM2B_NAME *site_key)
{
        struct digest none = tpm_policy_none();
        struct digest key =
                hash_parts(&none, TPM2_CC_PolicyAuthorize,
                           (struct bytes){site_key->name, site_key->size}, (struct bytes){NULL, 0});

        return hash_parts(&key, 0,
                          (struct bytes){(const uint8_t *)KEYS_POLICY_REF, strlen(KEYS_POLICY_REF)},
                          (struct bytes){NULL, 0});
}

struct digest tpm_policy_state(const struct pcr_value *pcrs, size_t count,
                               const TPM2B_NAME *epoch_name, uint64_t epoch)
{
        struct digest none = tpm_policy_none();
        struct digest with_pcrs = tpm_policy_pcr(&none, pcrs, count);

        return policy_counter(&with_pcrs, epoch_name, epoch);
}

void tpm_policy_to_sign(const struct digest *state, uint8_t out[static TPM_POLICY_TO_SIGN])
{
        _Static_assert(TPM_POLICY_TO_SIGN == 32 + sizeof(KEYS_POLICY_REF) - 1, "one policyRef");
        memcpy(out, state->bytes, 32);
        memcpy(out + 32, KEYS_POLICY_REF, strlen(KEYS_POLICY_REF));
}
