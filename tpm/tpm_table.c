/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the TPM keeps for the table of generations (docs/constructions.md, "Generations"): the key
 * of its HMAC, a counter, and the digest by which it knows the present table.
 */
#include "tpm/tpm_internal.h"
#include "tpm/tpm_policy.h"

#include <openssl/hmac.h>
#include <string.h>

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

/* --- the digest ------------------------------------------------------------------------------ */

static enum status not_ours(const char *found)
{
        return FAIL(ST_TPM_REPLACED, .subject = FMT("NV index 0x%08x", KEYS_KNOWN),
                    .expected = "the digest of the table of seals, under this host's site key",
                    .found = found,
                    .remedy = "put the old TPM back; without it only a passphrase opens a VM's "
                              "disks: docs/operations.md, \"What does it mean when a start is "
                              "refused?\"");
}

static bool has_name(const TPM2B_NAME *found, const TPM2B_NV_PUBLIC *public)
{
        TPM2B_NAME name = keys_nv_name(&public->nvPublic);

        return found->size == name.size && !memcmp(found->name, name.name, name.size);
}

/* Looks at the index as it is in the TPM, at each request anew. *handle_out: ESYS_TR_NONE if there
 * is none; the caller closes it. */
static enum status find_known(struct tpm *t, ESYS_TR *handle_out, bool *written_out)
{
        struct digest policy = tpm_policy_authorize(&t->site_name);
        TPM2B_NV_PUBLIC written = keys_known(&policy, true), fresh = keys_known(&policy, false);
        TPM2B_NAME *name = NULL;
        enum status s = ST_DONE;
        bool stale = t->stale;
        TSS2_RC rc = ASK(t, Esys_TR_FromTPMPublic(t->esys, KEYS_KNOWN, ESYS_TR_NONE, ESYS_TR_NONE,
                                                  ESYS_TR_NONE, handle_out));

        *written_out = false;
        if (rc) {
                *handle_out = ESYS_TR_NONE;
                if (tpm_code(rc) == TPM2_RC_HANDLE) {
                        t->stale = stale; /* there is none, and that is an answer */
                        return ST_DONE;
                }
                return tpm_failed(rc, "reading the digest of the table of seals");
        }
        rc = Esys_TR_GetName(t->esys, *handle_out, &name);
        if (rc)
                s = tpm_failed(rc, "reading the digest of the table of seals");
        else if (has_name(name, &written))
                *written_out = true;
        else if (!has_name(name, &fresh))
                s = not_ours("another kind of index, or one under another site key");
        Esys_Free(name);
        if (s)
                Esys_TR_Close(t->esys, handle_out);
        return s;
}

static enum status read_known(struct tpm *t, ESYS_TR index, struct digest *out)
{
        TPM2B_MAX_NV_BUFFER *data = NULL;
        TSS2_RC rc = ASK(t, Esys_NV_Read(t->esys, index, index, t->session, ESYS_TR_NONE,
                                         ESYS_TR_NONE, KEYS_KNOWN_SIZE, 0, &data));

        if (rc)
                return tpm_failed(rc, "reading the digest of the table of seals");
        *out = (struct digest){.alg = HASH_SHA256};
        if (data->size == KEYS_KNOWN_SIZE)
                memcpy(out->bytes, data->buffer, KEYS_KNOWN_SIZE);
        else
                out->alg = HASH_NONE;
        Esys_Free(data);
        return out->alg ? ST_DONE : not_ours("an index of another size");
}

static enum status known(struct tpm *t, struct arena *a, const void *req, void *rep)
{
        struct tpm_table_known_rep *out = rep;
        ESYS_TR index = ESYS_TR_NONE;
        bool written;
        enum status s = tpm_counter_read(t, &t->table, KEYS_TABLE, &out->counter);

        (void)a, (void)req;
        out->table = (struct digest){.alg = HASH_NONE};
        if (!s)
                s = find_known(t, &index, &written);
        if (!s && written)
                s = read_known(t, index, &out->table);
        if (index != ESYS_TR_NONE)
                Esys_TR_Close(t->esys, &index);
        return s;
}

enum status tpm_table_known(struct tpm *t, struct tpm_table_known_rep *rep_out)
{
        enum status s = tpm_in_use(t);

        return s ? s : tpm_run(t, known, NULL, NULL, rep_out);
}

static enum status there(struct tpm *t, struct arena *a, const void *req, void *rep)
{
        struct tpm_table_there_rep *out = rep;
        ESYS_TR index = ESYS_TR_NONE;
        bool stale = t->stale;
        TSS2_RC rc = ASK(t, Esys_TR_FromTPMPublic(t->esys, KEYS_KNOWN, ESYS_TR_NONE, ESYS_TR_NONE,
                                                  ESYS_TR_NONE, &index));

        (void)a, (void)req;
        out->there = !rc;
        if (!rc)
                Esys_TR_Close(t->esys, &index);
        else if (tpm_code(rc) == TPM2_RC_HANDLE)
                t->stale = stale; /* there is none, and that is an answer */
        else
                return tpm_failed(rc, "looking for the digest of the table of seals");
        return ST_DONE;
}

enum status tpm_table_there(struct tpm *t, struct tpm_table_there_rep *rep_out)
{
        return tpm_run(t, there, NULL, NULL, rep_out);
}

/* --- a commit -------------------------------------------------------------------------------- */

static enum status define_known(struct tpm *t, ESYS_TR *handle_out)
{
        struct digest policy = tpm_policy_authorize(&t->site_name);
        TPM2B_NV_PUBLIC public = keys_known(&policy, false);
        TPM2B_AUTH empty = {0};
        TSS2_RC rc = ASK(t, Esys_NV_DefineSpace(t->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
                                                ESYS_TR_NONE, ESYS_TR_NONE, &empty, &public,
                                                handle_out));

        if (rc)
                *handle_out = ESYS_TR_NONE;
        return rc ? tpm_failed(rc, "making the index for the digest of the table of seals")
                  : ST_DONE;
}

struct writing {
        ESYS_TR index;
        TPM2B_MAX_NV_BUFFER data;
};

static TSS2_RC write_in(struct tpm *t, ESYS_TR policy, void *what)
{
        const struct writing *w = what;

        return ASK(t, Esys_NV_Write(t->esys, w->index, w->index, policy, t->session, ESYS_TR_NONE,
                                    &w->data, 0));
}

static enum status write_known(struct tpm *t, const struct digest *table)
{
        struct writing w = {.data.size = KEYS_KNOWN_SIZE};
        TSS2_RC rc = TSS2_RC_SUCCESS;
        bool written;
        enum status s = find_known(t, &w.index, &written);

        if (!s && w.index == ESYS_TR_NONE)
                s = define_known(t, &w.index);
        if (s)
                return s;
        memcpy(w.data.buffer, table->bytes, KEYS_KNOWN_SIZE);
        s = tpm_with_policy(t, 0, NULL, write_in, &w, &rc);
        Esys_TR_Close(t->esys, &w.index);
        return rc ? tpm_policy_refused(rc, "writing the digest of the table of seals") : s;
}

static enum status elsewhere(const struct tpm_table_known_rep *now)
{
        return FAIL(ST_DAMAGED, .subject = "what the TPM knows of the table of seals",
                    .expected = "the present table or the one before it",
                    .found =
                            FMT("another one, state number %llu", (unsigned long long)now->counter),
                    .remedy = "something else writes there: bulkhead status");
}

/* Reads before it writes: tpm_run() may run it twice, and an answer may get lost. */
static enum status commit(struct tpm *t, struct arena *a, const void *req, void *rep)
{
        const struct tpm_table_commit_req *q = req;
        struct tpm_table_known_rep now;
        enum status s = known(t, a, NULL, &now);

        (void)rep;
        if (s)
                return s;
        if (now.counter != q->counter && now.counter + 1 != q->counter)
                return elsewhere(&now);
        if (!digest_equal(&now.table, &q->table)) {
                if (!(digest_equal(&now.table, &q->before) || (!now.table.alg && !q->before.alg)) ||
                    now.counter == q->counter)
                        return elsewhere(&now);
                s = write_known(t, &q->table);
        }
        if (!s && now.counter != q->counter)
                s = tpm_counter_increment(t, t->table);
        if (!s)
                s = tpm_counter_read(t, &t->table, KEYS_TABLE, &now.counter);
        return s || now.counter == q->counter ? s : elsewhere(&now);
}

enum status tpm_table_commit(struct tpm *t, const struct tpm_table_commit_req *req)
{
        enum status s = tpm_in_use(t);

        if (!s && (req->table.alg != HASH_SHA256 || !req->counter))
                s = FAIL(ST_INVALID, .subject = "the digest of a table of seals");
        return s ? s : tpm_run(t, commit, NULL, req, NULL);
}
