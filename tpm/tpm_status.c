/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `bulkhead status` tells about the TPM. Asks only what needs no authorization; changes
 * nothing.
 */
#include "tpm/tpm_internal.h"
#include "tpm/tpm_policy.h"

#include <endian.h>
#include <string.h>

static void tell(struct arena *a, struct tpm_status_rep *rep, const char *name, const char *value,
                 uint8_t level)
{
        if (rep->facts.count < PART_FACTS_MOST)
                rep->facts.items[rep->facts.count++] =
                        (struct fact){"tpm", arena_text(a, name), arena_text(a, value), level};
}

static uint32_t property(struct tpm *t, uint32_t which)
{
        TPMS_CAPABILITY_DATA *data = NULL;
        uint32_t value = 0;

        if (!ASK(t, Esys_GetCapability(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                       TPM2_CAP_TPM_PROPERTIES, which, 1, NULL, &data)) &&
            data->data.tpmProperties.count == 1 &&
            data->data.tpmProperties.tpmProperty[0].property == which)
                value = data->data.tpmProperties.tpmProperty[0].value;
        Esys_Free(data);
        return value;
}

static void tell_maker(struct tpm *t, struct arena *a, struct tpm_status_rep *rep)
{
        uint32_t maker = htobe32(property(t, TPM2_PT_MANUFACTURER));
        uint32_t version = property(t, TPM2_PT_FIRMWARE_VERSION_1);
        char text[5] = "";

        memcpy(text, &maker, 4);
        for (size_t i = 0; i < 4; i++)
                if (text[i] && (text[i] < 0x21 || text[i] > 0x7e))
                        text[i] = '?';
        tell(a, rep, "manufacturer", text, FACT_PLAIN);
        tell(a, rep, "firmware", FMT("%u.%u", version >> 16, version & 0xffff), FACT_PLAIN);
}

static const char *mask_text(struct arena *a, uint32_t mask)
{
        const char *text = "";

        for (unsigned pcr = 0; pcr < PCR_COUNT; pcr++)
                if (mask >> pcr & 1)
                        text = arena_print(a, "%s%s%u", text, text[0] ? "," : "", pcr);
        return text;
}

static enum status state(struct tpm *t, struct arena *a, const void *req, void *rep)
{
        const struct approval *approval;
        enum status s;

        (void)a, (void)req, (void)rep;
        s = tpm_session(t);
        if (!s)
                s = tpm_approval_fitting(t, &approval);
        return s;
}

static enum status facts(struct tpm *t, struct arena *a, const void *req, void *rep)
{
        bool locked = property(t, TPM2_PT_PERMANENT) & TPMA_PERMANENT_INLOCKOUT;

        (void)req;
        ((struct tpm_status_rep *)rep)->facts.count = 1; /* if this is the second run */
        tell_maker(t, a, rep);
        tell(a, rep, "lockout", locked ? "yes: passphrases are refused" : "no",
             locked ? FACT_WARNING : FACT_PLAIN);
        return t->stale ? ST_TPM : ST_DONE;
}

enum status tpm_status(struct tpm *t, struct arena *a, struct tpm_status_rep *rep_out)
{
        char hex[DIGEST_HEX];
        enum status s;

        rep_out->facts.items = arena_get_many(a, PART_FACTS_MOST, sizeof(struct fact));
        rep_out->facts.count = 0;
        tell(a, rep_out, "interface", t->conf[0] ? t->conf : "the first that is found", FACT_PLAIN);
        if (tpm_run(t, facts, a, NULL, rep_out)) {
                tell(a, rep_out, "answers", error_last()->found[0] ? error_last()->found : "no",
                     FACT_WARNING);
                return ST_DONE;
        }
        tell(a, rep_out, "set up", t->used ? "yes" : "no", t->used ? FACT_PLAIN : FACT_NOTE);
        if (!t->used)
                return ST_DONE;
        digest_hex(&t->keys.host_identity, hex);
        tell(a, rep_out, "host", hex, FACT_PLAIN);
        tell(a, rep_out, "bank", hash_name((enum hash_alg)t->keys.alg), FACT_PLAIN);
        tell(a, rep_out, "static PCRs", mask_text(a, t->keys.static_pcrs), FACT_PLAIN);
        tell(a, rep_out, "site key", t->keys.site_private.len ? "in the TPM" : "elsewhere",
             FACT_PLAIN);
        s = tpm_run(t, state, a, NULL, NULL);
        tell(a, rep_out, "state", s ? status_sentence(s) : "approved",
             s ? FACT_WARNING : FACT_PLAIN);
        return ST_DONE;
}
