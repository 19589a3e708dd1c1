/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing and unsealing (docs/constructions.md). Secrets are in stack frames of this file, in the
 * salted session and in the caller's pipe, and nowhere else.
 */
#include "tpm/tpm_internal.h"
#include "tpm/tpm_policy.h"

#include <endian.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { POLICY_RESTARTS = 8, PIPE_WAIT = 10 * 1000 };

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

/* The destination PCR's value after its one extend. */
static struct pcr_value destination(uint32_t pcr, const struct digest *binding)
{
        struct digest zero = {.alg = binding->alg};

        return (struct pcr_value){pcr, digest_extend(&zero, binding)};
}

static struct digest sealed_policy(const struct tpm *t, uint32_t pcr, const struct digest *binding)
{
        struct digest policy = tpm_policy_authorize(&t->site_name);
        struct pcr_value at_start;

        if (!pcr)
                return policy;
        at_start = destination(pcr, binding);
        return tpm_policy_pcr(&policy, &at_start, 1);
}

/* --- the policy session ---------------------------------------------------------------------- */

/* The ticket by which this TPM certifies that it has verified the site key's signature on this
 * state. */
static enum status approval_ticket(struct tpm *t, const struct approval *approval,
                                   TPM2B_DIGEST *state_out, TPMT_TK_VERIFIED *ticket_out)
{
        struct digest state = tpm_policy_state(approval->pcrs.items, approval->pcrs.count,
                                               &t->epoch_name, approval->epoch);
        uint8_t to_sign[TPM_POLICY_TO_SIGN];
        TPM2B_DIGEST hashed = {.size = 32};
        TPMT_TK_VERIFIED *ticket = NULL;
        TPMT_SIGNATURE signature;
        struct digest d;
        ESYS_TR key;
        enum status s = tpm_signature(approval->signature, &signature);
        TSS2_RC rc;

        if (s)
                return s;
        tpm_policy_to_sign(&state, to_sign);
        d = digest_of(HASH_SHA256, to_sign, sizeof(to_sign));
        memcpy(hashed.buffer, d.bytes, 32);
        /* Not into the NULL hierarchy, for which TPMs make empty tickets. */
        rc = ASK(t, Esys_LoadExternal(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
                                      &t->site, ESYS_TR_RH_OWNER, &key));
        if (rc)
                return tpm_failed(rc, "loading the site key's public part");
        tpm_hold(t, key);
        rc = ASK(t, Esys_VerifySignature(t->esys, key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                         &hashed, &signature, &ticket));
        tpm_drop(t, key);
        if (tpm_code(rc) == TPM2_RC_SIGNATURE)
                return FAIL(ST_NOT_APPROVED, .subject = "an approval of this host's state",
                            .expected = "a signature by the site key", .found = "another one",
                            .remedy = "bulkhead host approve");
        if (rc)
                return tpm_failed(rc, "checking an approval");
        state_out->size = 32;
        memcpy(state_out->buffer, state.bytes, 32);
        *ticket_out = *ticket;
        Esys_Free(ticket);
        return ST_DONE;
}

static TSS2_RC policy_pcr(struct tpm *t, ESYS_TR session, const struct pcr_value *pcrs,
                          size_t count)
{
        TPML_PCR_SELECTION which = tpm_policy_selection(t->keys.alg, tpm_policy_mask(pcrs, count));
        struct digest values = tpm_policy_pcr_digest(pcrs, count);
        TPM2B_DIGEST digest = {.size = 32};

        memcpy(digest.buffer, values.bytes, 32);
        return ASK(t, Esys_PolicyPCR(t->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                     &digest, &which));
}

static TSS2_RC policy_epoch(struct tpm *t, ESYS_TR session, uint64_t epoch)
{
        TPM2B_OPERAND most = {.size = KEYS_COUNTER_SIZE};
        uint64_t big = htobe64(epoch);

        memcpy(most.buffer, &big, sizeof(big));
        return ASK(t, Esys_PolicyNV(t->esys, t->epoch, t->epoch, session, t->session, ESYS_TR_NONE,
                                    ESYS_TR_NONE, &most, 0, TPM2_EO_UNSIGNED_LE));
}

struct opening {
        const struct approval *approval;
        TPM2B_DIGEST state;
        TPMT_TK_VERIFIED ticket;
        uint32_t pcr; /* 0: none */
        struct pcr_value destination;
};

static TSS2_RC fulfil(struct tpm *t, ESYS_TR session, const struct opening *o)
{
        TPM2B_NONCE reference = {.size = strlen(KEYS_POLICY_REF)};
        TSS2_RC rc;

        memcpy(reference.buffer, KEYS_POLICY_REF, reference.size);
        rc = policy_pcr(t, session, o->approval->pcrs.items, o->approval->pcrs.count);
        if (!rc)
                rc = policy_epoch(t, session, o->approval->epoch);
        if (!rc)
                rc = ASK(t, Esys_PolicyAuthorize(t->esys, session, ESYS_TR_NONE, ESYS_TR_NONE,
                                                 ESYS_TR_NONE, &o->state, &reference, &t->site_name,
                                                 &o->ticket));
        if (!rc && o->pcr)
                rc = policy_pcr(t, session, &o->destination, 1);
        return rc;
}

static enum status refused(TSS2_RC rc)
{
        uint32_t code = tpm_code(rc);

        if (code == TPM2_RC_POLICY_FAIL)
                return FAIL(
                        ST_CHANGED, .subject = "a sealed secret",
                        .expected = "what it was sealed to",
                        .found = "another VM, descriptor, predicate, disk, configuration or "
                                 "site key",
                        .remedy = "put back what was sealed; if the change is wanted, seal the VM "
                                  "again, with a passphrase of its disks");
        if (code == TPM2_RC_POLICY || code == TPM2_RC_VALUE)
                return FAIL(ST_NOT_APPROVED, .subject = "the state of this host",
                            .found = "it changed while a secret was being unsealed",
                            .remedy = "bulkhead host approve");
        if (code == TPM2_RC_PCR_CHANGED)
                return FAIL(ST_BUSY, .subject = "the PCRs of this host",
                            .found = "they are extended all the time",
                            .remedy = "try again; bulkhead status");
        return tpm_failed(rc, "unsealing");
}

static TSS2_RC unseal_once(struct tpm *t, ESYS_TR object, ESYS_TR session, const struct opening *o,
                           uint8_t secret_out[static KEYS_SECRET_SIZE])
{
        TPM2B_SENSITIVE_DATA *data = NULL;
        TSS2_RC rc = fulfil(t, session, o);

        if (!rc)
                rc = ASK(t, Esys_Unseal(t->esys, object, session, t->session, ESYS_TR_NONE, &data));
        if (rc)
                return rc;
        if (data->size == KEYS_SECRET_SIZE)
                memcpy(secret_out, data->buffer, KEYS_SECRET_SIZE);
        else
                rc = TPM2_RC_POLICY_FAIL; /* no seal of Bulkhead's */
        explicit_bzero(data, sizeof(*data));
        Esys_Free(data);
        return rc;
}

static enum status unseal_object(struct tpm *t, ESYS_TR object, const struct opening *o,
                                 uint8_t secret_out[static KEYS_SECRET_SIZE])
{
        TPMT_SYM_DEF none = {.algorithm = TPM2_ALG_NULL};
        ESYS_TR session;
        TSS2_RC rc = ASK(t, Esys_StartAuthSession(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                                  ESYS_TR_NONE, ESYS_TR_NONE, NULL, TPM2_SE_POLICY,
                                                  &none, TPM2_ALG_SHA256, &session));

        if (rc)
                return tpm_failed(rc, "opening a policy session");
        tpm_hold(t, session);
        rc = Esys_TRSess_SetAttributes(t->esys, session, TPMA_SESSION_CONTINUESESSION, 0xff);
        if (!rc)
                rc = unseal_once(t, object, session, o, secret_out);
        /* A PCR was extended meanwhile, as a live IMA list does with PCR 10: try again. */
        for (int i = 0; i < POLICY_RESTARTS && tpm_code(rc) == TPM2_RC_PCR_CHANGED; i++) {
                rc = ASK(t, Esys_PolicyRestart(t->esys, session, ESYS_TR_NONE, ESYS_TR_NONE,
                                               ESYS_TR_NONE));
                if (!rc)
                        rc = unseal_once(t, object, session, o, secret_out);
        }
        tpm_drop(t, session);
        return rc ? refused(rc) : ST_DONE;
}

/* --- the story of one unseal ----------------------------------------------------------------- */

enum status tpm_open_secret(struct tpm *t, uint32_t pcr, const struct digest *binding,
                            struct bytes public, struct bytes private,
                            uint8_t secret_out[static KEYS_SECRET_SIZE])
{
        struct opening o = {.pcr = pcr};
        struct extend extend = {.pcr = pcr};
        ESYS_TR object;
        enum status s;

        s = tpm_load(t, public, private, &object);
        if (s)
                return s;
        tpm_hold(t, object);
        s = tpm_approval_fitting(t, &o.approval);
        if (!s)
                s = approval_ticket(t, o.approval, &o.state, &o.ticket);
        if (!s && pcr) {
                extend.digest = *binding;
                o.destination = destination(pcr, binding);
                s = tpm_destination_set(t, pcr, &extend, 1);
        }
        if (!s)
                s = unseal_object(t, object, &o, secret_out);
        if (pcr)
                tpm_destination_clear(t, pcr);
        tpm_drop(t, object);
        return s;
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

static enum status pipe_wait(int fd, short event)
{
        struct pollfd p = {.fd = fd, .events = event};
        int r;

        do
                r = poll(&p, 1, PIPE_WAIT);
        while (r < 0 && errno == EINTR);
        if (!r)
                return FAIL(ST_TIMEOUT, .subject = "the pipe of a secret",
                            .found = "nobody at its other end");
        return r < 0 ? pipe_failed(strerror(errno)) : ST_DONE;
}

static enum status secret_read(int fd, uint8_t secret[static KEYS_SECRET_SIZE])
{
        size_t got = 0;
        enum status s;
        ssize_t r;

        while (got < KEYS_SECRET_SIZE) {
                s = pipe_wait(fd, POLLIN);
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
        enum status s;
        ssize_t r;

        do {
                s = pipe_wait(fd, POLLOUT);
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

/* --- the table of generations ---------------------------------------------------------------- */

static enum status table_key(struct tpm *t, struct arena *a, const void *req, void *rep)
{
        (void)a, (void)req;
        return tpm_open_secret(t, 0, NULL, t->keys.table_public, t->keys.table_private, rep);
}

enum status tpm_table_mac(struct tpm *t, const struct tpm_table_mac_req *req,
                          struct tpm_table_mac_rep *rep_out)
{
        uint8_t key[KEYS_SECRET_SIZE];
        enum status s = tpm_in_use(t);

        if (!s)
                s = tpm_run(t, table_key, NULL, NULL, key);
        rep_out->mac = (struct digest){.alg = HASH_SHA256};
        if (!s && !HMAC(EVP_sha256(), key, sizeof(key), req->table.data, req->table.len,
                        rep_out->mac.bytes, NULL))
                s = FAIL(ST_INTERNAL, .subject = "HMAC");
        explicit_bzero(key, sizeof(key));
        return s;
}

struct counting {
        bool increment, begun;
        uint64_t before;
};

/* tpm_run() may run this twice. *c remembers the counter's first value, so that one increment is
 * made and not two. */
static enum status table_counter(struct tpm *t, struct arena *a, const void *req, void *rep)
{
        struct tpm_table_counter_rep *out = rep;
        struct counting *c = *(struct counting *const *)req;
        enum status s = tpm_counter_read(t, &t->table, KEYS_TABLE, &out->value);

        (void)a;
        if (s || !c->increment)
                return s;
        if (!c->begun) {
                c->begun = true;
                c->before = out->value;
        }
        if (out->value == c->before)
                s = tpm_counter_increment(t, t->table);
        if (!s)
                s = tpm_counter_read(t, &t->table, KEYS_TABLE, &out->value);
        return s;
}

enum status tpm_table_counter(struct tpm *t, const struct tpm_table_counter_req *req,
                              struct tpm_table_counter_rep *rep_out)
{
        struct counting c = {.increment = req->increment}, *pointer = &c;
        enum status s = tpm_in_use(t);

        return s ? s : tpm_run(t, table_counter, NULL, &pointer, rep_out);
}
