/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to the TPM: opening it, what is held and flushed, what a response code means.
 * No other file opens an ESYS context. Nothing here knows what is asked of the TPM.
 */
#include "tpm/tpm_internal.h"

#include "lib/report.h"

#include <time.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_sys.h>

enum { WAITS_MOST = 10 }; /* 1, 2, 4 ... ms: a second in all */

uint32_t tpm_code(TSS2_RC rc)
{
        uint32_t layer = rc & TSS2_RC_LAYER_MASK, code = rc & 0xffff;

        if (layer && layer != TSS2_RESMGR_TPM_RC_LAYER)
                return 0;
        return code & TPM2_RC_FMT1 ? code & (TPM2_RC_FMT1 | 0x3f) : code & 0xfff;
}

/* The TPM or the connection changed under us: connection, session and loaded keys are made anew. */
static bool means_stale(TSS2_RC rc)
{
        uint32_t layer = rc & TSS2_RC_LAYER_MASK, code = tpm_code(rc);

        if (layer && layer != TSS2_RESMGR_TPM_RC_LAYER)
                return true; /* the TCTI failed, or ESYS did not believe a response */
        return (code >= TPM2_RC_REFERENCE_H0 && code <= TPM2_RC_REFERENCE_S6) ||
               code == TPM2_RC_BAD_AUTH || code == TPM2_RC_HANDLE;
}

static void flush_raw(struct tpm *t, TPM2_HANDLE handle)
{
        TSS2_SYS_CONTEXT *sys = NULL;

        if (!Esys_GetSysContext(t->esys, &sys))
                (void)Tss2_Sys_FlushContext(sys, handle);
}

static bool is_held(struct tpm *t, TPM2_HANDLE handle)
{
        TPM2_HANDLE ours;

        for (size_t i = 0; i < TPM_HELD_MOST; i++)
                if (t->held[i] != ESYS_TR_NONE &&
                    !Esys_TR_GetTpmHandle(t->esys, t->held[i], &ours) && ours == handle)
                        return true;
        return t->session != ESYS_TR_NONE && !Esys_TR_GetTpmHandle(t->esys, t->session, &ours) &&
               ours == handle;
}

/* This process has the TPM to itself, so whatever is loaded and not held is left over from a
 * worker that was killed or from a response that was lost. Returns an error only if the
 * transport fails. */
static TSS2_RC flush_leftovers(struct tpm *t)
{
        static const TPM2_HANDLE kinds[] = {TPM2_TRANSIENT_FIRST, TPM2_LOADED_SESSION_FIRST,
                                            TPM2_ACTIVE_SESSION_FIRST};

        if (t->ak != ESYS_TR_NONE && Esys_FlushContext(t->esys, t->ak))
                Esys_TR_Close(t->esys, &t->ak);
        t->ak = ESYS_TR_NONE;
        for (size_t k = 0; k < 3; k++) {
                TPMS_CAPABILITY_DATA *data = NULL;
                TPML_HANDLE *found;
                TSS2_RC rc = Esys_GetCapability(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                                TPM2_CAP_HANDLES, kinds[k], TPM2_MAX_CAP_HANDLES,
                                                NULL, &data);

                if ((rc & TSS2_RC_LAYER_MASK) == TSS2_TCTI_RC_LAYER)
                        return rc;
                if (rc)
                        continue;
                found = &data->data.handles;
                for (size_t i = 0; i < found->count; i++)
                        if (!is_held(t, found->handle[i]))
                                flush_raw(t, found->handle[i]);
                Esys_Free(data);
        }
        return TSS2_RC_SUCCESS;
}

/* tpm2-tss 3.2.1 takes flags off a session for a command that cannot use them, and does not put
 * them back after an error. The next secret would then travel in clear. */
TSS2_RC tpm_encrypt(struct tpm *t)
{
        return Esys_TRSess_SetAttributes(
                t->esys, t->session,
                TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT, 0xff);
}

bool tpm_again(struct tpm *t, TSS2_RC rc, struct tpm_tries *tries)
{
        struct timespec pause = {0, 1000000L << tries->waits};

        if (rc && t->session != ESYS_TR_NONE && tpm_encrypt(t))
                t->stale = true;
        if (rc && means_stale(rc))
                t->stale = true;
        switch (tpm_code(rc)) {
        case TPM2_RC_RETRY:
        case TPM2_RC_YIELDED:
        case TPM2_RC_TESTING:
        case TPM2_RC_NV_RATE:
                if (tries->waits++ == WAITS_MOST)
                        return false;
                nanosleep(&pause, NULL);
                return true;
        case TPM2_RC_OBJECT_MEMORY:
        case TPM2_RC_SESSION_MEMORY:
        case TPM2_RC_SESSION_HANDLES:
                if (tries->flushed)
                        return false;
                tries->flushed = true;
                return !flush_leftovers(t);
        default:
                return false;
        }
}

static const struct {
        uint32_t code;
        enum status status;
        const char *expected, *remedy;
} meanings[] = {
        {TPM2_RC_LOCKOUT, ST_TPM_LOCKED, "a TPM that takes passphrases",
         "wait for the lockout to end, or: tpm2_dictionarylockout --clear-lockout"},
        {TPM2_RC_INITIALIZE, ST_TPM, "a TPM that the firmware has started",
         "reset the machine; for a simulated TPM: tpm2_startup -c"},
        {TPM2_RC_FAILURE, ST_TPM, "a TPM that is not in failure mode",
         "power the machine off and on; tpm2_gettestresult tells more"},
        {TPM2_RC_NV_RATE, ST_TPM, "a TPM that lets its memory be written", "wait a while"},
        {TPM2_RC_NV_UNAVAILABLE, ST_TPM, "a TPM whose memory can be written", "try again later"},
        {TPM2_RC_BAD_AUTH, ST_TPM, "an empty owner and endorsement authorization",
         "tpm2_changeauth -c owner; tpm2_changeauth -c endorsement"},
        {TPM2_RC_OBJECT_MEMORY, ST_TPM, "room for one more key in the TPM",
         "use /dev/tpmrm0, or stop what else uses the TPM"},
        {TPM2_RC_SESSION_MEMORY, ST_TPM, "room for one more session in the TPM",
         "use /dev/tpmrm0, or stop what else uses the TPM"},
        {TPM2_RC_SESSION_HANDLES, ST_TPM, "room for one more session in the TPM",
         "use /dev/tpmrm0, or stop what else uses the TPM"},
};

enum status tpm_failed(TSS2_RC rc, const char *doing)
{
        uint32_t layer = rc & TSS2_RC_LAYER_MASK, code = tpm_code(rc);

        for (size_t i = 0; code && i < sizeof(meanings) / sizeof(meanings[0]); i++)
                if (meanings[i].code == code)
                        return FAIL(meanings[i].status, .subject = doing,
                                    .expected = meanings[i].expected,
                                    .found = FMT("%s (0x%x)", Tss2_RC_Decode(rc), rc),
                                    .remedy = meanings[i].remedy);
        if (layer && layer != TSS2_RESMGR_TPM_RC_LAYER)
                return FAIL(ST_TPM, .subject = doing, .expected = "a sound answer from the TPM",
                            .found = FMT("%s (0x%x)", Tss2_RC_Decode(rc), rc),
                            .remedy = "see that the TPM is there and answers: bulkhead status");
        return FAIL(ST_TPM, .subject = doing, .found = FMT("%s (0x%x)", Tss2_RC_Decode(rc), rc),
                    .remedy = "bulkhead status");
}

void tpm_hold(struct tpm *t, ESYS_TR handle)
{
        for (size_t i = 0; i < TPM_HELD_MOST; i++)
                if (t->held[i] == ESYS_TR_NONE) {
                        t->held[i] = handle;
                        return;
                }
        fatal("more than %d things held in the TPM at once", TPM_HELD_MOST);
}

void tpm_drop(struct tpm *t, ESYS_TR handle)
{
        for (size_t i = 0; i < TPM_HELD_MOST; i++)
                if (handle != ESYS_TR_NONE && t->held[i] == handle) {
                        t->held[i] = ESYS_TR_NONE;
                        if (!t->stale && ASK(t, Esys_FlushContext(t->esys, handle)))
                                t->stale = true;
                        return;
                }
}

void tpm_drop_all(struct tpm *t)
{
        for (size_t i = 0; i < TPM_HELD_MOST; i++)
                tpm_drop(t, t->held[i]);
}

void tpm_disconnect(struct tpm *t)
{
        if (t->esys && !t->stale) {
                if (t->ak != ESYS_TR_NONE)
                        (void)Esys_FlushContext(t->esys, t->ak);
                if (t->session != ESYS_TR_NONE)
                        (void)Esys_FlushContext(t->esys, t->session);
        }
        Esys_Finalize(&t->esys);
        t->broken |= tcti_watch_failed(t->tcti);
        tcti_watch_close(&t->tcti);
        t->srk = t->session = t->ak = t->epoch = t->table = ESYS_TR_NONE;
        for (size_t i = 0; i < TPM_HELD_MOST; i++)
                t->held[i] = ESYS_TR_NONE;
}

enum status tpm_connect(struct tpm *t)
{
        TSS2_RC rc;

        if (t->stale) {
                tpm_disconnect(t);
                t->stale = false;
                t->trouble = true;
        }
        if (t->esys)
                return ST_DONE;
        rc = tcti_watch_open(t->source, t->conf[0] ? t->conf : NULL, t->patience, &t->tcti);
        if (!rc)
                rc = Esys_Initialize(&t->esys, t->tcti, NULL);
        if (!rc && t->trouble)
                rc = flush_leftovers(t);
        if (rc) {
                t->stale = true;
                return tpm_failed(rc, FMT("connecting to the TPM at %s", t->conf));
        }
        return ST_DONE;
}
