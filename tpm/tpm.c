/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TPM as a whole: runs a request over a sound connection, with the keys that tpm_use() was
 * given. Lies above tpm_connection.c, tpm_session.c and tpm_parts.c; every request comes through
 * tpm_run().
 */
#include "tpm/tpm_internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TPM_RUNS 2

struct tpm *tpm_new(const char *conf)
{
        struct tpm *t = memory_new(1, sizeof(*t));

        /* What tpm2-tss prints by itself is of no use to an operator. */
        setenv("TSS2_LOG", "all+NONE", 0);
        t->source = &tcti_loader;
        t->conf = memory_new(1, strlen(conf) + 1);
        strcpy(t->conf, conf);
        t->patience = TPM_PATIENCE;
        t->efi = !access("/sys/firmware/efi", F_OK);
        t->kept = arena_new();
        t->trouble = true; /* an earlier process may have been killed in the middle */
        t->srk = t->session = t->ak = t->epoch = t->table = ESYS_TR_NONE;
        for (size_t i = 0; i < TPM_HELD_MOST; i++)
                t->held[i] = ESYS_TR_NONE;
        return t;
}

void tpm_free(struct tpm *t)
{
        if (!t)
                return;
        tpm_drop_all(t);
        tpm_disconnect(t);
        explicit_bzero(&t->ak_auth, sizeof(t->ak_auth));
        arena_free(t->kept);
        free(t->conf);
        free(t);
}

/* After trouble the destination PCRs may hold what an interrupted request put there. */
static enum status connect_tpm(struct tpm *t)
{
        enum status s = tpm_connect(t);

        if (s || !t->trouble)
                return s;
        tpm_destination_clear(t, 16);
        tpm_destination_clear(t, 23);
        t->trouble = t->stale;
        return ST_DONE;
}

enum status tpm_run(struct tpm *t, tpm_step *step, struct arena *a, const void *req, void *rep)
{
        enum status s = ST_TPM;

        for (int i = 0; i < TPM_RUNS; i++) {
                s = connect_tpm(t);
                if (!s) {
                        s = step(t, a, req, rep);
                        tpm_drop_all(t);
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
        if (req->approvals.count > APPROVALS_MOST)
                return FAIL(ST_TOO_LARGE, .subject = "approvals",
                            .expected = FMT("at most %d", APPROVALS_MOST),
                            .found = FMT("%zu", req->approvals.count));
        t->approvals_count = req->approvals.count;
        for (size_t i = 0; i < req->approvals.count; i++) {
                const struct approval *from = &req->approvals.items[i];
                struct approval *to = &t->approvals[i];

                *to = *from;
                to->pcrs.items = arena_copy(t->kept, from->pcrs.items,
                                            from->pcrs.count * sizeof(struct pcr_value));
                to->signature = kept_bytes(t, from->signature);
                to->approver = (struct principal){0}; /* of no use here, and not kept */
        }
        return ST_DONE;
}

static enum status use(struct tpm *t, struct arena *a, const void *req, void *rep)
{
        (void)a, (void)req, (void)rep;
        return tpm_session(t);
}

void tpm_begin(struct tpm *t, bool clean)
{
        if (!t->esys)
                t->trouble = !clean;
}

void tpm_rest(struct tpm *t)
{
        /* What a stale connection left behind is found by a new one. */
        if (t->esys && t->stale)
                (void)tpm_connect(t);
        tpm_disconnect(t);
}

void tpm_forget(struct tpm *t)
{
        tpm_disconnect(t); /* the next keys may have another SRK, and so another session */
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
                            .remedy = "restore integrity-mgr's newest state folder from a backup");
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
