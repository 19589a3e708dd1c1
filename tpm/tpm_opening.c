/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy session in which what is sealed opens, and what is under the same policy is written
 * (docs/constructions.md, "The policy of a sealed object"). tpm_seal.c and tpm_table.c come here.
 */
#include "tpm/tpm_internal.h"
#include "tpm/tpm_policy.h"

#include <endian.h>
#include <string.h>

enum { POLICY_RESTARTS = 8 };

struct pcr_value tpm_destination(uint32_t pcr, const struct digest *binding)
{
        struct digest zero = {.alg = binding->alg};

        return (struct pcr_value){pcr, digest_extend(&zero, binding)};
}

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

/* Makes a session that satisfies the policy, and uses it at once. */
static TSS2_RC use_once(struct tpm *t, ESYS_TR session, const struct opening *o, tpm_in_policy *use,
                        void *what)
{
        TSS2_RC rc = fulfil(t, session, o);

        return rc ? rc : use(t, session, what);
}

static enum status in_session(struct tpm *t, const struct opening *o, tpm_in_policy *use,
                              void *what, TSS2_RC *rc_out)
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
                rc = use_once(t, session, o, use, what);
        /* A PCR was extended meanwhile, as a live IMA list does with PCR 10: try again. */
        for (int i = 0; i < POLICY_RESTARTS && tpm_code(rc) == TPM2_RC_PCR_CHANGED; i++) {
                rc = ASK(t, Esys_PolicyRestart(t->esys, session, ESYS_TR_NONE, ESYS_TR_NONE,
                                               ESYS_TR_NONE));
                if (!rc)
                        rc = use_once(t, session, o, use, what);
        }
        tpm_drop(t, session);
        *rc_out = rc;
        return ST_DONE;
}

enum status tpm_policy_refused(TSS2_RC rc, const char *doing)
{
        uint32_t code = tpm_code(rc);

        if (code == TPM2_RC_POLICY || code == TPM2_RC_VALUE)
                return FAIL(ST_NOT_APPROVED, .subject = "the state of this host",
                            .found = "it changed while the TPM was being asked",
                            .remedy = "bulkhead host approve");
        if (code == TPM2_RC_PCR_CHANGED)
                return FAIL(ST_BUSY, .subject = "the PCRs of this host",
                            .found = "they are extended all the time",
                            .remedy = "try again; bulkhead status");
        return tpm_failed(rc, doing);
}

enum status tpm_with_policy(struct tpm *t, uint32_t pcr, const struct digest *binding,
                            tpm_in_policy *use, void *what, TSS2_RC *rc_out)
{
        struct opening o = {.pcr = pcr};
        struct extend extend = {.pcr = pcr};
        enum status s = tpm_approval_fitting(t, &o.approval);

        *rc_out = TSS2_RC_SUCCESS;
        if (!s)
                s = approval_ticket(t, o.approval, &o.state, &o.ticket);
        if (!s && pcr) {
                extend.digest = *binding;
                o.destination = tpm_destination(pcr, binding);
                s = tpm_destination_set(t, pcr, &extend, 1);
        }
        if (!s)
                s = in_session(t, &o, use, what, rc_out);
        if (pcr)
                tpm_destination_clear(t, pcr);
        return s;
}
