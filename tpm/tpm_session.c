/* SPDX-License-Identifier: Apache-2.0 */
/* The one salted session, to the storage root key whose Name was pinned at set-up. */
#include "tpm/tpm_internal.h"

#include <string.h>
#include <tss2/tss2_mu.h>

/* ESYS salts a session to the public area that it keeps, which came from the wire, as did the Name
 * that it keeps beside it. So this looks at ESYS's own copy of the public area. */
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

/* By tpm2-tools, the template of keys_srk(): a TPM makes the same key of it as long as its owner
 * hierarchy was not cleared. Of standard input tpm2_createprimary makes x and y, 32 bytes each. */
#define MAKE_AGAIN                                                                                 \
        "move nothing away: docs/tasks.md, \"What if the storage root key is gone?\", has the "    \
        "commands for an RSA key, too; of an ECC key, a TPM that was not cleared makes the same "  \
        "key again: head -c 64 /dev/zero | "                                                       \
        "tpm2_createprimary -C o -g sha256 -G ecc256:aes128cfb -a "                                \
        "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|decrypt|noda' "         \
        "-u - -c srk.ctx && tpm2_evictcontrol -C o -c srk.ctx 0x81000001"

/* Marks the connection stale, so that tpm_run() looks twice, over two connections, before a person
 * is told that this is another TPM. */
static enum status replaced(struct tpm *t, const TPM2B_NAME *found)
{
        const struct bytes *pinned = &t->keys.srk_name;
        char found_hex[2 * sizeof(found->name) + 1] = "none", pinned_hex[129];

        t->stale = true;
        if (found->size)
                hex_write(found_hex, found->name, found->size);
        hex_write(pinned_hex, pinned->data, pinned->len > 64 ? 64 : pinned->len);
        return FAIL(
                ST_TPM_REPLACED, .subject = "storage root key 0x81000001", .expected = pinned_hex,
                .found = found_hex,
                .remedy =
                        !found->size
                                ? MAKE_AGAIN
                                : "put the old TPM back; without it only a passphrase opens a VM's "
                                  "disks: docs/operations.md, \"What does it mean when a start is "
                                  "refused?\"");
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

enum status tpm_srk_anew(struct tpm *t)
{
        if (t->srk != ESYS_TR_NONE)
                Esys_TR_Close(t->esys, &t->srk);
        t->srk = ESYS_TR_NONE;
        return check_pinned(t);
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
