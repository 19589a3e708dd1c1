/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Converts an ECDSA P-256 key and its signatures between the TPM's and OpenSSL's forms, and
 * verifies. No approval is believed before its signature was verified here.
 */
#include "tpm/site_key.h"

#include "tpm/keys.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

enum { COORDINATE = 32, POINT = 1 + 2 * COORDINATE };

enum status site_key_public(struct bytes spki, TPM2B_PUBLIC *out)
{
        const uint8_t *at = spki.data;
        EVP_PKEY *key = spki.len <= 4096 ? d2i_PUBKEY(NULL, &at, spki.len) : NULL;
        uint8_t point[POINT];
        char curve[32] = "";
        size_t len = 0;
        bool good;

        good = key && at == spki.data + spki.len && EVP_PKEY_is_a(key, "EC") &&
               EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) &&
               !strcmp(curve, "prime256v1") &&
               EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                              "uncompressed") &&
               EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point,
                                               sizeof(point), &len) &&
               len == POINT;
        if (good)
                *out = keys_site_external(point + 1, point + 1 + COORDINATE);
        EVP_PKEY_free(key);
        if (!good)
                return FAIL(ST_INVALID, .subject = "site key",
                            .expected = "the public key of a P-256 key pair, DER",
                            .found = curve[0] ? QUOTED(curve) : "something else",
                            .remedy = "openssl ecparam -genkey -name prime256v1 -noout -out "
                                      "new-site.pem");
        return ST_DONE;
}

enum status site_key_signature(struct bytes der, TPMT_SIGNATURE *out)
{
        const uint8_t *at = der.data;
        ECDSA_SIG *sig = der.len <= 128 ? d2i_ECDSA_SIG(NULL, &at, der.len) : NULL;
        TPMS_SIGNATURE_ECC *ecc = &out->signature.ecdsa;
        bool good;

        *out = (TPMT_SIGNATURE){.sigAlg = TPM2_ALG_ECDSA};
        ecc->hash = TPM2_ALG_SHA256;
        ecc->signatureR.size = ecc->signatureS.size = COORDINATE;
        good = sig && at == der.data + der.len &&
               BN_bn2binpad(ECDSA_SIG_get0_r(sig), ecc->signatureR.buffer, COORDINATE) > 0 &&
               BN_bn2binpad(ECDSA_SIG_get0_s(sig), ecc->signatureS.buffer, COORDINATE) > 0;
        ECDSA_SIG_free(sig);
        if (!good)
                return FAIL(ST_INVALID, .subject = "signature",
                            .expected = "a DER signature, ECDSA P-256 with SHA-256",
                            .remedy = "openssl dgst -sha256 -sign site.pem TO-SIGN >SIGNATURE");
        return ST_DONE;
}

static EVP_PKEY *key_of(const TPMT_PUBLIC *public)
{
        const TPMS_ECC_POINT *p = &public->unique.ecc;
        uint8_t point[POINT] = {POINT_CONVERSION_UNCOMPRESSED};
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
        EVP_PKEY *key = NULL;
        OSSL_PARAM params[] = {
                OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char[]){"prime256v1"}, 10),
                OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
                OSSL_PARAM_END};

        if (public->type == TPM2_ALG_ECC && p->x.size <= COORDINATE && p->y.size <= COORDINATE) {
                memcpy(point + 1 + COORDINATE - p->x.size, p->x.buffer, p->x.size);
                memcpy(point + POINT - p->y.size, p->y.buffer, p->y.size);
                if (ctx && EVP_PKEY_fromdata_init(ctx) > 0)
                        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);
        }
        EVP_PKEY_CTX_free(ctx);
        return key;
}

static int der_of(const TPMS_SIGNATURE_ECC *ecc, uint8_t **der)
{
        ECDSA_SIG *sig = ECDSA_SIG_new();
        BIGNUM *r = BN_bin2bn(ecc->signatureR.buffer, ecc->signatureR.size, NULL);
        BIGNUM *s = BN_bin2bn(ecc->signatureS.buffer, ecc->signatureS.size, NULL);
        int len = -1;

        if (sig && r && s && ECDSA_SIG_set0(sig, r, s)) {
                r = s = NULL;
                len = i2d_ECDSA_SIG(sig, der);
        }
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(sig);
        return len;
}

bool site_key_verifies(const TPMT_PUBLIC *public, struct bytes message, const TPMT_SIGNATURE *sig)
{
        const TPMS_SIGNATURE_ECC *ecc = &sig->signature.ecdsa;
        EVP_MD_CTX *ctx = NULL;
        EVP_PKEY *key = NULL;
        uint8_t *der = NULL;
        bool good = false;
        int len;

        if (sig->sigAlg != TPM2_ALG_ECDSA || ecc->hash != TPM2_ALG_SHA256 ||
            ecc->signatureR.size > COORDINATE || ecc->signatureS.size > COORDINATE)
                return false;
        key = key_of(public);
        len = der_of(ecc, &der);
        ctx = EVP_MD_CTX_new();
        if (key && len > 0 && ctx && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) > 0)
                good = EVP_DigestVerify(ctx, der, len, message.data, message.len) == 1;
        EVP_MD_CTX_free(ctx);
        OPENSSL_free(der);
        EVP_PKEY_free(key);
        return good;
}
