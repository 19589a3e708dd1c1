/* SPDX-License-Identifier: Apache-2.0 */
/* A host that is set up, for tests: does in short what integrity-mgr does around the TPM. */
#include "tests/unit/tpm_host.h"

#include "tests/unit/swtpm.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct tcti_source *host_source;

static const char *explain(void)
{
        static char text[1600];
        const struct error *e = error_last();

        snprintf(text, sizeof(text), "%s: %s, expected %s, found %s, remedy: %s",
                 status_sentence(e->status), e->subject, e->expected, e->found, e->remedy);
        return text;
}

void host_ok(enum status s, const char *call, const char *file, int line)
{
        if (s)
                ck_abort_msg("%s:%d: %s: %d: %s", file, line, call, s, explain());
}

void host_refused(enum status expected, enum status s, const char *call, const char *file, int line)
{
        if (s != expected)
                ck_abort_msg("%s:%d: %s: %s instead of %s (%s)", file, line, call,
                             status_sentence(s), status_sentence(expected), s ? explain() : "");
        ck_assert_msg(error_last()->subject[0], "%s:%d: %s: no subject", file, line, call);
}

int host_pipe_with(const void *bytes, size_t len)
{
        int fds[2];

        ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
        ck_assert_int_eq(write(fds[1], bytes, len), (ssize_t)len);
        close(fds[1]);
        return fds[0];
}

struct bytes host_file(struct arena *a, const char *name)
{
        char path[4500];
        static uint8_t content[65536];
        FILE *f;
        size_t len;

        snprintf(path, sizeof(path), "%s/%s", swtpm_folder(), name);
        f = fopen(path, "re");
        ck_assert_msg(f != NULL, "%s: %m", path);
        len = fread(content, 1, sizeof(content), f);
        fclose(f);
        return (struct bytes){arena_copy(a, content, len), len};
}

void host_write(const char *name, struct bytes b)
{
        char path[4500];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", swtpm_folder(), name);
        f = fopen(path, "we");
        ck_assert_ptr_nonnull(f);
        ck_assert_uint_eq(fwrite(b.data, 1, b.len, f), b.len);
        ck_assert_int_eq(fclose(f), 0);
}

struct tpm *host_tpm(void)
{
        struct tpm *t = tpm_new(swtpm_conf());

        t->efi = false; /* the same on every machine that runs the tests */
        if (host_source)
                t->source = host_source;
        return t;
}

enum status host_setup(struct host *h, const char *pem, const char *passphrase, uint32_t alg,
                       uint32_t pcrs)
{
        struct tpm_setup_req req = {.passphrase = -1, .alg = alg, .static_pcrs = pcrs};
        struct tpm_setup_rep rep;
        enum status s;

        if (pem) {
                ck_assert_int_eq(
                        run("[ -s %s ] || openssl ecparam -name prime256v1 -genkey -noout "
                            "-out %s; openssl pkey -in %s -pubout -outform DER -out %s.der",
                            pem, pem, pem, pem),
                        0);
                req.site_public = host_file(h->a, arena_print(h->a, "%s.der", pem));
        } else {
                req.passphrase = host_pipe_with(passphrase, strlen(passphrase));
        }
        s = tpm_setup(h->t, h->a, &req, &rep);
        if (req.passphrase >= 0)
                close(req.passphrase);
        if (!s)
                h->keys = rep.keys;
        return s;
}

struct host host_new(const char *passphrase)
{
        struct host h = {.a = arena_new(), .t = host_tpm()};

        ok(host_setup(&h, passphrase ? NULL : "site.pem", passphrase, 0, 0));
        return h;
}

void host_free(struct host *h)
{
        tpm_free(h->t);
        arena_free(h->a);
}

enum status host_use(struct host *h)
{
        struct tpm_use_req req = {.keys = h->keys, .approvals = {h->approvals, h->approvals_count}};

        return tpm_use(h->t, &req);
}

static struct bytes sign(struct host *h, const char *pem, struct bytes to_sign)
{
        host_write("to-sign", to_sign);
        ck_assert_int_eq(run("openssl dgst -sha256 -sign %s -out signature to-sign", pem), 0);
        return host_file(h->a, "signature");
}

enum status host_approve_pcrs(struct host *h, struct tpm_static_rep *present, const char *pem,
                              const char *passphrase)
{
        struct tpm_approval_req ask = {.pcrs = {present->pcrs.items, present->pcrs.count},
                                       .epoch = present->epoch};
        struct tpm_approve_req req = {.pcrs = {present->pcrs.items, present->pcrs.count},
                                      .epoch = present->epoch,
                                      .passphrase = -1};
        struct tpm_approval_rep asked;
        struct tpm_approve_rep rep;
        enum status s = tpm_approval(h->t, h->a, &ask, &asked);

        if (s)
                return s;
        if (pem)
                req.signature = sign(h, pem, asked.to_sign);
        else
                req.passphrase = host_pipe_with(passphrase, strlen(passphrase));
        s = tpm_approve(h->t, h->a, &req, &rep);
        if (req.passphrase >= 0)
                close(req.passphrase);
        if (!s)
                h->approvals[h->approvals_count++] = rep.approval;
        return s;
}

enum status host_approve_state(struct host *h, const char *pem, const char *passphrase)
{
        struct tpm_static_rep present;
        enum status s = tpm_static(h->t, h->a, &present);

        return s ? s : host_approve_pcrs(h, &present, pem, passphrase);
}

void host_secret(uint8_t secret[32], int number)
{
        for (int i = 0; i < 32; i++)
                secret[i] = 0x40 + i + 7 * number;
}

struct digest host_binding(int number)
{
        return digest_of(HASH_SHA256, &number, sizeof(number));
}

enum status host_seal(struct host *h, uint32_t pcr, int binding, int secret,
                      struct tpm_seal_rep *out)
{
        struct tpm_seal_req req = {.pcr = pcr, .binding = host_binding(binding)};
        uint8_t bytes[32];
        enum status s;

        host_secret(bytes, secret);
        req.secret = host_pipe_with(bytes, sizeof(bytes));
        s = tpm_seal(h->t, h->a, &req, out);
        close(req.secret);
        return s;
}

enum status host_unseal(struct host *h, uint32_t pcr, int binding, const struct tpm_seal_rep *blob,
                        uint8_t secret_out[32])
{
        struct tpm_unseal_req req = {.pcr = pcr,
                                     .binding = host_binding(binding),
                                     .blob_public = blob->blob_public,
                                     .blob_private = blob->blob_private};
        uint8_t more[64];
        enum status s;
        int fds[2];
        ssize_t len;

        ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
        req.secret = fds[1];
        s = tpm_unseal(h->t, &req);
        close(fds[1]);
        len = read(fds[0], more, sizeof(more));
        close(fds[0]);
        ck_assert_int_eq(len, s ? 0 : 32);
        memcpy(secret_out, more, 32);
        return s;
}

enum status host_attest(struct host *h, uint32_t pcrs, int extend_16, struct tpm_attest_rep *out)
{
        struct extend extend = {16, host_binding(extend_16)};
        struct tpm_attest_req req = {.extends = {&extend, extend_16 ? 1 : 0},
                                     .pcrs = pcrs,
                                     .qualifying = digest_of(HASH_SHA256, "challenge", 9)};

        return tpm_attest(h->t, h->a, &req, out);
}

int host_loaded(void)
{
        int lines = 0;

        ck_assert_int_eq(run("tpm2_getcap handles-transient && tpm2_getcap handles-loaded-session "
                             "&& tpm2_getcap handles-saved-session"),
                         0);
        for (const char *at = run_output(); (at = strstr(at, "0x")); at += 2)
                lines++;
        return lines;
}
