/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry of what Bulkhead has in a TPM: templates, and Names, which are computed here and not
 * taken from the wire. The other files of tpm/ come here; nothing here talks to a TPM.
 */
#include "tpm/keys.h"

#include <string.h>
#include <tss2/tss2_mu.h>

enum {
        FIXED = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT,
        MADE_BY_TPM = FIXED | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH,
        STORAGE = MADE_BY_TPM | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT
};

#define AES_128_CFB                                                                                \
        {                                                                                          \
                .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB            \
        }
#define ECDSA_SHA256                                                                               \
        {                                                                                          \
                .scheme = TPM2_ALG_ECDSA, .details.ecdsa.hashAlg = TPM2_ALG_SHA256                 \
        }

/* PolicySecret(endorsement), the authPolicy of templates L-1 and L-2. */
static const uint8_t EK_POLICY[32] = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8,
                                      0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
                                      0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64,
                                      0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};

static TPM2B_PUBLIC ecc_key(TPMA_OBJECT attributes)
{
        return (TPM2B_PUBLIC){.publicArea = {.type = TPM2_ALG_ECC,
                                             .nameAlg = TPM2_ALG_SHA256,
                                             .objectAttributes = attributes,
                                             .parameters.eccDetail = {
                                                     .symmetric.algorithm = TPM2_ALG_NULL,
                                                     .scheme.scheme = TPM2_ALG_NULL,
                                                     .curveID = TPM2_ECC_NIST_P256,
                                                     .kdf.scheme = TPM2_ALG_NULL,
                                             }}};
}

TPM2B_PUBLIC keys_srk(void)
{
        TPM2B_PUBLIC key = ecc_key(STORAGE | TPMA_OBJECT_NODA);
        TPMS_ECC_PARMS *ecc = &key.publicArea.parameters.eccDetail;

        ecc->symmetric = (TPMT_SYM_DEF_OBJECT)AES_128_CFB;
        key.publicArea.unique.ecc.x.size = 32;
        key.publicArea.unique.ecc.y.size = 32;
        return key;
}

TPM2B_PUBLIC keys_ak(void)
{
        /* noDA: the AK's authValue is random, and a TPM in lockout must still attest. */
        TPM2B_PUBLIC key = ecc_key(MADE_BY_TPM | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT |
                                   TPMA_OBJECT_NODA);

        key.publicArea.parameters.eccDetail.scheme = (TPMT_ECC_SCHEME)ECDSA_SHA256;
        return key;
}

TPM2B_PUBLIC keys_site(void)
{
        /* Without noDA: a passphrase can be guessed, so guesses must count towards lockout. */
        TPM2B_PUBLIC key = ecc_key(MADE_BY_TPM | TPMA_OBJECT_SIGN_ENCRYPT);

        key.publicArea.parameters.eccDetail.scheme = (TPMT_ECC_SCHEME)ECDSA_SHA256;
        return key;
}

TPM2B_PUBLIC keys_site_external(const uint8_t x[static 32], const uint8_t y[static 32])
{
        TPM2B_PUBLIC key = ecc_key(TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_SIGN_ENCRYPT);
        TPMS_ECC_POINT *point = &key.publicArea.unique.ecc;

        key.publicArea.parameters.eccDetail.scheme = (TPMT_ECC_SCHEME)ECDSA_SHA256;
        point->x.size = point->y.size = 32;
        memcpy(point->x.buffer, x, 32);
        memcpy(point->y.buffer, y, 32);
        return key;
}

TPM2B_PUBLIC keys_sealed(const struct digest *policy)
{
        /* userWithAuth and adminWithPolicy clear: the policy is the only way in. noDA: there is
         * no password to guess. */
        TPM2B_PUBLIC object = {.publicArea = {
                                       .type = TPM2_ALG_KEYEDHASH,
                                       .nameAlg = TPM2_ALG_SHA256,
                                       .objectAttributes = FIXED | TPMA_OBJECT_NODA,
                                       .parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL,
                               }};

        object.publicArea.authPolicy.size = hash_size(policy->alg);
        memcpy(object.publicArea.authPolicy.buffer, policy->bytes, hash_size(policy->alg));
        return object;
}

static void make_ek(TPM2B_PUBLIC *key)
{
        key->publicArea.authPolicy.size = sizeof(EK_POLICY);
        memcpy(key->publicArea.authPolicy.buffer, EK_POLICY, sizeof(EK_POLICY));
        key->publicArea.objectAttributes =
                (STORAGE & ~TPMA_OBJECT_USERWITHAUTH) | TPMA_OBJECT_ADMINWITHPOLICY;
}

TPM2B_PUBLIC keys_ek_ecc(void)
{
        TPM2B_PUBLIC key = keys_srk();

        make_ek(&key);
        return key;
}

TPM2B_PUBLIC keys_ek_rsa(void)
{
        TPM2B_PUBLIC key = {.publicArea = {
                                    .type = TPM2_ALG_RSA,
                                    .nameAlg = TPM2_ALG_SHA256,
                                    .parameters.rsaDetail =
                                            {
                                                    .symmetric = AES_128_CFB,
                                                    .scheme.scheme = TPM2_ALG_NULL,
                                                    .keyBits = 2048,
                                            },
                                    .unique.rsa.size = 256,
                            }};

        make_ek(&key);
        return key;
}

TPM2B_NV_PUBLIC keys_counter(TPMI_RH_NV_INDEX index, bool written)
{
        /* A counter, not an ordinary index: if it is deleted and defined again it starts above
         * every counter that this TPM has had [part 1, 37.2.5]. An increment can only deny
         * service, so an empty authValue is enough. */
        TPMA_NV attributes = TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT | TPMA_NV_AUTHREAD |
                             TPMA_NV_AUTHWRITE | TPMA_NV_OWNERREAD | TPMA_NV_NO_DA;

        return (TPM2B_NV_PUBLIC){.nvPublic = {
                                         .nvIndex = index,
                                         .nameAlg = TPM2_ALG_SHA256,
                                         .attributes = attributes | (written ? TPMA_NV_WRITTEN : 0),
                                         .dataSize = KEYS_COUNTER_SIZE,
                                 }};
}

TPM2B_NV_PUBLIC keys_known(const struct digest *policy, bool written)
{
        /* Written in approved states alone: an empty authValue would let whoever boots something
         * else write an older table's digest. Deleted and defined again, it is not written. */
        TPMA_NV attributes = TPM2_NT_ORDINARY << TPMA_NV_TPM2_NT_SHIFT | TPMA_NV_AUTHREAD |
                             TPMA_NV_POLICYWRITE | TPMA_NV_OWNERREAD | TPMA_NV_NO_DA;
        TPM2B_NV_PUBLIC known = {.nvPublic = {
                                         .nvIndex = KEYS_KNOWN,
                                         .nameAlg = TPM2_ALG_SHA256,
                                         .attributes = attributes | (written ? TPMA_NV_WRITTEN : 0),
                                         .dataSize = KEYS_KNOWN_SIZE,
                                 }};

        known.nvPublic.authPolicy.size = hash_size(policy->alg);
        memcpy(known.nvPublic.authPolicy.buffer, policy->bytes, hash_size(policy->alg));
        return known;
}

TPMT_SYM_DEF keys_session_cipher(void)
{
        return (TPMT_SYM_DEF)AES_128_CFB;
}

static TPM2B_NAME name_of(TPMI_ALG_HASH alg, const uint8_t *area, size_t len)
{
        TPM2B_NAME name = {0};
        struct digest d;

        if (!hash_size((enum hash_alg)alg))
                return name;
        d = digest_of((enum hash_alg)alg, area, len);
        name.name[0] = alg >> 8;
        name.name[1] = alg & 0xff;
        memcpy(name.name + 2, d.bytes, hash_size(d.alg));
        name.size = 2 + hash_size(d.alg);
        return name;
}

TPM2B_NAME keys_name(const TPMT_PUBLIC *public)
{
        uint8_t area[sizeof(TPMT_PUBLIC)];
        size_t len = 0;

        if (Tss2_MU_TPMT_PUBLIC_Marshal(public, area, sizeof(area), &len))
                return (TPM2B_NAME){0};
        return name_of(public->nameAlg, area, len);
}

TPM2B_NAME keys_nv_name(const TPMS_NV_PUBLIC *public)
{
        uint8_t area[sizeof(TPMS_NV_PUBLIC)];
        size_t len = 0;

        if (Tss2_MU_TPMS_NV_PUBLIC_Marshal(public, area, sizeof(area), &len))
                return (TPM2B_NAME){0};
        return name_of(public->nameAlg, area, len);
}
