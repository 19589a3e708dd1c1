/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One quote: sets the destination PCRs, quotes, clears them, and returns a quote only if it agrees
 * with the PCR values that were read. The AK stays loaded, its authValue in this process.
 */
#include "tpm/tpm_internal.h"
#include "tpm/tpm_policy.h"

#include <string.h>
#include <tss2/tss2_mu.h>

enum { QUOTES_MOST = 4 };

enum status tpm_ak(struct tpm *t)
{
        enum status s;
        TSS2_RC rc;

        if (t->ak != ESYS_TR_NONE)
                return ST_DONE;
        if (!t->ak_auth.size) {
                s = tpm_open_secret(t, 0, NULL, t->keys.ak_auth_public, t->keys.ak_auth_private,
                                    t->ak_auth.buffer);
                if (s)
                        return s;
                t->ak_auth.size = KEYS_SECRET_SIZE;
        }
        s = tpm_load(t, t->keys.ak_public, t->keys.ak_private, &t->ak);
        if (s)
                return s;
        rc = Esys_TR_SetAuth(t->esys, t->ak, &t->ak_auth);
        return rc ? tpm_failed(rc, "loading the AK") : ST_DONE;
}

static enum status quote(struct tpm *t, struct arena *a, uint32_t mask,
                         const struct tpm_attest_req *req, struct tpm_attest_rep *rep_out)
{
        TPML_PCR_SELECTION which = tpm_policy_selection(t->keys.alg, mask);
        TPMT_SIG_SCHEME scheme = {.scheme = TPM2_ALG_NULL};
        TPM2B_DATA qualifying = {.size = hash_size(req->qualifying.alg)};
        TPMT_SIGNATURE *signature = NULL;
        TPM2B_ATTEST *attest = NULL;
        TSS2_RC rc;

        memcpy(qualifying.buffer, req->qualifying.bytes, qualifying.size);
        /* A quote holds no secret, and parameter encryption costs over half a millisecond. */
        rc = Esys_TRSess_SetAttributes(t->esys, t->session, TPMA_SESSION_CONTINUESESSION, 0xff);
        if (!rc)
                rc = ASK(t, Esys_Quote(t->esys, t->ak, t->session, ESYS_TR_NONE, ESYS_TR_NONE,
                                       &qualifying, &scheme, &which, &attest, &signature));
        if (tpm_encrypt(t))
                t->stale = true;
        if (rc)
                return tpm_failed(rc, "quoting");
        rep_out->quote =
                (struct bytes){arena_copy(a, attest->attestationData, attest->size), attest->size};
        rep_out->signature = tpm_signature_bytes(a, signature);
        Esys_Free(attest);
        Esys_Free(signature);
        return ST_DONE;
}

/* Whether each destination PCR holds what the extends make of it. */
static bool destinations_right(const struct tpm_attest_req *req, const struct tpm_attest_rep *rep)
{
        for (size_t i = 0; i < rep->pcrs.count; i++) {
                const struct pcr_value *pcr = &rep->pcrs.items[i];
                struct digest expected = {.alg = pcr->value.alg};
                bool extended = false;

                for (size_t k = 0; k < req->extends.count; k++)
                        if (req->extends.items[k].pcr == pcr->pcr) {
                                expected = digest_extend(&expected, &req->extends.items[k].digest);
                                extended = true;
                        }
                if (extended && !digest_equal(&expected, &pcr->value))
                        return false;
        }
        return true;
}

/* Whether the quote's digest is that of the values that were read. */
static bool quote_right(const struct tpm_attest_rep *rep)
{
        struct digest read = tpm_policy_pcr_digest(rep->pcrs.items, rep->pcrs.count);
        const TPM2B_DIGEST *quoted;
        TPMS_ATTEST attest;
        size_t at = 0;

        if (Tss2_MU_TPMS_ATTEST_Unmarshal(rep->quote.data, rep->quote.len, &at, &attest) ||
            attest.type != TPM2_ST_ATTEST_QUOTE)
                return false;
        quoted = &attest.attested.quote.pcrDigest;
        return quoted->size == 32 && !memcmp(quoted->buffer, read.bytes, 32);
}

static uint32_t destinations(const struct tpm_attest_req *req)
{
        uint32_t mask = 0;

        for (size_t i = 0; i < req->extends.count; i++)
                mask |= 1u << req->extends.items[i].pcr;
        return mask;
}

static enum status attest_once(struct tpm *t, struct arena *a, const struct tpm_attest_req *req,
                               struct tpm_attest_rep *rep_out)
{
        uint32_t mask = req->pcrs | destinations(req);
        enum status s = ST_DONE;

        for (uint32_t pcr = 16; pcr < 24 && !s; pcr++)
                if (destinations(req) >> pcr & 1)
                        s = tpm_destination_set(t, pcr, req->extends.items, req->extends.count);
        if (!s)
                s = quote(t, a, mask, req, rep_out);
        if (!s)
                s = tpm_read_pcrs(t, a, mask, &rep_out->pcrs.items, &rep_out->pcrs.count);
        for (uint32_t pcr = 16; pcr < 24; pcr++)
                if (destinations(req) >> pcr & 1)
                        tpm_destination_clear(t, pcr);
        return s;
}

static enum status attest(struct tpm *t, struct arena *a, const void *req, void *rep)
{
        enum status s = tpm_session(t);

        if (!s)
                s = tpm_ak(t);
        for (int i = 0; i < QUOTES_MOST && !s; i++) {
                s = attest_once(t, a, req, rep);
                if (s || (destinations_right(req, rep) && quote_right(rep)))
                        return s;
        }
        return s ? s
                 : FAIL(ST_BUSY, .subject = "the PCRs to be quoted",
                        .expected = "values that stay while they are quoted",
                        .found = "somebody else extends them all the time",
                        .remedy = "try again; ask for fewer PCRs");
}

static enum status check(const struct tpm *t, const struct tpm_attest_req *req)
{
        enum status s = tpm_in_use(t);

        if (s)
                return s;
        if (req->pcrs >> 24 || !(req->pcrs || req->extends.count) ||
            !hash_size(req->qualifying.alg))
                return FAIL(ST_INVALID, .subject = "what is to be quoted",
                            .expected = "PCRs of 0 to 23, and a digest");
        for (size_t i = 0; i < req->extends.count; i++) {
                const struct extend *e = &req->extends.items[i];

                if (e->pcr > 23 || !(KEYS_RESETTABLE >> e->pcr & 1) || e->digest.alg != t->keys.alg)
                        return FAIL(ST_INVALID, .subject = FMT("PCR %u", e->pcr),
                                    .expected = FMT("PCR 16 or 23, and a digest of %s",
                                                    hash_name((enum hash_alg)t->keys.alg)));
        }
        return ST_DONE;
}

enum status tpm_attest(struct tpm *t, struct arena *a, const struct tpm_attest_req *req,
                       struct tpm_attest_rep *rep_out)
{
        uint64_t before = tcti_watch_time(t->tcti);
        enum status s = check(t, req);

        if (!s)
                s = tpm_run(t, attest, a, req, rep_out);
        /* A new connection begins to count at zero. */
        rep_out->tpm_time = tcti_watch_time(t->tcti);
        if (rep_out->tpm_time >= before)
                rep_out->tpm_time -= before;
        return s;
}
