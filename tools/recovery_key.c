/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes and wraps recovery keys, by OpenSSL. CMS names a recipient by a certificate, so the public
 * key gets one that is made for the purpose and thrown away: what is written names the recipient by
 * the identifier of the key alone.
 */
#include "tools/recovery_key.h"
#include "lib/report.h"
#include "lib/text.h"
#include "tools/file.h"
#include "tools/passphrase.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/random.h>

enum { KEY_BYTES = 32, PEM_MOST = 64 << 10 };

void recovery_key_make(char key[static RECOVERY_KEY_SIZE])
{
        static const char modhex[] = "cbdefghijklnrtuv";
        uint8_t bytes[KEY_BYTES];
        char *to = key;

        if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
                fatal("the kernel gives no random bytes");
        for (size_t i = 0; i < sizeof bytes; i++) {
                if (i && i % 4 == 0)
                        *to++ = '-';
                *to++ = modhex[bytes[i] >> 4];
                *to++ = modhex[bytes[i] & 15];
        }
        *to = 0;
        explicit_bzero(bytes, sizeof bytes);
}

static enum status refuse(const char *file, const char *found)
{
        return FAIL(ST_INVALID, .subject = file, .expected = "a public key, RSA or EC, as PEM",
                    .found = found, .remedy = "openssl pkey -in PRIVATE.pem -pubout writes one");
}

static bool set_names(X509 *x)
{
        X509_NAME *name = X509_get_subject_name(x);

        return X509_set_version(x, 2) && ASN1_INTEGER_set(X509_get_serialNumber(x), 1) &&
               X509_gmtime_adj(X509_getm_notBefore(x), 0) &&
               X509_gmtime_adj(X509_getm_notAfter(x), 1) &&
               X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"recovery", -1,
                                          -1, 0) &&
               X509_set_issuer_name(x, name);
}

static bool set_key_identifier(X509 *x)
{
        X509V3_CTX ctx;
        X509_EXTENSION *e;
        bool done;

        X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
        e = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_key_identifier, "hash");
        done = e && X509_add_ext(x, e, -1);
        X509_EXTENSION_free(e);
        return done;
}

static X509 *certificate_of(EVP_PKEY *key)
{
        EVP_PKEY *signer = EVP_EC_gen("P-256");
        X509 *x = X509_new();
        bool done = signer && x && set_names(x) && X509_set_pubkey(x, key) &&
                    set_key_identifier(x) && X509_sign(x, signer, EVP_sha256());

        EVP_PKEY_free(signer);
        if (done)
                return x;
        X509_free(x);
        return NULL;
}

static bool add_recipient(CMS_ContentInfo *cms, X509 *x, EVP_PKEY *key)
{
        CMS_RecipientInfo *to = CMS_add1_recipient_cert(cms, x, CMS_USE_KEYID | CMS_KEY_PARAM);
        EVP_PKEY_CTX *ctx = to ? CMS_RecipientInfo_get0_pkey_ctx(to) : NULL;

        return to && (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA ||
                      (ctx && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0));
}

static bool envelop(EVP_PKEY *key, const char *content, BIO *out)
{
        const unsigned flags = CMS_BINARY | CMS_PARTIAL;
        X509 *x = certificate_of(key);
        BIO *in = BIO_new_mem_buf(content, -1);
        CMS_ContentInfo *cms = x && in ? CMS_encrypt(NULL, NULL, EVP_aes_256_cbc(), flags) : NULL;
        bool done = cms && add_recipient(cms, x, key) && CMS_final(cms, in, NULL, flags) &&
                    PEM_write_bio_CMS_stream(out, cms, in, flags);

        CMS_ContentInfo_free(cms);
        BIO_free(in);
        X509_free(x);
        return done;
}

static EVP_PKEY *read_public(struct bytes pem)
{
        BIO *in = BIO_new_mem_buf(pem.data, (int)pem.len);
        EVP_PKEY *key = in ? PEM_read_bio_PUBKEY(in, NULL, NULL, NULL) : NULL;

        BIO_free(in);
        return key;
}

enum status recovery_key_wrap(const char *key, const char *public_key_file, struct arena *a,
                              struct bytes *pem_out)
{
        EVP_PKEY *public = NULL;
        BIO *out = BIO_new(BIO_s_mem());
        struct bytes pem;
        char *text;
        enum status s = file_read(public_key_file, PEM_MOST, a, &pem);

        if (!s)
        public = read_public(text_plain(a, pem));
        if (!s && !public)
                s = refuse(public_key_file, "none");
        if (!s && (!out || !envelop(public, key, out)))
                s = refuse(public_key_file, "one that cannot receive a key");
        if (!s) {
                pem_out->len = (size_t)BIO_get_mem_data(out, &text);
                pem_out->data = (const uint8_t *)arena_print(a, "%.*s", (int)pem_out->len, text);
        }
        BIO_free(out);
        EVP_PKEY_free(public);
        ERR_clear_error();
        return s;
}

enum status recovery_key_give(const char *public_key_file, struct arena *a,
                              struct recovery *recovery_out, int *fd_out)
{
        enum status s = ST_DONE;

        recovery_key_make(recovery_out->key);
        if (public_key_file)
                s = recovery_key_wrap(recovery_out->key, public_key_file, a,
                                      &recovery_out->wrapped);
        return s ? s
                 : passphrase_of(
                           (struct bytes){(const uint8_t *)recovery_out->key, RECOVERY_KEY_LEN},
                           fd_out);
}
