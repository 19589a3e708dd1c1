/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which key slots of a LUKS2 header are a VM's seal's. A token says it, and whoever has the disk
 * can write a token, so nothing in it is believed: a slot is the seal's if the seal's present key
 * opens it, or if the token has the proof that only svdm's slot key makes. luks_disk.c and
 * luks_slots.c come here, with a header in a memory file.
 */
#ifndef BULKHEAD_SVDM_DEVICE_LUKS_TOKEN_H
#define BULKHEAD_SVDM_DEVICE_LUKS_TOKEN_H

#include "lib/message.h"
#include "svdm/device/secret.h"

#include <libcryptsetup.h>

enum { SLOT_KEY_LEN = 32 };

/* Once in a process, before seals are made. key: svdm's slot key, SLOT_KEY_LEN bytes; others count
 * as none. Without one tokens have no proof, and none is believed. */
void luks_token_prove_with(struct bytes key);

/* A header that is loaded. */
struct luks_loaded {
        const char *path; /* for errors */
        struct crypt_device *cd;
        int header;     /* what cd was loaded from */
        struct uuid vm; /* whose tokens count */
        /* The seal's present key, DISK_KEY_LEN bytes, or NULL if it is not known. */
        const uint8_t *key;
};

/* Writes the token for a slot that was made just now. */
enum status luks_token_set(const struct luks_loaded *l, int slot);
/* Which VM does a token of our type name, whoever wrote it? False for another token, or for one
 * that names none. */
bool luks_token_vm(struct crypt_device *cd, int token, struct uuid *vm_out);
/* Does this token say that it is the VM's seal's? */
bool luks_token_claims(const struct luks_loaded *l, int token);
/* What the slot is; KEY_SLOT_OTHER for one that is not in use, too. */
enum key_slot_kind luks_token_judge(const struct luks_loaded *l, int slot);
/* Marks a slot that was made just now as a recovery key's, or takes that mark away, by a token of
 * its own (systemd marks its own in the same way, as "systemd-recovery"). For people only: whoever
 * has the disk can write one, and nothing is decided by it. Without room for it there is none. */
void luks_token_mark_recovery(const struct luks_loaded *l, int slot, bool is_one);
/* Does a token say so, Bulkhead's or systemd's? */
bool luks_token_says_recovery(const struct luks_loaded *l, int slot);
/* Removes the seal's slots, but not but_slot, and the tokens that then name no slot. A slot that is
 * only claimed stays, and so does its token. */
enum status luks_token_remove_sealed(const struct luks_loaded *l, int but_slot);

#endif
