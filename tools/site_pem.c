/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The site key in PEM files, and what an approval rests on. A private PEM key is read here, with
 * the rights of whoever typed the command, and never goes to a daemon.
 */
#include "tools/site_pem.h"
#include "lib/text.h"
#include "tools/file.h"
#include "tools/passphrase.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <unistd.h>

enum { PEM_MOST = 64 << 10, SIGNATURE_MOST = 4096 };

static enum status check_curve(const char *path, EVP_PKEY *key)
{
        char curve[64] = "no elliptic curve";

        EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL);
        if (EVP_PKEY_is_a(key, "EC") && !strcmp(curve, "prime256v1"))
                return ST_DONE;
        return FAIL(ST_INVALID, .subject = path, .expected = "a P-256 key (prime256v1)",
                    .found = QUOTED(curve),
                    .remedy = "give the site key of this host; for a new host: openssl ecparam "
                              "-genkey -name prime256v1 -noout -out new-site.pem");
}

enum status site_pem_public(const char *path, struct arena *a, struct bytes *der_out)
{
        struct bytes pem;
        enum status s = file_read(path, PEM_MOST, a, &pem);
        unsigned char *der = NULL;
        EVP_PKEY *key = NULL;
        BIO *bio = NULL;
        int len;

        if (s)
                return s;
        pem = text_plain(a, pem);
        bio = BIO_new_mem_buf(pem.data, (int)pem.len);
        key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
        if (!key) {
                s = FAIL(ST_INVALID, .subject = path, .expected = "a public key in PEM",
                         .remedy = FMT("if it is the private key: openssl pkey -in %.120s "
                                       "-pubout -out %.120s.public",
                                       path, path));
                goto out;
        }
        s = check_curve(path, key);
        if (s)
                goto out;
        len = i2d_PUBKEY(key, &der);
        if (len <= 0)
                s = FAIL(ST_INTERNAL, .subject = path, .found = "the key cannot be written");
        else
                *der_out = (struct bytes){arena_copy(a, der, (size_t)len), (size_t)len};
        OPENSSL_free(der);
out:
        EVP_PKEY_free(key);
        BIO_free(bio);
        return s;
}

/* A private key is read by OpenSSL alone, which takes any line ends, but no byte order mark. */
static void skip_mark(FILE *file)
{
        char mark[3];

        if (fseek(file, 0, SEEK_SET))
                return; /* a pipe: nobody's editor */
        if (fread(mark, 1, 3, file) != 3 || memcmp(mark, "\xef\xbb\xbf", 3))
                rewind(file);
}

static bool is_public(FILE *file)
{
        EVP_PKEY *key = NULL;

        if (!fseek(file, 0, SEEK_SET))
                key = PEM_read_PUBKEY(file, NULL, NULL, NULL);
        EVP_PKEY_free(key);
        return key;
}

/* ECDSA with SHA-256, in DER. OpenSSL asks for the passphrase of an encrypted PEM file. */
static enum status sign(const char *path, struct bytes message, struct arena *a,
                        struct bytes *signature_out)
{
        uint8_t signature[256];
        size_t len = sizeof signature;
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        FILE *file = NULL;
        EVP_PKEY *key = NULL;
        int fd;
        enum status s = file_open(path, &fd);

        if (s)
                goto out;
        file = fdopen(fd, "r");
        if (!file) {
                s = file_failed(path);
                close(fd);
                goto out;
        }
        errno = 0;
        skip_mark(file);
        key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
        if (!key) {
                s = errno == EISDIR
                            ? file_failed(path)
                            : FAIL(ST_INVALID, .subject = path, .expected = "a private key in PEM",
                                   .found = is_public(file) ? "a public one" : "none",
                                   .remedy = "name the file with the private half of the site "
                                             "key; where it must not come here, use --print, sign "
                                             "elsewhere, and use --signature");
                goto out;
        }
        s = check_curve(path, key);
        if (s)
                goto out;
        if (!ctx || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
            EVP_DigestSign(ctx, signature, &len, message.data, message.len) != 1)
                s = FAIL(ST_INTERNAL, .subject = path,
                         .found = ERR_reason_error_string(ERR_peek_last_error()));
        else
                *signature_out = (struct bytes){arena_copy(a, signature, len), len};
out:
        EVP_PKEY_free(key);
        EVP_MD_CTX_free(ctx);
        if (file)
                fclose(file);
        return s;
}

enum status site_pem_check(const struct site_authority *by, bool print, bool site_key_here)
{
        const bool elsewhere = by->site_key || by->signature || print;

        if (site_key_here && elsewhere)
                return FAIL(ST_USAGE, .subject = "the site key",
                            .expected = "a site key that lies elsewhere",
                            .found = "it lies in this TPM, which alone signs with it",
                            .remedy = by->site_key    ? "leave --site-key out: the passphrase of "
                                                        "the key is asked for, or read with "
                                                        "--passphrase-file FILE"
                                      : by->signature ? "leave --signature out: the passphrase of "
                                                        "the key is asked for, or read with "
                                                        "--passphrase-file FILE"
                                                      : "leave --print out: the passphrase of the "
                                                        "key is asked for, or read with "
                                                        "--passphrase-file FILE");
        if (!site_key_here && !elsewhere)
                return FAIL(ST_USAGE, .subject = "the site key",
                            .expected = "in this TPM, where a passphrase opens it",
                            .found = "it lies elsewhere",
                            .remedy = "give it with --site-key; or use --print, sign elsewhere, "
                                      "and use --signature");
        return ST_DONE;
}

enum status site_pem_authority(const struct site_authority *by,
                               const struct host_approval_rep *state, struct arena *a,
                               struct host_approve_req *request)
{
        enum status s;

        *request = (struct host_approve_req){.epoch = state->epoch, .passphrase = -1};
        request->pcrs = state->pcrs;
        s = site_pem_check(by, false, state->site_key_here);
        if (s)
                return s;
        if (by->signature)
                return file_read(by->signature, SIGNATURE_MOST, a, &request->signature);
        if (by->site_key)
                return sign(by->site_key, state->to_sign, a, &request->signature);
        return passphrase_pipe(by->passphrase_file,
                               &(const struct passphrase_prompt){"Passphrase of the site key",
                                                                 "--passphrase-file"},
                               false, &request->passphrase);
}
