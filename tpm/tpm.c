/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to the TPM: opening it, the one salted session, what is held and flushed, what a
 * response code means. Every other tpm*.c comes through here; no other file opens an ESYS context.
 */
#include "tpm/tpm_internal.h"

#include "lib/report.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_sys.h>
#include <unistd.h>

enum { WAITS_MOST = 10 }; /* 1, 2, 4 ... ms: a second in all */

#define TPM_RUNS 2

uint32_t tpm_code(TSS2_RC rc)
{
        uint32_t layer = rc & TSS2_RC_LAYER_MASK, code = rc & 0xffff;

        if (layer && layer != TSS2_RESMGR_TPM_RC_LAYER)
                return 0;
        return code & TPM2_RC_FMT1 ? code & (TPM2_RC_FMT1 | 0x3f) : code & 0xfff;
}

/* Something outside us changed: another connection, session or set of keys is needed. */
static bool means_stale(TSS2_RC rc)
{
        uint32_t layer = rc & TSS2_RC_LAYER_MASK, code = tpm_code(rc);

        if (layer && layer != TSS2_RESMGR_TPM_RC_LAYER)
                return true; /* TCTI, or ESYS that does not believe a response */
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

/* This process has the TPM to itself, so whatever is loaded and not held is a leftover of ours:
 * of a worker that was killed, or of a response that was lost. An error only if nobody answers. */
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

/* tpm2-tss 3.2.1 takes flags off a session for a command that cannot use them, and after an error
 * it does not put them back: a later secret would travel in clear. */
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

struct tpm *tpm_new(const char *conf)
{
        struct tpm *t = memory_new(1, sizeof(*t));

        /* What tpm2-tss prints by itself says nothing to a person. */
        setenv("TSS2_LOG", "all+NONE", 0);
        t->source = &tcti_loader;
        t->conf = memory_new(1, strlen(conf) + 1);
        strcpy(t->conf, conf);
        t->patience = TPM_PATIENCE;
        t->efi = !access("/sys/firmware/efi", F_OK);
        t->kept = arena_new();
        t->trouble = true; /* a process before us may have been killed in the middle */
        t->srk = t->session = t->ak = t->epoch = t->table = ESYS_TR_NONE;
        for (size_t i = 0; i < TPM_HELD_MOST; i++)
                t->held[i] = ESYS_TR_NONE;
        return t;
}

ESYS_TR tpm_hold(struct tpm *t, ESYS_TR handle)
{
        for (size_t i = 0; i < TPM_HELD_MOST; i++)
                if (t->held[i] == ESYS_TR_NONE) {
                        t->held[i] = handle;
                        return handle;
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

static void drop_all(struct tpm *t)
{
        for (size_t i = 0; i < TPM_HELD_MOST; i++)
                tpm_drop(t, t->held[i]);
}

static void disconnect(struct tpm *t)
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

void tpm_free(struct tpm *t)
{
        if (!t)
                return;
        drop_all(t);
        disconnect(t);
        explicit_bzero(&t->ak_auth, sizeof(t->ak_auth));
        arena_free(t->kept);
        free(t->conf);
        free(t);
}

static enum status connect_tpm(struct tpm *t)
{
        TSS2_RC rc;

        if (t->stale) {
                disconnect(t);
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
        if (t->trouble) {
                tpm_destination_clear(t, 16);
                tpm_destination_clear(t, 23);
                t->trouble = t->stale;
        }
        return ST_DONE;
}

enum status tpm_run(struct tpm *t, tpm_step *step, struct arena *a, const void *req, void *rep)
{
        enum status s = ST_TPM;

        for (int i = 0; i < TPM_RUNS; i++) {
                s = connect_tpm(t);
                if (!s) {
                        s = step(t, a, req, rep);
                        drop_all(t);
                }
                if (!t->stale || !s)
                        break;
        }
        return s;
}

enum status tpm_in_use(const struct tpm *t)
{
        if (!t->used)
                return FAIL(ST_NOT_SET_UP, .subject = "the TPM's keys",
                            .remedy = "bulkhead host setup");
        return ST_DONE;
}

/* ESYS salts a session to the public area that it keeps, which came from the wire, together with
 * a Name that came from the wire, too. So its own copy is looked at. */
enum status tpm_srk_public(struct tpm *t, TPM2B_PUBLIC *out)
{
        uint8_t *copy = NULL;
        size_t len = 0, at = 0;
        TPM2B_NAME name = {0};
        UINT32 number;
        TSS2_RC rc;

        if (t->srk == ESYS_TR_NONE) {
                rc = ASK(t, Esys_TR_FromTPMPublic(t->esys, KEYS_SRK, ESYS_TR_NONE, ESYS_TR_NONE,
                                                  ESYS_TR_NONE, &t->srk));
                if (rc) {
                        t->srk = ESYS_TR_NONE;
                        return tpm_code(rc) == TPM2_RC_HANDLE
                                       ? ST_NOT_FOUND
                                       : tpm_failed(rc, "reading the storage root key");
                }
        }
        rc = Esys_TR_Serialize(t->esys, t->srk, &copy, &len);
        *out = (TPM2B_PUBLIC){0};
        if (!rc)
                rc = Tss2_MU_UINT32_Unmarshal(copy, len, &at, &number);
        if (!rc)
                rc = Tss2_MU_TPM2B_NAME_Unmarshal(copy, len, &at, &name);
        if (!rc)
                rc = Tss2_MU_UINT32_Unmarshal(copy, len, &at, &number);
        if (!rc)
                rc = Tss2_MU_TPM2B_PUBLIC_Unmarshal(copy, len, &at, out);
        Esys_Free(copy);
        return rc ? tpm_failed(rc, "reading the storage root key") : ST_DONE;
}

/* Looked at twice, over two connections, before a person is told to set up anew. */
static enum status replaced(struct tpm *t, const TPM2B_NAME *found)
{
        const struct bytes *pinned = &t->keys.srk_name;
        char found_hex[2 * sizeof(found->name) + 1] = "none", pinned_hex[129];

        t->stale = true;
        if (found->size)
                hex_write(found_hex, found->name, found->size);
        hex_write(pinned_hex, pinned->data, pinned->len > 64 ? 64 : pinned->len);
        return FAIL(ST_TPM_REPLACED, .subject = "storage root key 0x81000001",
                    .expected = pinned_hex, .found = found_hex,
                    .remedy = "if this TPM is new or was cleared: bulkhead host setup, then "
                              "restore each VM's disk passphrase and seal it again");
}

static enum status check_pinned(struct tpm *t)
{
        TPM2B_NAME name = {0};
        TPM2B_PUBLIC public;
        enum status s = tpm_srk_public(t, &public);

        if (s == ST_NOT_FOUND)
                return replaced(t, &name);
        if (s)
                return s;
        name = keys_name(&public.publicArea);
        if (!name.size || name.size != t->keys.srk_name.len ||
            memcmp(name.name, t->keys.srk_name.data, name.size))
                return replaced(t, &name);
        return ST_DONE;
}

enum status tpm_session(struct tpm *t)
{
        TPMT_SYM_DEF cipher = keys_session_cipher();
        enum status s;
        TSS2_RC rc;

        if (t->session != ESYS_TR_NONE)
                return ST_DONE;
        s = check_pinned(t);
        if (s)
                return s;
        rc = ASK(t, Esys_StartAuthSession(t->esys, t->srk, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                          ESYS_TR_NONE, NULL, TPM2_SE_HMAC, &cipher,
                                          TPM2_ALG_SHA256, &t->session));
        if (!rc)
                rc = tpm_encrypt(t);
        if (rc) {
                t->session = ESYS_TR_NONE;
                return tpm_failed(rc, "opening a session with the TPM");
        }
        return ST_DONE;
}

static struct bytes kept_bytes(struct tpm *t, struct bytes b)
{
        return (struct bytes){arena_copy(t->kept, b.data, b.len), b.len};
}

static void keep_keys(struct tpm *t, const struct tpm_keys *keys)
{
        struct bytes *const all[] = {&t->keys.srk_name,       &t->keys.ak_public,
                                     &t->keys.ak_private,     &t->keys.ak_name,
                                     &t->keys.ak_auth_public, &t->keys.ak_auth_private,
                                     &t->keys.site_public,    &t->keys.site_private,
                                     &t->keys.table_public,   &t->keys.table_private};

        t->keys = *keys;
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
                *all[i] = kept_bytes(t, *all[i]);
}

static enum status keep_approvals(struct tpm *t, const struct tpm_use_req *req)
{
        if (req->approvals.count > TPM_APPROVALS_MOST)
                return FAIL(ST_TOO_LARGE, .subject = "approvals",
                            .expected = FMT("at most %d", TPM_APPROVALS_MOST),
                            .found = FMT("%zu", req->approvals.count));
        t->approvals_count = req->approvals.count;
        for (size_t i = 0; i < req->approvals.count; i++) {
                const struct approval *from = &req->approvals.items[i];
                struct approval *to = &t->approvals[i];

                *to = *from;
                to->pcrs.items = arena_copy(t->kept, from->pcrs.items,
                                            from->pcrs.count * sizeof(struct pcr_value));
                to->signature = kept_bytes(t, from->signature);
        }
        return ST_DONE;
}

static enum status use(struct tpm *t, struct arena *a, const void *req, void *rep)
{
        (void)a, (void)req, (void)rep;
        return tpm_session(t);
}

void tpm_forget(struct tpm *t)
{
        disconnect(t); /* the session may be to another key than the next one */
        t->used = false;
        t->keys = (struct tpm_keys){0};
        t->approvals_count = 0;
        explicit_bzero(&t->ak_auth, sizeof(t->ak_auth));
        arena_empty(t->kept);
}

enum status tpm_use(struct tpm *t, const struct tpm_use_req *req)
{
        TPM2B_NV_PUBLIC epoch = keys_counter(KEYS_EPOCH, true);
        TPM2B_PRIVATE private;
        enum status s;

        t->used = false;
        if (!hash_size((enum hash_alg)req->keys.alg) || req->keys.epoch_index != KEYS_EPOCH ||
            req->keys.table_index != KEYS_TABLE || !(req->keys.static_pcrs & KEYS_TRUSTED) ||
            req->keys.static_pcrs >> 24)
                return FAIL(ST_DAMAGED, .subject = "the stored keys",
                            .remedy = "restore them, or: bulkhead host setup");
        s = tpm_blob(req->keys.site_public, (struct bytes){NULL, 0}, &t->site, &private);
        if (s)
                return s;
        tpm_forget(t);
        keep_keys(t, &req->keys);
        s = keep_approvals(t, req);
        if (s)
                return s;
        t->site_name = keys_name(&t->site.publicArea);
        t->epoch_name = keys_nv_name(&epoch.nvPublic);
        s = tpm_run(t, use, NULL, NULL, NULL);
        t->used = !s;
        return s;
}

static enum status clock_step(struct tpm *t, struct arena *a, const void *req, void *rep)
{
        struct tpm_clock_rep *out = rep;
        TPMS_TIME_INFO *info = NULL;
        TSS2_RC rc =
                ASK(t, Esys_ReadClock(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &info));

        (void)a, (void)req;
        if (rc)
                return tpm_failed(rc, "reading the TPM's clock");
        out->clock = info->clockInfo.clock;
        out->reset_count = info->clockInfo.resetCount;
        out->restart_count = info->clockInfo.restartCount;
        out->safe = info->clockInfo.safe;
        Esys_Free(info);
        return ST_DONE;
}

enum status tpm_clock(struct tpm *t, struct tpm_clock_rep *rep_out)
{
        return tpm_run(t, clock_step, NULL, NULL, rep_out);
}
