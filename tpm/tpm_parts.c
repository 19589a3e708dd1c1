/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small parts of every request: converts structures, reads, sets and clears PCRs, reads and
 * increments counters, creates and loads objects.
 */
#include "tpm/tpm_internal.h"
#include "tpm/tpm_policy.h"

#include <string.h>
#include <tss2/tss2_mu.h>

static enum status damaged(const char *what)
{
        return FAIL(ST_DAMAGED, .subject = what, .expected = "a structure of the TPM, whole",
                    .remedy = "restore it from a backup, or make it again");
}

/* tpm2-tss 3.2.1 overlooks some errors inside public areas. So what it read is written again, and
 * has to give the same bytes. */
enum status tpm_blob(struct bytes public, struct bytes private, TPM2B_PUBLIC *public_out,
                     TPM2B_PRIVATE *private_out)
{
        uint8_t again[sizeof(TPM2B_PUBLIC) + sizeof(TPM2B_PRIVATE)];
        size_t at = 0, len = 0;

        *public_out = (TPM2B_PUBLIC){0};
        *private_out = (TPM2B_PRIVATE){0};
        if (public.len < 2 || public.len > sizeof(TPM2B_PUBLIC) ||
            Tss2_MU_TPM2B_PUBLIC_Unmarshal(public.data, public.len, &at, public_out) ||
            at != public.len ||
            Tss2_MU_TPM2B_PUBLIC_Marshal(public_out, again, sizeof(again), &len) ||
            len != public.len || memcmp(again, public.data, len))
                return damaged("the public part of a key");
        if (!private.data)
                return ST_DONE;
        at = 0;
        if (private.len < 2 || private.len > sizeof(TPM2B_PRIVATE) ||
            Tss2_MU_TPM2B_PRIVATE_Unmarshal(private.data, private.len, &at, private_out) ||
            at != private.len)
                return damaged("the private part of a key");
        return ST_DONE;
}

enum status tpm_signature(struct bytes b, TPMT_SIGNATURE *out)
{
        size_t at = 0;

        *out = (TPMT_SIGNATURE){0};
        if (b.len > sizeof(*out) || Tss2_MU_TPMT_SIGNATURE_Unmarshal(b.data, b.len, &at, out) ||
            at != b.len || out->sigAlg != TPM2_ALG_ECDSA)
                return damaged("the signature of an approval");
        return ST_DONE;
}

#define TO_BYTES(function, type)                                                                   \
        struct bytes function(struct arena *a, const type *in)                                     \
        {                                                                                          \
                uint8_t out[sizeof(type) + 2];                                                     \
                size_t len = 0;                                                                    \
                                                                                                   \
                if (Tss2_MU_##type##_Marshal(in, out, sizeof(out), &len))                          \
                        len = 0;                                                                   \
                return (struct bytes){arena_copy(a, out, len), len};                               \
        }

TO_BYTES(tpm_public_bytes, TPM2B_PUBLIC)
TO_BYTES(tpm_private_bytes, TPM2B_PRIVATE)
TO_BYTES(tpm_signature_bytes, TPMT_SIGNATURE)

struct bytes tpm_name_bytes(struct arena *a, const TPM2B_NAME *name)
{
        return (struct bytes){arena_copy(a, name->name, name->size), name->size};
}

/* The HMAC of a session to this key did not fit: another key lies there since the session began, or
 * a password is set on it, which its public area does not tell. Once the host is set up, all keys
 * hang from this one. */
static enum status srk_password(struct tpm *t)
{
        enum status s = tpm_srk_anew(t);

        return s ? s
                 : FAIL(t->used ? ST_TPM_REPLACED : ST_REFUSED,
                        .subject = "the storage root key 0x81000001",
                        .expected = "one with an empty authValue",
                        .found = "a password is set on it",
                        .remedy = t->used ? "make it again without: docs/tasks.md, \"What if the "
                                            "storage root key is gone?\""
                                          : "if nothing else uses it: tpm2_evictcontrol -C o -c "
                                            "0x81000001");
}

enum status tpm_load(struct tpm *t, struct bytes public, struct bytes private, ESYS_TR *out)
{
        TPM2B_PUBLIC pub;
        TPM2B_PRIVATE priv;
        enum status s = tpm_blob(public, private, &pub, &priv);
        TSS2_RC rc;

        if (!s)
                s = tpm_session(t);
        if (s)
                return s;
        rc = ASK(t, Esys_Load(t->esys, t->srk, t->session, ESYS_TR_NONE, ESYS_TR_NONE, &priv, &pub,
                              out));
        if (!rc)
                return ST_DONE;
        *out = ESYS_TR_NONE;
        if (tpm_code(rc) == TPM2_RC_BAD_AUTH || tpm_code(rc) == TPM2_RC_AUTH_FAIL)
                return srk_password(t);
        if (tpm_code(rc) & TPM2_RC_FMT1)
                return FAIL(ST_DAMAGED, .subject = "a key that this TPM made",
                            .expected = "one that it loads again", .found = "the TPM refuses it",
                            .remedy = "restore integrity-mgr's newest state folder; or, if it is a "
                                      "VM's seal, seal the VM again, with a passphrase of its "
                                      "disks");
        return tpm_failed(rc, "loading a key");
}

enum status tpm_create(struct tpm *t, struct arena *a, const TPM2B_PUBLIC *template,
                       const TPM2B_AUTH *auth, const uint8_t *secret, struct bytes *public_out,
                       struct bytes *private_out)
{
        TPM2B_SENSITIVE_CREATE sensitive = {0};
        TPML_PCR_SELECTION no_pcrs = {0};
        TPM2B_DATA nothing = {0};
        TPM2B_PUBLIC *public = NULL;
        TPM2B_PRIVATE *private = NULL;
        enum status s = tpm_session(t);
        TSS2_RC rc;

        if (s)
                return s;
        if (auth)
                sensitive.sensitive.userAuth = *auth;
        if (secret) {
                sensitive.sensitive.data.size = KEYS_SECRET_SIZE;
                memcpy(sensitive.sensitive.data.buffer, secret, KEYS_SECRET_SIZE);
        }
        rc = ASK(t, Esys_Create(t->esys, t->srk, t->session, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive,
                                template, &nothing, &no_pcrs, &private, &public, NULL, NULL, NULL));
        explicit_bzero(&sensitive, sizeof(sensitive));
        if (tpm_code(rc) == TPM2_RC_BAD_AUTH || tpm_code(rc) == TPM2_RC_AUTH_FAIL)
                return srk_password(t);
        if (rc)
                return tpm_failed(rc, "making a key");
        *public_out = tpm_public_bytes(a, public);
        *private_out = tpm_private_bytes(a, private);
        Esys_Free(public);
        Esys_Free(private);
        return ST_DONE;
}

/* Reads some of the PCRs in `left`: a TPM gives at most eight values an answer. *done_out: those
 * that it gave. */
static enum status read_some(struct tpm *t, uint32_t left, struct pcr_value *values,
                             uint32_t *done_out)
{
        TPML_PCR_SELECTION wanted = tpm_policy_selection(t->keys.alg, left), *got = NULL;
        size_t size = hash_size(t->keys.alg), given = 0;
        TPML_DIGEST *found = NULL;
        enum status s = ST_DONE;
        uint32_t mask = 0;
        TSS2_RC rc = ASK(t, Esys_PCR_Read(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                          &wanted, NULL, &got, &found));

        if (rc)
                return tpm_failed(rc, "reading PCRs");
        if (got->count == 1 && got->pcrSelections[0].hash == t->keys.alg &&
            got->pcrSelections[0].sizeofSelect == 3)
                for (unsigned i = 0; i < 3; i++)
                        mask |= (uint32_t)got->pcrSelections[0].pcrSelect[i] << 8 * i;
        for (uint32_t pcr = 0; pcr < PCR_COUNT && !s; pcr++) {
                if (!(mask >> pcr & 1))
                        continue;
                if (!(left >> pcr & 1) || given == found->count ||
                    found->digests[given].size != size) {
                        mask = 0;
                        break;
                }
                values[pcr] = (struct pcr_value){pcr, {.alg = t->keys.alg}};
                memcpy(values[pcr].value.bytes, found->digests[given++].buffer, size);
        }
        if (!mask)
                s = FAIL(ST_UNSUPPORTED, .subject = "PCRs of the TPM",
                         .expected = hash_name(t->keys.alg), .found = "no such bank of PCRs",
                         .remedy = "switch the bank on in the firmware's set-up");
        *done_out = mask;
        Esys_Free(got);
        Esys_Free(found);
        return s;
}

enum status tpm_read_pcrs(struct tpm *t, struct arena *a, uint32_t mask, struct pcr_value **out,
                          size_t *count_out)
{
        struct pcr_value values[PCR_COUNT];
        uint32_t done = 0, left = mask;
        enum status s;

        while (left) {
                s = read_some(t, left, values, &done);
                if (s)
                        return s;
                left &= ~done;
        }
        *out = arena_get_many(a, PCR_COUNT, sizeof(**out));
        *count_out = 0;
        for (unsigned pcr = 0; pcr < PCR_COUNT; pcr++)
                if (mask >> pcr & 1)
                        (*out)[(*count_out)++] = values[pcr];
        return ST_DONE;
}

static TSS2_RC extend(struct tpm *t, uint32_t pcr, const struct digest *d)
{
        TPML_DIGEST_VALUES values = {.count = 1, .digests[0].hashAlg = d->alg};

        memcpy(&values.digests[0].digest, d->bytes, hash_size(d->alg));
        return ASK(t, Esys_PCR_Extend(t->esys, ESYS_TR_PCR0 + pcr, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                      ESYS_TR_NONE, &values));
}

static TSS2_RC reset(struct tpm *t, uint32_t pcr)
{
        return ASK(t, Esys_PCR_Reset(t->esys, ESYS_TR_PCR0 + pcr, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                     ESYS_TR_NONE));
}

enum status tpm_destination_set(struct tpm *t, uint32_t pcr, const struct extend *extends,
                                size_t count)
{
        TSS2_RC rc = reset(t, pcr);

        for (size_t i = 0; i < count && !rc; i++)
                if (extends[i].pcr == pcr)
                        rc = extend(t, pcr, &extends[i].digest);
        return rc ? tpm_failed(rc, FMT("extending PCR %u", pcr)) : ST_DONE;
}

void tpm_destination_clear(struct tpm *t, uint32_t pcr)
{
        enum hash_alg alg = t->keys.alg ? (enum hash_alg)t->keys.alg : HASH_SHA256;
        struct hash *h;
        struct digest cap;

        if (t->stale)
                return; /* connect_tpm() does it after the next connection */
        h = hash_begin(alg);
        hash_field_text(h, KEYS_CAP);
        cap = hash_end(h);
        (void)extend(t, pcr, &cap);
        if (reset(t, pcr))
                t->stale = true;
}

/* What is wrong with an index whose Name is another one. */
static const char *wrong_index(struct tpm *t, uint32_t index, char text[static KEYS_WRONG])
{
        TPM2B_NV_PUBLIC ours = keys_counter(index, true), *public = NULL;
        ESYS_TR handle = ESYS_TR_NONE;
        TPM2B_NAME *name = NULL;
        const char *wrong = NULL;

        if (!Esys_TR_FromTPMPublic(t->esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                   &handle) &&
            !Esys_NV_ReadPublic(t->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &public,
                                &name))
                wrong = keys_nv_wrong(&public->nvPublic, &ours.nvPublic, text);
        Esys_Free(public);
        Esys_Free(name);
        if (handle != ESYS_TR_NONE)
                Esys_TR_Close(t->esys, &handle);
        return wrong ? wrong : "another kind of index";
}

static enum status counter_handle(struct tpm *t, ESYS_TR *handle, uint32_t index)
{
        char text[KEYS_WRONG];
        TPM2B_NV_PUBLIC ours = keys_counter(index, true);
        TPM2B_NAME expected = keys_nv_name(&ours.nvPublic), *found = NULL;
        bool same;
        TSS2_RC rc;

        if (*handle != ESYS_TR_NONE)
                return ST_DONE;
        rc = ASK(t, Esys_TR_FromTPMPublic(t->esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                          handle));
        if (!rc)
                rc = Esys_TR_GetName(t->esys, *handle, &found);
        same = !rc && found->size == expected.size &&
               !memcmp(found->name, expected.name, expected.size);
        Esys_Free(found);
        if (same)
                return ST_DONE;
        *handle = ESYS_TR_NONE;
        if (rc && tpm_code(rc) != TPM2_RC_HANDLE)
                return tpm_failed(rc, "reading a counter of the TPM");
        t->stale = true; /* so that tpm_run() looks once more, over a new connection */
        return FAIL(ST_TPM_REPLACED, .subject = FMT("NV counter 0x%08x", index),
                    .expected = "the counter made at set-up",
                    .found = rc ? "none" : wrong_index(t, index, text),
                    .remedy = "put the old TPM back; without it only a passphrase opens a VM's "
                              "disks: docs/operations.md, \"What does it mean when a start is "
                              "refused?\"");
}

enum status tpm_counter_read(struct tpm *t, ESYS_TR *handle, uint32_t index, uint64_t *out)
{
        TPM2B_MAX_NV_BUFFER *data = NULL;
        enum status s = tpm_session(t);
        struct reader r;
        TSS2_RC rc;

        if (!s)
                s = counter_handle(t, handle, index);
        if (s)
                return s;
        rc = ASK(t, Esys_NV_Read(t->esys, *handle, *handle, t->session, ESYS_TR_NONE, ESYS_TR_NONE,
                                 KEYS_COUNTER_SIZE, 0, &data));
        if (tpm_code(rc) == TPM2_RC_BAD_AUTH || tpm_code(rc) == TPM2_RC_AUTH_FAIL)
                return FAIL(ST_TPM_REPLACED, .subject = FMT("NV counter 0x%08x", index),
                            .expected = "the counter made at set-up, with an empty authValue",
                            .found = "a password is set on it",
                            .remedy = FMT("tpm2_changeauth -c 0x%08x -p PASSWORD \"\"", index));
        if (rc)
                return tpm_failed(rc, "reading a counter of the TPM");
        r = reader_of((struct bytes){data->buffer, data->size});
        *out = read_u64(&r);
        Esys_Free(data);
        return reader_done(&r) ? ST_DONE : damaged("a counter of the TPM");
}

enum status tpm_counter_increment(struct tpm *t, ESYS_TR handle)
{
        TSS2_RC rc = ASK(t, Esys_NV_Increment(t->esys, handle, handle, t->session, ESYS_TR_NONE,
                                              ESYS_TR_NONE));

        return rc ? tpm_failed(rc, "incrementing a counter of the TPM") : ST_DONE;
}
