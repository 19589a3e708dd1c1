/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing and unsealing (docs/constructions.md). Secrets are in stack frames of this file, in the
 * salted session and in the caller's pipe, and nowhere else.
 */
#include "lib/io.h"
#include "tpm/tpm_internal.h"
#include "tpm/tpm_policy.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { PIPE_WAIT = 10 * 1000 };

static enum status not_a_destination(uint32_t pcr)
{
        return FAIL(ST_INVALID, .subject = FMT("PCR %u", pcr),
                    .expected = "PCR 16 or 23, and a digest of the TPM's bank");
}

static enum status check_binding(const struct tpm *t, uint32_t pcr, const struct digest *binding)
{
        enum status s = tpm_in_use(t);

        if (s)
                return s;
        if (pcr > 23 || !(KEYS_RESETTABLE >> pcr & 1) || binding->alg != t->keys.alg)
                return not_a_destination(pcr);
        return ST_DONE;
}

static struct digest sealed_policy(const struct tpm *t, uint32_t pcr, const struct digest *binding)
{
        struct digest policy = tpm_policy_authorize(&t->site_name);
        struct pcr_value at_start;

        if (!pcr)
                return policy;
        at_start = tpm_destination(pcr, binding);
        return tpm_policy_pcr(&policy, &at_start, 1);
}

/* --- the story of one unseal ----------------------------------------------------------------- */

struct unsealing {
        ESYS_TR object;
        uint8_t *secret_out;
};

static TSS2_RC unseal_in(struct tpm *t, ESYS_TR policy, void *what)
{
        const struct unsealing *u = what;
        TPM2B_SENSITIVE_DATA *data = NULL;
        TSS2_RC rc =
                ASK(t, Esys_Unseal(t->esys, u->object, policy, t->session, ESYS_TR_NONE, &data));

        if (rc)
                return rc;
        if (data->size == KEYS_SECRET_SIZE)
                memcpy(u->secret_out, data->buffer, KEYS_SECRET_SIZE);
        else
                rc = TPM2_RC_POLICY_FAIL; /* no seal of Bulkhead's */
        explicit_bzero(data, sizeof(*data));
        Esys_Free(data);
        return rc;
}

static enum status refused(TSS2_RC rc)
{
        if (tpm_code(rc) == TPM2_RC_POLICY_FAIL)
                return FAIL(ST_CHANGED, .subject = "a sealed secret",
                            .expected = "what it was sealed to",
                            .found = "another VM, descriptor, predicate, disk, configuration or "
                                     "site key",
                            .remedy = "put back what was sealed; if the change is wanted, seal the "
                                      "VM again, with a passphrase of its disks");
        return tpm_policy_refused(rc, "unsealing");
}

enum status tpm_open_secret(struct tpm *t, uint32_t pcr, const struct digest *binding,
                            struct bytes public, struct bytes private,
                            uint8_t secret_out[static KEYS_SECRET_SIZE])
{
        struct unsealing u = {.secret_out = secret_out};
        TSS2_RC rc = TSS2_RC_SUCCESS;
        enum status s = tpm_load(t, public, private, &u.object);

        if (s)
                return s;
        tpm_hold(t, u.object);
        s = tpm_with_policy(t, pcr, binding, unseal_in, &u, &rc);
        tpm_drop(t, u.object);
        return rc ? refused(rc) : s;
}

/* Seals, and unseals at once: a seal that would not open is refused before it is relied on. */
static enum status seal_secret(struct tpm *t, struct arena *a, uint32_t pcr,
                               const struct digest *binding,
                               const uint8_t secret[static KEYS_SECRET_SIZE],
                               struct bytes *public_out, struct bytes *private_out)
{
        struct digest policy = sealed_policy(t, pcr, binding);
        TPM2B_PUBLIC template = keys_sealed(&policy);
        uint8_t opened[KEYS_SECRET_SIZE];
        enum status s = tpm_create(t, a, &template, NULL, secret, public_out, private_out);

        if (!s)
                s = tpm_open_secret(t, pcr, binding, *public_out, *private_out, opened);
        if (!s && CRYPTO_memcmp(opened, secret, sizeof(opened)))
                s = FAIL(ST_TPM, .subject = "a new seal", .expected = "one that opens",
                         .found = "another secret");
        explicit_bzero(opened, sizeof(opened));
        return s;
}

/* --- pipes ----------------------------------------------------------------------------------- */

static enum status pipe_failed(const char *found)
{
        return FAIL(ST_IO, .subject = "the pipe of a secret", .found = found);
}

static enum status pipe_wait(int fd, short event, int64_t deadline)
{
        struct pollfd p = {.fd = fd, .events = event};
        int r;

        do
                r = poll(&p, 1, deadline_left(deadline));
        while (r < 0 && errno == EINTR);
        if (!r)
                return FAIL(ST_TIMEOUT, .subject = "the pipe of a secret",
                            .found = "nobody at its other end");
        return r < 0 ? pipe_failed(strerror(errno)) : ST_DONE;
}

static enum status secret_read(int fd, uint8_t secret[static KEYS_SECRET_SIZE])
{
        const int64_t deadline = deadline_in(PIPE_WAIT); /* for all of it */
        size_t got = 0;
        enum status s;
        ssize_t r;

        while (got < KEYS_SECRET_SIZE) {
                s = pipe_wait(fd, POLLIN, deadline);
                if (s)
                        return s;
                r = read(fd, secret + got, KEYS_SECRET_SIZE - got);
                if (r == 0)
                        return pipe_failed("fewer than 32 bytes");
                if (r < 0 && errno != EINTR)
                        return pipe_failed(strerror(errno));
                if (r > 0)
                        got += r;
        }
        return ST_DONE;
}

/* 32 bytes are less than PIPE_BUF, so they are written whole or not at all. */
static enum status secret_write(int fd, const uint8_t secret[static KEYS_SECRET_SIZE])
{
        const int64_t deadline = deadline_in(PIPE_WAIT);
        enum status s;
        ssize_t r;

        do {
                s = pipe_wait(fd, POLLOUT, deadline);
                if (s)
                        return s;
                r = write(fd, secret, KEYS_SECRET_SIZE);
        } while (r < 0 && errno == EINTR);
        return r == KEYS_SECRET_SIZE ? ST_DONE : pipe_failed(r < 0 ? strerror(errno) : "cut short");
}

/* --- requests -------------------------------------------------------------------------------- */

struct sealing {
        uint32_t pcr;
        const struct digest *binding, *new_binding;
        struct bytes public, private;
        uint8_t secret[KEYS_SECRET_SIZE];
};

static enum status seal(struct tpm *t, struct arena *a, const void *req, void *rep)
{
        const struct sealing *job = req;
        struct tpm_seal_rep *out = rep;

        return seal_secret(t, a, job->pcr, job->binding, job->secret, &out->blob_public,
                           &out->blob_private);
}

enum status tpm_seal(struct tpm *t, struct arena *a, const struct tpm_seal_req *req,
                     struct tpm_seal_rep *rep_out)
{
        struct sealing job = {.pcr = req->pcr, .binding = &req->binding};
        enum status s = check_binding(t, req->pcr, &req->binding);

        if (!s)
                s = secret_read(req->secret, job.secret);
        if (!s)
                s = tpm_run(t, seal, a, &job, rep_out);
        explicit_bzero(&job, sizeof(job));
        return s;
}

static enum status unseal(struct tpm *t, struct arena *a, const void *req, void *rep)
{
        const struct sealing *job = req;

        (void)a;
        return tpm_open_secret(t, job->pcr, job->binding, job->public, job->private, rep);
}

enum status tpm_unseal(struct tpm *t, const struct tpm_unseal_req *req)
{
        struct sealing job = {.pcr = req->pcr,
                              .binding = &req->binding,
                              .public = req->blob_public,
                              .private = req->blob_private};
        uint8_t secret[KEYS_SECRET_SIZE];
        enum status s = check_binding(t, req->pcr, &req->binding);

        if (!s)
                s = tpm_run(t, unseal, NULL, &job, secret);
        if (!s)
                s = secret_write(req->secret, secret);
        explicit_bzero(secret, sizeof(secret));
        return s;
}

static enum status reseal(struct tpm *t, struct arena *a, const void *req, void *rep)
{
        const struct sealing *job = req;
        struct tpm_reseal_rep *out = rep;
        uint8_t secret[KEYS_SECRET_SIZE];
        enum status s =
                tpm_open_secret(t, job->pcr, job->binding, job->public, job->private, secret);

        if (!s)
                s = seal_secret(t, a, job->pcr, job->new_binding, secret, &out->new_public,
                                &out->new_private);
        explicit_bzero(secret, sizeof(secret));
        return s;
}

enum status tpm_reseal(struct tpm *t, struct arena *a, const struct tpm_reseal_req *req,
                       struct tpm_reseal_rep *rep_out)
{
        struct sealing job = {.pcr = req->pcr,
                              .binding = &req->binding,
                              .new_binding = &req->new_binding,
                              .public = req->blob_public,
                              .private = req->blob_private};
        enum status s = check_binding(t, req->pcr, &req->binding);

        if (!s)
                s = check_binding(t, req->pcr, &req->new_binding);
        if (!s)
                s = tpm_run(t, reseal, a, &job, rep_out);
        return s;
}
