/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulkhead host setup, bulkhead host approve. All seals depend on the site key. It lives in the
 * TPM, guarded by a passphrase, or elsewhere as a PEM file. A private PEM key is read here, with
 * the rights of whoever typed the command, and never goes to a daemon.
 */
#include "tools/commands.h"
#include "tools/door.h"
#include "tools/efi_image.h"
#include "tools/file.h"
#include "tools/output.h"
#include "tools/passphrase.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PEM_MOST = 64 << 10, SIGNATURE_MOST = 4096 };

/* --- keys in PEM files --------------------------------------------------------------------- */

static enum status check_curve(const char *path, EVP_PKEY *key)
{
        char curve[64] = "no elliptic curve";

        EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL);
        if (EVP_PKEY_is_a(key, "EC") && !strcmp(curve, "prime256v1"))
                return ST_DONE;
        return FAIL(ST_INVALID, .subject = path, .expected = "a P-256 key (prime256v1)",
                    .found = curve,
                    .remedy = "give the site key of this host; for a new host: openssl ecparam "
                              "-genkey -name prime256v1 -noout -out new-site.pem");
}

static enum status read_public(const char *path, struct arena *a, struct bytes *der_out)
{
        struct bytes pem;
        enum status s = file_read(path, PEM_MOST, a, &pem);
        unsigned char *der = NULL;
        EVP_PKEY *key = NULL;
        BIO *bio = NULL;
        int len;

        if (s)
                return s;
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

/* ECDSA with SHA-256, in DER. OpenSSL asks for the passphrase of an encrypted PEM file. */
static enum status sign(const char *path, struct bytes message, struct arena *a,
                        struct bytes *signature_out)
{
        uint8_t signature[256];
        size_t len = sizeof signature;
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        FILE *file = fopen(path, "re");
        EVP_PKEY *key = NULL;
        enum status s;

        if (!file) {
                s = FAIL(status_of_errno(errno), .subject = path, .found = strerror(errno));
                goto out;
        }
        key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
        if (!key) {
                s = FAIL(ST_INVALID, .subject = path, .expected = "a private key in PEM");
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

/* --- setup --------------------------------------------------------------------------------- */

enum {
        OPTION_SITE_KEY = 0x100,
        OPTION_PASSPHRASE_FILE,
        OPTION_PRINT,
        OPTION_SIGNATURE,
        OPTION_PCR,
        OPTION_IMAGE
};

struct setup {
        const char *site_key, *passphrase_file;
};

static const struct argp_option setup_options[] = {
        {"site-key", OPTION_SITE_KEY, "PUBLIC.pem", 0,
         "The site key's public half; the private one lives elsewhere and never comes here", 1},
        {"passphrase-file", OPTION_PASSPHRASE_FILE, "FILE", 0,
         "The first line guards a site key in the TPM (asked for without it)", 1},
        {0},
};

static error_t setup_parse(int key, char *value, struct argp_state *state)
{
        struct setup *setup = state->input;

        switch (key) {
        case OPTION_SITE_KEY:
                setup->site_key = value;
                return 0;
        case OPTION_PASSPHRASE_FILE:
                setup->passphrase_file = value;
                return 0;
        case ARGP_KEY_ARG:
                argp_usage(state);
                return 0;
        case ARGP_KEY_END:
                if (setup->site_key && setup->passphrase_file)
                        argp_error(state, "a site key elsewhere has no passphrase here");
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

int cmd_host_setup(int argc, char **argv)
{
        static const struct argp argp = {
                setup_options,
                setup_parse,
                NULL,
                "Pins this host's TPM and makes its keys.\v"
                "Afterwards `bulkhead host approve` approves the state that the host is in, and "
                "`bulkhead status --trust` prints the trust record that a verifier keeps.",
                NULL,
                NULL,
                NULL};
        struct setup setup = {0};
        struct host_setup_req request = {.passphrase = -1};
        struct host_setup_rep reply;
        struct arena *a;
        enum status s;
        int result;

        if (argp_parse(&argp, argc, argv, 0, NULL, &setup))
                return EXIT_USAGE;
        a = arena_new();
        if (setup.site_key)
                s = read_public(setup.site_key, a, &request.site_public);
        else
                s = passphrase_pipe(setup.passphrase_file, "New passphrase of the site key", true,
                                    &request.passphrase);
        if (!s)
                s = door_call(CALL(host_setup, &request, &reply), a);
        if (s) {
                result = output_error(s, "host setup");
        } else {
                puts("The TPM is pinned and the keys are made. Next, if the present state of this "
                     "host\nis the one you want: bulkhead host approve. Then bulkhead status "
                     "--trust prints\nthe trust record that a verifier keeps.");
                result = output_end();
        }
        if (request.passphrase >= 0)
                close(request.passphrase);
        arena_free(a);
        return result;
}

/* --- approve ------------------------------------------------------------------------------- */

struct approve {
        const char *site_key, *passphrase_file, *print, *signature, *image;
        struct pcr_value future[PCR_COUNT];
        size_t future_count;
        bool json;
};

static const struct argp_option approve_options[] = {
        {"passphrase-file", OPTION_PASSPHRASE_FILE, "FILE", 0,
         "The first line opens the site key in the TPM (asked for without it)", 1},
        {"site-key", OPTION_SITE_KEY, "PRIVATE.pem", 0, "Sign here with this key", 1},
        {"print", OPTION_PRINT, "FILE", 0,
         "Only write what has to be signed; elsewhere: openssl dgst -sha256 -sign site.pem FILE "
         ">SIGNATURE",
         1},
        {"signature", OPTION_SIGNATURE, "FILE", 0, "The signature (DER) that was made elsewhere",
         1},
        {"pcr", OPTION_PCR, "INDEX=HEX", 0,
         "Approve a future state, in which this PCR has this value (may be repeated)", 2},
        {"image", OPTION_IMAGE, "FILE.efi", 0,
         "Approve the state after a boot of that unified image: PCR 4 is computed from it", 2},
        {0},
};

static void parse_pcr(struct approve *approve, const char *value, struct argp_state *state)
{
        struct pcr_value *p = &approve->future[approve->future_count];
        char *end;
        unsigned long index = strtoul(value, &end, 10);
        long len;

        if (end == value || *end != '=' || index >= PCR_COUNT || approve->future_count == PCR_COUNT)
                argp_error(state, "'%s' is not INDEX=HEX", value);
        len = hex_read(end + 1, strlen(end + 1), p->value.bytes, sizeof p->value.bytes);
        if (len != 32 && len != 48)
                argp_error(state, "'%s' is no SHA-256 or SHA-384 digest in hex", end + 1);
        p->pcr = (uint32_t)index;
        p->value.alg = len == 32 ? HASH_SHA256 : HASH_SHA384;
        approve->future_count++;
}

static error_t approve_parse(int key, char *value, struct argp_state *state)
{
        struct approve *approve = state->input;

        switch (key) {
        case ARGP_KEY_INIT:
                state->child_inputs[0] = &approve->json;
                return 0;
        case OPTION_SITE_KEY:
                approve->site_key = value;
                return 0;
        case OPTION_PASSPHRASE_FILE:
                approve->passphrase_file = value;
                return 0;
        case OPTION_PRINT:
                approve->print = value;
                return 0;
        case OPTION_SIGNATURE:
                approve->signature = value;
                return 0;
        case OPTION_PCR:
                parse_pcr(approve, value, state);
                return 0;
        case OPTION_IMAGE:
                approve->image = value;
                return 0;
        case ARGP_KEY_ARG:
                argp_usage(state);
                return 0;
        case ARGP_KEY_END:
                if (!!approve->site_key + !!approve->passphrase_file + !!approve->print +
                            !!approve->signature >
                    1)
                        argp_error(state, "--passphrase-file, --site-key, --print and --signature "
                                          "exclude each other");
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static void print_state(const struct approve *approve, const struct host_approval_rep *state)
{
        struct json_object *o = json_object_new_object(), *pcrs = json_object_new_array();
        char hex[DIGEST_HEX];

        json_object_object_add(o, "epoch", json_object_new_uint64(state->epoch));
        if (!approve->json)
                printf("%s up to epoch %llu:\n", approve->print ? "To be signed" : "Approved",
                       (unsigned long long)state->epoch);
        for (size_t i = 0; i < state->pcrs.count; i++) {
                const struct pcr_value *p = &state->pcrs.items[i];
                struct json_object *value = json_object_new_object();

                digest_hex(&p->value, hex);
                json_object_object_add(value, "pcr", json_object_new_int64(p->pcr));
                output_json_text(value, hash_name(p->value.alg), hex);
                json_object_array_add(pcrs, value);
                if (!approve->json)
                        printf("  PCR %-2u  %s:%s\n", p->pcr, hash_name(p->value.alg), hex);
        }
        json_object_object_add(o, "pcrs", pcrs);
        if (approve->json)
                output_json(o);
        else
                json_object_put(o);
}

/* What the approval rests on: a signature made here or elsewhere, or a passphrase for the TPM. */
static enum status authority(const struct approve *approve, struct bytes to_sign, struct arena *a,
                             struct host_approve_req *request)
{
        if (approve->signature)
                return file_read(approve->signature, SIGNATURE_MOST, a, &request->signature);
        if (approve->site_key)
                return sign(approve->site_key, to_sign, a, &request->signature);
        return passphrase_pipe(approve->passphrase_file, "Passphrase of the site key", false,
                               &request->passphrase);
}

static enum status add_image(struct approve *approve, struct arena *a)
{
        struct pcr_value *p = &approve->future[approve->future_count];
        struct bytes efi;
        enum status s = file_read(approve->image, EFI_IMAGE_MOST, a, &efi);

        if (s)
                return s;
        for (size_t i = 0; i < approve->future_count; i++)
                if (approve->future[i].pcr == 4)
                        return FAIL(ST_INVALID, .subject = "PCR 4",
                                    .found = "given by --pcr and by --image",
                                    .remedy = "leave one of them out");
        if (approve->future_count == PCR_COUNT)
                return FAIL(ST_TOO_LARGE, .subject = "PCRs");
        p->pcr = 4;
        approve->future_count++;
        return efi_image_pcr4(approve->image, efi, HASH_SHA256, &p->value);
}

static enum status approve_host(struct approve *approve, struct arena *a)
{
        struct host_approval_req wanted = {};
        struct host_approval_rep state;
        struct host_approve_req request = {.passphrase = -1};
        struct host_approve_rep reply;
        enum status s = approve->image ? add_image(approve, a) : ST_DONE;

        if (s)
                return s;
        wanted.future.items = approve->future;
        wanted.future.count = approve->future_count;
        s = door_call(CALL(host_approval, &wanted, &state), a);
        if (s)
                return s;
        if (approve->print) {
                s = file_replace(approve->print, state.to_sign);
                goto out;
        }
        s = authority(approve, state.to_sign, a, &request);
        if (s)
                return s;
        request.pcrs = state.pcrs;
        request.epoch = state.epoch;
        s = door_call(CALL(host_approve, &request, &reply), a);
        if (request.passphrase >= 0)
                close(request.passphrase);
out:
        if (!s)
                print_state(approve, &state);
        return s;
}

int cmd_host_approve(int argc, char **argv)
{
        static const struct argp_child children[] = {{&output_json_argp, 0, NULL, 0}, {0}};
        static const struct argp argp = {
                approve_options,
                approve_parse,
                NULL,
                "Approves the state that this host is in (or, with --pcr, will be in) with the "
                "site key: what is sealed opens in approved states only.",
                children,
                NULL,
                NULL};
        struct approve approve = {0};
        struct arena *a;
        enum status s;

        if (argp_parse(&argp, argc, argv, 0, NULL, &approve))
                return EXIT_USAGE;
        a = arena_new();
        s = approve_host(&approve, a);
        arena_free(a);
        return s ? output_error(s, "host approve") : output_end();
}
