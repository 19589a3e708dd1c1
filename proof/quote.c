/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what a TPM signed. All bytes may be an attacker's until ak_signed() has verified them, and
 * even then they need not be a quote: a restricted key signs other structures, too, so magic and
 * type decide. Needs OpenSSL's libcrypto alone, no library of the TSS.
 */
#include "proof/quote.h"
#include "lib/arena.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

/* Part 2: tables 9 (TPM_ALG_ID), 10 (TPM_ECC_CURVE), 7 (TPM_GENERATED), 19 (TPM_ST). */
enum {
        ALG_NULL = 0x0010,
        ALG_ECDSA = 0x0018,
        ALG_ECC = 0x0023,
        CURVE_P256 = 0x0003,
        ST_ATTEST_QUOTE = 0x8018,
        COORDINATE_LEN = 32,
};
static const uint32_t GENERATED = 0xff544347;

/* Part 2, table 31: TPMA_OBJECT. */
static const struct attribute {
        uint32_t bit;
        bool wanted;
        const char *name;
} attributes[] = {
        {1u << 1, true, "fixedTPM"},
        {1u << 4, true, "fixedParent"},
        {1u << 5, true, "sensitiveDataOrigin"},
        {1u << 16, true, "restricted"},
        {1u << 18, true, "sign"},
        {1u << 17, false, "decrypt"},
        {1u << 11, false, "encryptedDuplication"},
        {1u << 19, false, "x509sign"},
        /* stClear, userWithAuth, adminWithPolicy and noDA are the owner's matter. */
        {~(0xffu | 1u << 10 | 1u << 11 | 0xfu << 16), false, "a reserved attribute"},
        {1u << 0 | 1u << 3, false, "a reserved attribute"},
};

struct ak {
        EVP_PKEY *key;
        EVP_PKEY_CTX *verifier;
        uint8_t name[AK_NAME_LEN];
};

static enum status wrong_key(const char *expected, const char *found)
{
        return FAIL(ST_INVALID, .subject = "attestation key", .expected = expected, .found = found);
}

/* A TPM2B: a length of 2 bytes, at most `most`, and that many bytes. */
static struct bytes read_sized(struct reader *r, size_t most)
{
        size_t len = read_u16(r);
        struct bytes b = {NULL, len};

        if (len > most)
                r->bad = true;
        b.data = read_bytes(r, len);
        return b.data ? b : (struct bytes){0};
}

/* A number of 1 to 32 bytes, padded to exactly 32. */
static void read_number(struct reader *r, uint8_t out[static COORDINATE_LEN])
{
        struct bytes b = read_sized(r, COORDINATE_LEN);

        memset(out, 0, COORDINATE_LEN);
        if (b.len)
                memcpy(out + COORDINATE_LEN - b.len, b.data, b.len);
        else
                r->bad = true;
}

static EVP_PKEY *key_of_point(uint8_t point[static 1 + 2 * COORDINATE_LEN])
{
        OSSL_PARAM params[] = {
                OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char[]){"P-256"}, 0),
                OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point,
                                                  1 + 2 * COORDINATE_LEN),
                OSSL_PARAM_construct_end(),
        };
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
        EVP_PKEY *key = NULL;

        if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
            EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
                key = NULL;
        EVP_PKEY_CTX_free(ctx);
        return key;
}

static enum status check_attributes(uint32_t found)
{
        for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
                const struct attribute *a = &attributes[i];

                if (a->wanted != !!(found & a->bit))
                        return wrong_key(FMT("%s %s", a->name, a->wanted ? "set" : "clear"),
                                         FMT("attributes 0x%08x", found));
        }
        return ST_DONE;
}

/* TPMT_PUBLIC of table 201 with TPMS_ECC_PARMS; point: 0x04 || x || y. */
static enum status read_public(struct bytes public_area, uint8_t *point)
{
        struct reader r = reader_of(public_area);
        uint16_t type = read_u16(&r), name_alg = read_u16(&r);
        uint32_t attr = read_u32(&r);
        uint16_t symmetric, scheme, scheme_hash, curve, kdf;
        enum status s;

        read_sized(&r, DIGEST_MOST); /* authPolicy: how the host lets the key be used */
        symmetric = read_u16(&r);
        if (r.bad || type != ALG_ECC || name_alg != HASH_SHA256)
                return wrong_key("an ECC key with SHA-256 as its name algorithm",
                                 FMT("type 0x%04x, name algorithm 0x%04x", type, name_alg));
        s = check_attributes(attr);
        if (s)
                return s;
        scheme = read_u16(&r);
        scheme_hash = read_u16(&r);
        curve = read_u16(&r);
        kdf = read_u16(&r);
        if (symmetric != ALG_NULL || scheme != ALG_ECDSA || scheme_hash != HASH_SHA256 ||
            curve != CURVE_P256 || kdf != ALG_NULL)
                return wrong_key("ECDSA with SHA-256 on P-256",
                                 FMT("scheme 0x%04x, hash 0x%04x, curve 0x%04x", scheme,
                                     scheme_hash, curve));
        point[0] = 0x04;
        read_number(&r, point + 1);
        read_number(&r, point + 1 + COORDINATE_LEN);
        return reader_done(&r) ? ST_DONE : wrong_key("TPMT_PUBLIC", "too many or too few bytes");
}

enum status ak_read(struct bytes public_area, struct ak **ak_out)
{
        uint8_t point[1 + 2 * COORDINATE_LEN];
        struct digest name;
        struct ak *ak;
        enum status s;

        *ak_out = NULL;
        s = read_public(public_area, point);
        if (s)
                return s;
        ak = memory_new(1, sizeof *ak);
        ak->key = key_of_point(point);
        ak->verifier = ak->key ? EVP_PKEY_CTX_new_from_pkey(NULL, ak->key, NULL) : NULL;
        if (!ak->verifier || EVP_PKEY_public_check_quick(ak->verifier) != 1 ||
            EVP_PKEY_verify_init(ak->verifier) != 1) {
                ak_free(ak);
                return wrong_key("a point on P-256", "another");
        }
        name = digest_of(HASH_SHA256, public_area.data, public_area.len);
        ak->name[1] = HASH_SHA256;
        memcpy(ak->name + 2, name.bytes, 32);
        *ak_out = ak;
        return ST_DONE;
}

void ak_free(struct ak *ak)
{
        if (!ak)
                return;
        EVP_PKEY_CTX_free(ak->verifier);
        EVP_PKEY_free(ak->key);
        free(ak);
}

const uint8_t *ak_name(const struct ak *ak)
{
        return ak->name;
}

/* ECDSA-Sig-Value (RFC 3279) of r and s, both 32 bytes. The number of bytes written, <= 72. */
static size_t signature_der(const uint8_t numbers[static 2 * COORDINATE_LEN],
                            uint8_t der[static 72])
{
        uint8_t *out = der + 2;

        for (int i = 0; i < 2; i++) {
                const uint8_t *n = numbers + i * COORDINATE_LEN;
                size_t len = COORDINATE_LEN;
                bool sign;

                for (; len > 1 && !*n; n++)
                        len--;
                sign = *n & 0x80;
                *out++ = 0x02;
                *out++ = (uint8_t)(len + sign);
                if (sign)
                        *out++ = 0;
                memcpy(out, n, len);
                out += len;
        }
        der[0] = 0x30;
        der[1] = (uint8_t)(out - der - 2);
        return (size_t)(out - der);
}

enum status ak_signed(struct ak *ak, struct bytes attest, struct bytes signature)
{
        struct reader r = reader_of(signature);
        uint16_t scheme = read_u16(&r), hash = read_u16(&r);
        uint8_t numbers[2 * COORDINATE_LEN], der[72];
        struct digest d;
        size_t len;

        read_number(&r, numbers);
        read_number(&r, numbers + COORDINATE_LEN);
        if (!reader_done(&r) || scheme != ALG_ECDSA || hash != HASH_SHA256)
                return FAIL(ST_INVALID, .subject = "signature", .expected = "ECDSA with SHA-256",
                            .found = FMT("%zu bytes, scheme 0x%04x, hash 0x%04x", signature.len,
                                         scheme, hash));
        d = digest_of(HASH_SHA256, attest.data, attest.len);
        len = signature_der(numbers, der);
        if (EVP_PKEY_verify(ak->verifier, der, len, d.bytes, hash_size(d.alg)) != 1)
                return FAIL(ST_UNTRUSTED, .subject = "signature",
                            .found = "not made by this attestation key over these bytes");
        return ST_DONE;
}

static enum status wrong_quote(const char *expected, const char *found)
{
        return FAIL(ST_INVALID, .subject = "attested structure", .expected = expected,
                    .found = found);
}

/* TPML_PCR_SELECTION with one bank of 24 PCRs. */
static bool read_selection(struct reader *r, struct quote *q)
{
        uint32_t count = read_u32(r);
        uint16_t bank = count == 1 ? read_u16(r) : 0;
        const uint8_t *select;

        q->bank = bank == HASH_SHA256 || bank == HASH_SHA384 ? (enum hash_alg)bank : HASH_NONE;
        if (!q->bank || read_u8(r) != PCR_COUNT / 8)
                return false;
        select = read_bytes(r, PCR_COUNT / 8);
        if (!select)
                return false;
        q->pcrs = select[0] | (uint32_t)select[1] << 8 | (uint32_t)select[2] << 16;
        return q->pcrs != 0;
}

enum status quote_read(struct bytes attest, struct quote *out)
{
        struct reader r = reader_of(attest);
        uint32_t magic = read_u32(&r);
        uint16_t type = read_u16(&r);
        struct quote q = {0};
        struct bytes b;
        uint8_t safe;

        *out = q;
        if (r.bad || magic != GENERATED)
                return wrong_quote("magic 0xff544347: made by a TPM", FMT("0x%08x", magic));
        if (type != ST_ATTEST_QUOTE)
                return wrong_quote("type 0x8018: a quote", FMT("0x%04x", type));
        read_sized(&r, 2 + 64); /* qualifiedSigner depends on the parent, which is not pinned */
        b = read_sized(&r, QUALIFYING_MOST);
        if (b.len)
                memcpy(q.qualifying, b.data, b.len);
        q.qualifying_len = b.len;
        q.clock = read_u64(&r);
        q.reset_count = read_u32(&r);
        q.restart_count = read_u32(&r);
        safe = read_u8(&r);
        q.safe = safe == 1;
        read_u64(&r); /* firmwareVersion */
        if (r.bad || safe > 1)
                return wrong_quote("TPMS_ATTEST", "too few bytes, or a field that is too long");
        if (!read_selection(&r, &q))
                return wrong_quote("a selection of PCRs in one bank, sha256 or sha384", "another");
        b = read_sized(&r, 64);
        if (r.bad || b.len != hash_size(HASH_SHA256))
                return wrong_quote("a SHA-256 digest of the PCRs", "another");
        q.pcr_digest.alg = HASH_SHA256;
        memcpy(q.pcr_digest.bytes, b.data, b.len);
        if (!reader_done(&r))
                return wrong_quote("nothing after the quote", FMT("%zu bytes more", r.left));
        *out = q;
        return ST_DONE;
}

bool counter_is_before(uint32_t a, uint32_t b)
{
        return (int32_t)(a - b) < 0;
}
