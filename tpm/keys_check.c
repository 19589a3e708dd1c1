/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a key or an NV index that is found in a TPM: every attribute that Bulkhead
 * relies on, the first wrong one by the name that tpm2-tools give it. Pure functions.
 */
#include "tpm/keys.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct bit {
        uint32_t mask;
        const char *name;
};

static const char *say(char text[static KEYS_WRONG], const char *format, ...)
        __attribute__((format(printf, 2, 3)));
static const char *say(char text[static KEYS_WRONG], const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(text, KEYS_WRONG, format, args);
        va_end(args);
        return text;
}

/* The first bit in which found and wanted differ; NULL if there is none in the table. */
static const char *wrong_bit(uint32_t found, uint32_t wanted, const struct bit *bits, size_t count,
                             char text[static KEYS_WRONG])
{
        for (size_t i = 0; i < count; i++)
                if ((found ^ wanted) & bits[i].mask)
                        return say(text, "%s is %s", bits[i].name,
                                   found & bits[i].mask ? "set" : "not set");
        return NULL;
}

/* --- NV indices ------------------------------------------------------------------------------ */

static const struct bit nv_bits[] = {
        {TPMA_NV_PPWRITE, "ppwrite"},
        {TPMA_NV_OWNERWRITE, "ownerwrite"},
        {TPMA_NV_AUTHWRITE, "authwrite"},
        {TPMA_NV_POLICYWRITE, "policywrite"},
        {TPMA_NV_POLICY_DELETE, "policydelete"},
        {TPMA_NV_WRITELOCKED, "writelocked"},
        {TPMA_NV_WRITEALL, "writeall"},
        {TPMA_NV_WRITEDEFINE, "writedefine"},
        {TPMA_NV_WRITE_STCLEAR, "write_stclear"},
        {TPMA_NV_GLOBALLOCK, "globallock"},
        {TPMA_NV_PPREAD, "ppread"},
        {TPMA_NV_OWNERREAD, "ownerread"},
        {TPMA_NV_AUTHREAD, "authread"},
        {TPMA_NV_POLICYREAD, "policyread"},
        {TPMA_NV_NO_DA, "no_da"},
        {TPMA_NV_ORDERLY, "orderly"},
        {TPMA_NV_CLEAR_STCLEAR, "clear_stclear"},
        {TPMA_NV_READLOCKED, "readlocked"},
        {TPMA_NV_WRITTEN, "written"},
        {TPMA_NV_PLATFORMCREATE, "platformcreate"},
        {TPMA_NV_READ_STCLEAR, "read_stclear"},
};

static const char *nv_type(uint32_t attributes)
{
        static const char *const names[16] = {
                [TPM2_NT_ORDINARY] = "ordinary", [TPM2_NT_COUNTER] = "counter",
                [TPM2_NT_BITS] = "bits",         [TPM2_NT_EXTEND] = "extend",
                [TPM2_NT_PIN_FAIL] = "pinfail",  [TPM2_NT_PIN_PASS] = "pinpass",
        };
        const char *name = names[(attributes & TPMA_NV_TPM2_NT_MASK) >> TPMA_NV_TPM2_NT_SHIFT];

        return name ? name : "unknown type";
}

const char *keys_nv_wrong(const TPMS_NV_PUBLIC *found, const TPMS_NV_PUBLIC *wanted,
                          char text[static KEYS_WRONG])
{
        const char *bit;

        if ((found->attributes ^ wanted->attributes) & TPMA_NV_TPM2_NT_MASK)
                return say(text, "its type is %s, not %s", nv_type(found->attributes),
                           nv_type(wanted->attributes));
        bit = wrong_bit(found->attributes, wanted->attributes, nv_bits,
                        sizeof(nv_bits) / sizeof(nv_bits[0]), text);
        if (bit)
                return bit;
        if (found->attributes != wanted->attributes)
                return say(text, "attributes 0x%x, not 0x%x", found->attributes,
                           wanted->attributes);
        if (found->dataSize != wanted->dataSize)
                return say(text, "it has %u bytes, not %u", found->dataSize, wanted->dataSize);
        if (found->nameAlg != wanted->nameAlg)
                return say(text, "its name algorithm is 0x%x, not 0x%x", found->nameAlg,
                           wanted->nameAlg);
        if (found->authPolicy.size != wanted->authPolicy.size ||
            memcmp(found->authPolicy.buffer, wanted->authPolicy.buffer, wanted->authPolicy.size))
                return "its policy is another one";
        return NULL;
}

/* --- the storage root key -------------------------------------------------------------------- */

static const struct bit object_bits[] = {
        {TPMA_OBJECT_FIXEDTPM, "fixedtpm"},
        {TPMA_OBJECT_FIXEDPARENT, "fixedparent"},
        {TPMA_OBJECT_SENSITIVEDATAORIGIN, "sensitivedataorigin"},
        {TPMA_OBJECT_USERWITHAUTH, "userwithauth"},
        {TPMA_OBJECT_RESTRICTED, "restricted"},
        {TPMA_OBJECT_DECRYPT, "decrypt"},
        {TPMA_OBJECT_SIGN_ENCRYPT, "sign"},
        {TPMA_OBJECT_STCLEAR, "stclear"},
        {TPMA_OBJECT_ENCRYPTEDDUPLICATION, "encryptedduplication"},
        {TPMA_OBJECT_NODA, "noda"},
};

static const char *wrong_cipher(const TPMT_SYM_DEF_OBJECT *cipher)
{
        if (cipher->algorithm == TPM2_ALG_AES && cipher->keyBits.aes == 128 &&
            cipher->mode.aes == TPM2_ALG_CFB)
                return NULL;
        return "its cipher is not AES-128 in CFB mode";
}

const char *keys_srk_wrong(const TPMT_PUBLIC *public, char text[static KEYS_WRONG])
{
        TPM2B_PUBLIC wanted = keys_srk();
        const char *bit =
                wrong_bit(public->objectAttributes, wanted.publicArea.objectAttributes, object_bits,
                          sizeof(object_bits) / sizeof(object_bits[0]), text);

        if (bit)
                return bit;
        if (public->nameAlg != TPM2_ALG_SHA256)
                return say(text, "its name algorithm is 0x%x, not SHA-256", public->nameAlg);
        if (public->type == TPM2_ALG_RSA && public->parameters.rsaDetail.keyBits == 2048)
                return wrong_cipher(&public->parameters.rsaDetail.symmetric);
        if (public->type == TPM2_ALG_ECC &&
            public->parameters.eccDetail.curveID == TPM2_ECC_NIST_P256)
                return wrong_cipher(&public->parameters.eccDetail.symmetric);
        return "it is neither RSA-2048 nor ECC P-256";
}
