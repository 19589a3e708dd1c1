/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Set-up: makes what the registry (keys.h) names, takes over what is there if it is ours, and
 * refuses it if not. Only the SRK and two counters stay in the TPM; the rest is blobs for the
 * caller. So an interrupted set-up leaves nothing that would disturb the next one.
 */
#include "tpm/site_key.h"
#include "tpm/tpm_internal.h"
#include "tpm/tpm_policy.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_mu.h>

enum { BANKS_TEXT = 128, BANK_TEXT = 24 };
enum { STATIC_EFI = 1 << 0 | 1 << 2 | 1 << 4 | 1 << 7, STATIC_BIOS = 1 << 0 | 1 << 2 | 1 << 4 };

struct setting_up {
        const struct tpm_setup_req *req;
        const TPM2B_AUTH *passphrase;
};

static enum status make_primary(struct tpm *t, ESYS_TR hierarchy, const TPM2B_PUBLIC *template,
                                ESYS_TR *handle_out, TPM2B_PUBLIC *public_out, TSS2_RC *rc_out)
{
        TPM2B_SENSITIVE_CREATE sensitive = {0};
        TPML_PCR_SELECTION no_pcrs = {0};
        TPM2B_DATA nothing = {0};
        TPM2B_PUBLIC *public = NULL;

        *rc_out = ASK(t, Esys_CreatePrimary(t->esys, hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                            ESYS_TR_NONE, &sensitive, template, &nothing, &no_pcrs,
                                            handle_out, &public, NULL, NULL, NULL));
        if (*rc_out)
                return tpm_failed(*rc_out, "making a primary key");
        tpm_hold(t, *handle_out);
        *public_out = *public;
        Esys_Free(public);
        return ST_DONE;
}

/* --- the storage root key -------------------------------------------------------------------- */

static enum status make_srk(struct tpm *t)
{
        TPM2B_PUBLIC template = keys_srk(), public;
        ESYS_TR key, kept = ESYS_TR_NONE;
        TSS2_RC rc;
        enum status s = make_primary(t, ESYS_TR_RH_OWNER, &template, &key, &public, &rc);

        if (s)
                return s;
        rc = ASK(t, Esys_EvictControl(t->esys, ESYS_TR_RH_OWNER, key, ESYS_TR_PASSWORD,
                                      ESYS_TR_NONE, ESYS_TR_NONE, KEYS_SRK, &kept));
        tpm_drop(t, key);
        if (rc)
                return tpm_failed(rc, "keeping the storage root key");
        return ST_DONE;
}

/* Makes or takes over the SRK, and pins its Name: from now on every session is salted to this
 * key. */
static enum status set_up_srk(struct tpm *t, struct arena *a, struct tpm_keys *keys)
{
        TPM2B_PUBLIC public;
        char text[KEYS_WRONG];
        const char *wrong;
        TPM2B_NAME name;
        enum status s = tpm_srk_public(t, &public);

        if (s == ST_NOT_FOUND) {
                s = make_srk(t);
                if (!s)
                        s = tpm_srk_public(t, &public);
        }
        if (s)
                return s;
        wrong = keys_srk_wrong(&public.publicArea, text);
        if (wrong)
                return FAIL(ST_REFUSED, .subject = "the key at 0x81000001",
                            .expected = "a standard storage key, RSA-2048 or ECC P-256, noda",
                            .found = wrong,
                            .remedy = "if nothing uses it: tpm2_evictcontrol -C o -c 0x81000001");
        name = keys_name(&public.publicArea);
        keys->srk_name = tpm_name_bytes(a, &name);
        t->keys.srk_name = tpm_name_bytes(t->kept, &name);
        return tpm_session(t);
}

/* --- counters -------------------------------------------------------------------------------- */

static enum status define_counter(struct tpm *t, uint32_t index)
{
        TPM2B_NV_PUBLIC public = keys_counter(index, false);
        ESYS_TR handle = ESYS_TR_NONE;
        TPM2B_AUTH empty = {0};
        TSS2_RC rc =
                ASK(t, Esys_NV_DefineSpace(t->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
                                           ESYS_TR_NONE, ESYS_TR_NONE, &empty, &public, &handle));

        if (rc)
                return tpm_failed(rc, "making a counter");
        Esys_TR_Close(t->esys, &handle); /* the caller looks at it anew, as it is in the TPM */
        return ST_DONE;
}

/* *found_out: its public area as it is in the TPM; *there_out: whether there is such an index. */
static enum status find_index(struct tpm *t, uint32_t index, ESYS_TR *handle_out,
                              TPMS_NV_PUBLIC *found_out, bool *there_out)
{
        TPM2B_NV_PUBLIC *public = NULL;
        TPM2B_NAME *name = NULL;
        TSS2_RC rc = ASK(t, Esys_TR_FromTPMPublic(t->esys, index, ESYS_TR_NONE, ESYS_TR_NONE,
                                                  ESYS_TR_NONE, handle_out));

        *there_out = !rc;
        if (tpm_code(rc) == TPM2_RC_HANDLE) {
                *handle_out = ESYS_TR_NONE;
                return ST_DONE;
        }
        if (!rc)
                rc = ASK(t, Esys_NV_ReadPublic(t->esys, *handle_out, ESYS_TR_NONE, ESYS_TR_NONE,
                                               ESYS_TR_NONE, &public, &name));
        if (rc)
                return tpm_failed(rc, "reading an NV index of the TPM");
        *found_out = public->nvPublic;
        Esys_Free(public);
        Esys_Free(name);
        return ST_DONE;
}

static enum status not_ours(uint32_t index, const char *expected, const char *wrong)
{
        return FAIL(ST_REFUSED, .subject = FMT("NV index 0x%08x", index), .expected = expected,
                    .found = wrong,
                    .remedy = FMT("if nothing uses it: tpm2_nvundefine -C o 0x%08x", index));
}

/* The public area says nothing of the authValue, which has to be empty. */
static enum status check_password(struct tpm *t, uint32_t index, ESYS_TR handle)
{
        TPM2B_MAX_NV_BUFFER *data = NULL;
        TSS2_RC rc = ASK(t, Esys_NV_Read(t->esys, handle, handle, t->session, ESYS_TR_NONE,
                                         ESYS_TR_NONE, KEYS_COUNTER_SIZE, 0, &data));

        Esys_Free(data);
        if (tpm_code(rc) == TPM2_RC_BAD_AUTH || tpm_code(rc) == TPM2_RC_AUTH_FAIL)
                return not_ours(index, "a counter of Bulkhead's, with an empty authValue",
                                "a password is set on it");
        return rc ? tpm_failed(rc, "reading a counter of the TPM") : ST_DONE;
}

static enum status take_counter(struct tpm *t, uint32_t index, ESYS_TR handle,
                                const TPMS_NV_PUBLIC *found)
{
        bool written = found->attributes & TPMA_NV_WRITTEN;
        TPM2B_NV_PUBLIC ours = keys_counter(index, written);
        char text[KEYS_WRONG];
        const char *wrong = keys_nv_wrong(found, &ours.nvPublic, text);
        enum status s = ST_DONE;

        if (wrong)
                return not_ours(index, "a counter of Bulkhead's, or none", wrong);
        if (!written) {
                TSS2_RC rc = ASK(t, Esys_NV_Increment(t->esys, handle, handle, t->session,
                                                      ESYS_TR_NONE, ESYS_TR_NONE));

                if (tpm_code(rc) == TPM2_RC_BAD_AUTH || tpm_code(rc) == TPM2_RC_AUTH_FAIL)
                        return not_ours(index, "a counter of Bulkhead's, with an empty authValue",
                                        "a password is set on it");
                if (rc)
                        return tpm_failed(rc, "incrementing a counter of the TPM");
        }
        if (!s)
                s = check_password(t, index, handle);
        return s;
}

static enum status set_up_counter(struct tpm *t, uint32_t index)
{
        ESYS_TR handle = ESYS_TR_NONE;
        TPMS_NV_PUBLIC found;
        bool there;
        enum status s = find_index(t, index, &handle, &found, &there);

        if (!s && !there) {
                s = define_counter(t, index);
                if (!s)
                        s = find_index(t, index, &handle, &found, &there);
                if (!s && !there)
                        s = FAIL(ST_TPM, .subject = FMT("NV index 0x%08x", index),
                                 .expected = "the counter that was just made", .found = "none",
                                 .remedy = "bulkhead status");
        }
        if (!s)
                s = take_counter(t, index, handle, &found);
        if (handle != ESYS_TR_NONE)
                Esys_TR_Close(t->esys, &handle);
        return s;
}

/* The digest of an earlier set-up's table is under that set-up's site key. The first commit makes
 * the index anew. */
static enum status clear_known(struct tpm *t)
{
        const struct digest none = {.alg = HASH_NONE};
        ESYS_TR handle = ESYS_TR_NONE;
        TPM2B_NV_PUBLIC ours;
        TPMS_NV_PUBLIC found;
        char text[KEYS_WRONG];
        const char *wrong;
        bool there;
        enum status s = find_index(t, KEYS_KNOWN, &handle, &found, &there);
        TSS2_RC rc;

        if (s || !there)
                return s;
        ours = keys_known(&none, found.attributes & TPMA_NV_WRITTEN);
        ours.nvPublic.authPolicy = found.authPolicy;
        wrong = keys_nv_wrong(&found, &ours.nvPublic, text);
        if (wrong) {
                s = not_ours(KEYS_KNOWN, "the digest of a table of seals, or none", wrong);
        } else {
                rc = ASK(t, Esys_NV_UndefineSpace(t->esys, ESYS_TR_RH_OWNER, handle,
                                                  ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE));
                if (!rc)
                        return ST_DONE;
                s = tpm_failed(rc, "removing the digest of an older table of seals");
        }
        Esys_TR_Close(t->esys, &handle);
        return s;
}

/* --- the host's identity --------------------------------------------------------------------- */

static bool has_index(struct tpm *t, uint32_t index)
{
        TPMS_CAPABILITY_DATA *data = NULL;
        bool there = false;

        if (!ASK(t, Esys_GetCapability(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                       TPM2_CAP_HANDLES, index, 1, NULL, &data)))
                there = data->data.handles.count && data->data.handles.handle[0] == index;
        Esys_Free(data);
        return there;
}

/* The identity comes from the EK that has a certificate. If both have one, or neither, it is the
 * RSA EK, or the ECC EK where the TPM makes no RSA keys. */
static enum status host_identity(struct tpm *t, struct digest *out)
{
        bool ecc = has_index(t, KEYS_EK_CERT_ECC) && !has_index(t, KEYS_EK_CERT_RSA);
        TPM2B_PUBLIC template = ecc ? keys_ek_ecc() : keys_ek_rsa(), public;
        uint8_t area[sizeof(TPMT_PUBLIC)];
        size_t len = 0;
        ESYS_TR ek;
        TSS2_RC rc;
        enum status s = make_primary(t, ESYS_TR_RH_ENDORSEMENT, &template, &ek, &public, &rc);

        if (s && !ecc && (tpm_code(rc) & TPM2_RC_FMT1) && tpm_code(rc) != TPM2_RC_BAD_AUTH) {
                template = keys_ek_ecc();
                s = make_primary(t, ESYS_TR_RH_ENDORSEMENT, &template, &ek, &public, &rc);
        }
        if (s)
                return s;
        tpm_drop(t, ek);
        rc = Tss2_MU_TPMT_PUBLIC_Marshal(&public.publicArea, area, sizeof(area), &len);
        if (rc)
                return tpm_failed(rc, "reading the endorsement key");
        *out = digest_of(HASH_SHA256, area, len);
        return ST_DONE;
}

/* --- static PCRs ----------------------------------------------------------------------------- */

/* Banks that Bulkhead does not use are named, too. */
static const char *bank_name(TPMI_ALG_HASH alg, char text[static BANK_TEXT])
{
        static const struct {
                TPMI_ALG_HASH alg;
                const char *name;
        } others[] = {{TPM2_ALG_SHA1, "sha1"},         {TPM2_ALG_SHA512, "sha512"},
                      {TPM2_ALG_SM3_256, "sm3_256"},   {TPM2_ALG_SHA3_256, "sha3_256"},
                      {TPM2_ALG_SHA3_384, "sha3_384"}, {TPM2_ALG_SHA3_512, "sha3_512"}};

        if (hash_size((enum hash_alg)alg))
                return hash_name((enum hash_alg)alg);
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                if (others[i].alg == alg)
                        return others[i].name;
        snprintf(text, BANK_TEXT, "unknown: 0x%04x", alg);
        return text;
}

/* What the TPM has allocated: the PCRs of this bank in *mask_out, the names of all banks that have
 * any. */
static enum status banks(struct tpm *t, uint32_t *mask_out, char names[static BANKS_TEXT])
{
        TPMS_CAPABILITY_DATA *data = NULL;
        const TPML_PCR_SELECTION *found;
        char name[BANK_TEXT];
        size_t len = 0;
        TSS2_RC rc = ASK(t, Esys_GetCapability(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                               TPM2_CAP_PCRS, 0, 1, NULL, &data));

        if (rc)
                return tpm_failed(rc, "reading which PCRs there are");
        found = &data->data.assignedPCR;
        *mask_out = 0;
        names[0] = 0;
        for (size_t i = 0; i < found->count && i < TPM2_NUM_PCR_BANKS; i++) {
                const TPMS_PCR_SELECTION *bank = &found->pcrSelections[i];
                uint32_t mask = 0;

                for (unsigned k = 0; k < bank->sizeofSelect && k < 3; k++)
                        mask |= (uint32_t)bank->pcrSelect[k] << 8 * k;
                if (bank->hash == t->keys.alg)
                        *mask_out = mask;
                if (mask && len < BANKS_TEXT)
                        len += (size_t)snprintf(names + len, BANKS_TEXT - len, "%s%s",
                                                len ? ", " : "", bank_name(bank->hash, name));
        }
        Esys_Free(data);
        return ST_DONE;
}

/* The bank has to have the static PCRs and the destination PCRs. */
static enum status check_bank(struct tpm *t, uint32_t wanted)
{
        const char *name = hash_name((enum hash_alg)t->keys.alg);
        char names[BANKS_TEXT];
        uint32_t mask = 0;
        enum status s = banks(t, &mask, names);

        if (s)
                return s;
        if (!mask)
                return FAIL(ST_UNSUPPORTED, .subject = "the bank of the static PCRs",
                            .expected = name,
                            .found = FMT("not allocated in this TPM; allocated: %s",
                                         names[0] ? names : "none"),
                            .remedy = FMT("tpm2_pcrallocate %s:all, and restart the machine; or "
                                          "choose another with bulkhead host setup --bank",
                                          name));
        for (unsigned pcr = 0; pcr < PCR_COUNT; pcr++)
                if (wanted >> pcr & ~mask >> pcr & 1)
                        return FAIL(ST_UNSUPPORTED, .subject = FMT("PCR %u", pcr),
                                    .expected = FMT("in the bank %s", name),
                                    .found = "not allocated there",
                                    .remedy = FMT("tpm2_pcrallocate %s:all, and restart the "
                                                  "machine%s",
                                                  name,
                                                  KEYS_RESETTABLE >> pcr & 1
                                                          ? ""
                                                          : "; or choose other PCRs with bulkhead "
                                                            "host setup --pcrs"));
        return ST_DONE;
}

static enum status choose_static(struct tpm *t, struct arena *a, uint32_t wanted, uint32_t *out)
{
        bool choose = !wanted;
        struct pcr_value *values;
        size_t count;
        enum status s;

        *out = choose ? (t->efi ? STATIC_EFI : STATIC_BIOS) : wanted;
        if (*out >> 24 || !(*out & KEYS_TRUSTED))
                return FAIL(ST_INVALID, .subject = FMT("static PCRs, mask 0x%x", wanted),
                            .expected = "PCRs of 0 to 23, one of 0 to 15 at least");
        s = check_bank(t, *out | KEYS_RESETTABLE);
        if (s)
                return s;
        s = tpm_read_pcrs(t, a, choose && !t->efi ? *out | 1 << 8 | 1 << 9 : *out, &values, &count);
        if (s)
                return s;
        for (size_t i = 0; i < count; i++) {
                uint32_t bit = 1u << values[i].pcr;

                if (!tpm_blank(&values[i].value))
                        *out |= bit;
                else if (*out & bit) /* not 8 or 9, which a BIOS boot may leave unused */
                        return FAIL(ST_REFUSED, .subject = FMT("static PCR %u", values[i].pcr),
                                    .expected = "a value that something was measured into",
                                    .found = "all 00 or all FF",
                                    .remedy = "switch measured boot on in the firmware's set-up; "
                                              "or choose other PCRs with bulkhead host setup "
                                              "--pcrs");
        }
        return ST_DONE;
}

/* --- blobs ----------------------------------------------------------------------------------- */

static enum status random_bytes(uint8_t out[static KEYS_SECRET_SIZE])
{
        if (RAND_bytes(out, KEYS_SECRET_SIZE) != 1)
                return FAIL(ST_INTERNAL, .subject = "random numbers");
        out[KEYS_SECRET_SIZE - 1] |= 1; /* TPMs drop trailing zero bytes of an authValue */
        return ST_DONE;
}

static enum status set_up_site(struct tpm *t, struct arena *a, const struct setting_up *job,
                               struct tpm_keys *keys)
{
        TPM2B_PUBLIC template = keys_site();
        enum status s;

        if (!job->passphrase) {
                s = site_key_public(job->req->site_public, &t->site);
                keys->site_public = tpm_public_bytes(a, &t->site);
                keys->site_private = (struct bytes){NULL, 0};
        } else {
                TPM2B_PRIVATE private;

                s = tpm_create(t, a, &template, job->passphrase, NULL, &keys->site_public,
                               &keys->site_private);
                if (!s)
                        s = tpm_blob(keys->site_public, keys->site_private, &t->site, &private);
        }
        t->site_name = keys_name(&t->site.publicArea);
        return s;
}

static enum status set_up_ak(struct tpm *t, struct arena *a, const TPM2B_PUBLIC *sealed,
                             struct tpm_keys *keys)
{
        TPM2B_AUTH auth = {.size = KEYS_SECRET_SIZE};
        TPM2B_PUBLIC template = keys_ak(), public;
        TPM2B_PRIVATE private;
        TPM2B_NAME name;
        enum status s = random_bytes(auth.buffer);

        if (!s)
                s = tpm_create(t, a, &template, &auth, NULL, &keys->ak_public, &keys->ak_private);
        if (!s)
                s = tpm_create(t, a, sealed, NULL, auth.buffer, &keys->ak_auth_public,
                               &keys->ak_auth_private);
        explicit_bzero(&auth, sizeof(auth));
        if (!s)
                s = tpm_blob(keys->ak_public, keys->ak_private, &public, &private);
        if (s)
                return s;
        name = keys_name(&public.publicArea);
        keys->ak_name = tpm_name_bytes(a, &name);
        return ST_DONE;
}

static enum status set_up_blobs(struct tpm *t, struct arena *a, const struct setting_up *job,
                                struct tpm_keys *keys)
{
        uint8_t table_key[KEYS_SECRET_SIZE];
        TPM2B_PUBLIC sealed;
        struct digest policy;
        enum status s = set_up_site(t, a, job, keys);

        if (s)
                return s;
        policy = tpm_policy_authorize(&t->site_name);
        sealed = keys_sealed(&policy);
        s = set_up_ak(t, a, &sealed, keys);
        if (!s)
                s = random_bytes(table_key);
        if (!s)
                s = tpm_create(t, a, &sealed, NULL, table_key, &keys->table_public,
                               &keys->table_private);
        explicit_bzero(table_key, sizeof(table_key));
        return s;
}

static enum status set_up(struct tpm *t, struct arena *a, const void *req, void *rep)
{
        const struct setting_up *job = req;
        struct tpm_keys *keys = rep;
        enum status s;

        *keys = (struct tpm_keys){.epoch_index = KEYS_EPOCH, .table_index = KEYS_TABLE};
        keys->alg = t->keys.alg;
        s = choose_static(t, a, job->req->static_pcrs, &keys->static_pcrs);
        if (s)
                return s;
        s = set_up_srk(t, a, keys);
        if (s)
                return s;
        s = set_up_counter(t, KEYS_EPOCH);
        if (s)
                return s;
        s = set_up_counter(t, KEYS_TABLE);
        if (s)
                return s;
        s = clear_known(t);
        if (s)
                return s;
        s = host_identity(t, &keys->host_identity);
        if (s)
                return s;
        return set_up_blobs(t, a, job, keys);
}

enum status tpm_setup(struct tpm *t, struct arena *a, const struct tpm_setup_req *req,
                      struct tpm_setup_rep *rep_out)
{
        struct setting_up job = {.req = req};
        struct tpm_use_req use = {.approvals = {NULL, 0}};
        TPM2B_AUTH passphrase = {0};
        uint32_t alg = req->alg ? req->alg : HASH_SHA256;
        enum status s = ST_DONE;

        if (!hash_size((enum hash_alg)alg))
                return FAIL(ST_UNSUPPORTED, .subject = "digest algorithm",
                            .expected = "sha256 or sha384");
        if (!req->site_public.len) {
                s = tpm_passphrase(req->passphrase, &passphrase);
                job.passphrase = &passphrase;
        }
        if (!s) {
                tpm_forget(t);
                t->keys.alg = alg;
                s = tpm_run(t, set_up, a, &job, &rep_out->keys);
        }
        explicit_bzero(&passphrase, sizeof(passphrase));
        use.keys = rep_out->keys;
        return s ? s : tpm_use(t, &use);
}
