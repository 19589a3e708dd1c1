/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of a seal's key slots, and their proof:
 *
 *   HMAC-SHA256(slot key, "bulkhead-slot-1" || VM UUID || LUKS UUID || slot || SHA-256(key
 * material))
 *
 * UUIDs are 16 bytes and 36 characters, the slot is 4 bytes. The key material of a slot, which no
 * other slot has, is random bytes on the disk: a proof fits the slot that it was made for alone.
 */
#include "svdm/device/luks_token.h"
#include "svdm/device/cryptsetup.h"

#include <errno.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TOKEN_TYPE "bulkhead"
#define RECOVERY_TYPE "bulkhead-recovery"
enum { PROOF_LEN = 32, PROOF_HEX = 2 * PROOF_LEN + 1, MATERIAL_MOST = 16 << 20, STEP = 64 << 10 };

static uint8_t slot_key[SLOT_KEY_LEN];
static bool have_slot_key;

void luks_token_prove_with(struct bytes key)
{
        have_slot_key = key.len == SLOT_KEY_LEN;
        if (have_slot_key)
                memcpy(slot_key, key.data, SLOT_KEY_LEN);
}

/* --- proofs -------------------------------------------------------------------------------- */

static bool material_digest(const struct luks_loaded *l, int slot, struct digest *out)
{
        uint8_t bytes[STEP];
        uint64_t at, left;
        struct hash *h;

        if (crypt_keyslot_area(l->cd, slot, &at, &left) || !left || left > MATERIAL_MOST)
                return false;
        h = hash_begin(HASH_SHA256);
        while (left) {
                size_t want = left < sizeof bytes ? (size_t)left : sizeof bytes;
                ssize_t n = pread(l->header, bytes, want, (off_t)at);

                if (n <= 0)
                        break;
                hash_add(h, bytes, (size_t)n);
                at += (uint64_t)n;
                left -= (uint64_t)n;
        }
        *out = hash_end(h);
        return !left;
}

/* False if there can be none. */
static bool proof_of(const struct luks_loaded *l, int slot, char hex[static PROOF_HEX])
{
        static const char tag[] = "bulkhead-slot-1";
        const char *uuid = crypt_get_uuid(l->cd);
        uint8_t input[15 + 16 + 36 + 4 + 32], proof[PROOF_LEN], *to = input;
        struct digest material;
        unsigned len = 0;

        if (!have_slot_key || !uuid || strlen(uuid) != 36 || !material_digest(l, slot, &material))
                return false;
        to = (uint8_t *)mempcpy(to, tag, 15);
        to = (uint8_t *)mempcpy(to, l->vm.bytes, 16);
        to = (uint8_t *)mempcpy(to, uuid, 36);
        to = (uint8_t *)mempcpy(to, (uint8_t[]){0, 0, 0, (uint8_t)slot}, 4);
        memcpy(to, material.bytes, 32);
        if (!HMAC(EVP_sha256(), slot_key, SLOT_KEY_LEN, input, sizeof input, proof, &len))
                return false;
        hex_write(hex, proof, PROOF_LEN);
        return true;
}

/* --- tokens -------------------------------------------------------------------------------- */

enum status luks_token_set(const struct luks_loaded *l, int slot)
{
        char uuid[37], json[256], proof[PROOF_HEX];
        int r;

        uuid_write(&l->vm, uuid);
        if (proof_of(l, slot, proof))
                snprintf(json, sizeof json,
                         "{\"type\":\"" TOKEN_TYPE
                         "\",\"keyslots\":[\"%d\"],\"vm\":\"%s\",\"proof\":\"%s\"}",
                         slot, uuid, proof);
        else
                snprintf(json, sizeof json,
                         "{\"type\":\"" TOKEN_TYPE "\",\"keyslots\":[\"%d\"],\"vm\":\"%s\"}", slot,
                         uuid);
        /* Our slot is tried first: to find that a person's slot is not ours costs seconds and a
         * gigabyte of memory. */
        r = crypt_keyslot_set_priority(l->cd, slot, CRYPT_SLOT_PRIORITY_PREFER);
        if (r >= 0)
                r = crypt_token_json_set(l->cd, CRYPT_ANY_TOKEN, json);
        return r < 0 ? cryptsetup_failed(l->path, r,
                                         FMT("free a token: cryptsetup token remove --token-id "
                                             "NUMBER %.180s",
                                             l->path))
                     : ST_DONE;
}

bool luks_token_vm(struct crypt_device *cd, int token, struct uuid *vm_out)
{
        static const char key[] = "\"vm\":\"";
        const char *type = NULL, *json = NULL, *at;
        char uuid[37];

        if (crypt_token_status(cd, token, &type) < CRYPT_TOKEN_INTERNAL || !type ||
            strcmp(type, TOKEN_TYPE) || crypt_token_json_get(cd, token, &json) < 0)
                return false;
        at = strstr(json, key);
        snprintf(uuid, sizeof uuid, "%s", at ? at + strlen(key) : "");
        return uuid_read(uuid, vm_out);
}

/* NULL unless the token says that it is the VM's seal's. */
static const char *claiming_text(const struct luks_loaded *l, int token)
{
        const char *type = NULL, *json = NULL;
        char uuid[40] = "\"";

        if (crypt_token_status(l->cd, token, &type) < CRYPT_TOKEN_INTERNAL || !type ||
            strcmp(type, TOKEN_TYPE) || crypt_token_json_get(l->cd, token, &json) < 0)
                return NULL;
        uuid_write(&l->vm, uuid + 1);
        strcat(uuid, "\"");
        return strstr(json, uuid) ? json : NULL;
}

bool luks_token_claims(const struct luks_loaded *l, int token)
{
        return claiming_text(l, token);
}

static bool in_use(const struct luks_loaded *l, int slot)
{
        crypt_keyslot_info info = crypt_keyslot_status(l->cd, slot);

        return info == CRYPT_SLOT_ACTIVE || info == CRYPT_SLOT_ACTIVE_LAST;
}

static bool opened_by_key(const struct luks_loaded *l, int slot)
{
        return l->key && crypt_activate_by_passphrase(l->cd, NULL, slot, (const char *)l->key,
                                                      DISK_KEY_LEN, 0) == slot;
}

static bool is_proved(const struct luks_loaded *l, const char *json, int slot)
{
        char proof[PROOF_HEX];

        return proof_of(l, slot, proof) && strstr(json, proof);
}

/* --- marks for people ------------------------------------------------------------------------ */

static const char *type_of(const struct luks_loaded *l, int token)
{
        const char *type = NULL;

        return crypt_token_status(l->cd, token, &type) < CRYPT_TOKEN_INTERNAL || !type ? "" : type;
}

static bool is_recovery_type(const char *type)
{
        return !strcmp(type, RECOVERY_TYPE) || !strcmp(type, "systemd-recovery");
}

static bool names_a_slot(const struct luks_loaded *l, int token)
{
        for (int slot = 0; slot < crypt_keyslot_max(CRYPT_LUKS2); slot++)
                if (in_use(l, slot) && !crypt_token_is_assigned(l->cd, token, slot))
                        return true;
        return false;
}

void luks_token_mark_recovery(const struct luks_loaded *l, int slot, bool is_one)
{
        char json[80];

        for (int token = 0; token < crypt_token_max(CRYPT_LUKS2); token++)
                if (!strcmp(type_of(l, token), RECOVERY_TYPE) &&
                    (!crypt_token_is_assigned(l->cd, token, slot) || !names_a_slot(l, token)))
                        crypt_token_json_set(l->cd, token, NULL);
        snprintf(json, sizeof json, "{\"type\":\"" RECOVERY_TYPE "\",\"keyslots\":[\"%d\"]}", slot);
        if (is_one)
                crypt_token_json_set(l->cd, CRYPT_ANY_TOKEN, json);
}

bool luks_token_says_recovery(const struct luks_loaded *l, int slot)
{
        for (int token = 0; token < crypt_token_max(CRYPT_LUKS2); token++)
                if (is_recovery_type(type_of(l, token)) &&
                    !crypt_token_is_assigned(l->cd, token, slot))
                        return true;
        return false;
}

/* --- whose a slot is ------------------------------------------------------------------------- */

/* A token of anybody else says so: of another VM's seal, or of a program that keeps the key in a
 * TPM or a server. Nobody can type such a key: its slot is not what is left when all else goes. */
static bool is_a_machines(const struct luks_loaded *l, int slot)
{
        for (int token = 0; token < crypt_token_max(CRYPT_LUKS2); token++) {
                const char *type = NULL;

                if (crypt_token_status(l->cd, token, &type) < CRYPT_TOKEN_INTERNAL ||
                    crypt_token_is_assigned(l->cd, token, slot))
                        continue;
                if (!type || !is_recovery_type(type))
                        return true;
        }
        return false;
}

enum key_slot_kind luks_token_judge(const struct luks_loaded *l, int slot)
{
        enum key_slot_kind kind = KEY_SLOT_PASSPHRASE;
        const char *json;

        if (!in_use(l, slot))
                return KEY_SLOT_OTHER;
        for (int token = 0; token < crypt_token_max(CRYPT_LUKS2); token++) {
                json = claiming_text(l, token);
                if (!json || crypt_token_is_assigned(l->cd, token, slot))
                        continue;
                if (is_proved(l, json, slot) || opened_by_key(l, slot))
                        return KEY_SLOT_SEAL;
                kind = KEY_SLOT_CLAIMED;
        }
        return kind == KEY_SLOT_PASSPHRASE && is_a_machines(l, slot) ? KEY_SLOT_OTHER : kind;
}

enum status luks_token_remove_sealed(const struct luks_loaded *l, int but_slot)
{
        const int tokens = crypt_token_max(CRYPT_LUKS2), slots = crypt_keyslot_max(CRYPT_LUKS2);
        bool ours[KEY_SLOTS_MOST] = {false};
        int r = 0;

        for (int slot = 0; slot < slots && slot < KEY_SLOTS_MOST; slot++)
                ours[slot] = slot != but_slot && luks_token_judge(l, slot) == KEY_SLOT_SEAL;
        for (int slot = 0; slot < KEY_SLOTS_MOST && !r; slot++)
                if (ours[slot])
                        r = crypt_keyslot_destroy(l->cd, slot);
        for (int token = 0; token < tokens && !r; token++)
                if (claiming_text(l, token) && !names_a_slot(l, token))
                        r = crypt_token_json_set(l->cd, token, NULL) < 0 ? -EIO : 0;
        return r ? cryptsetup_failed(l->path, r, NULL) : ST_DONE;
}
