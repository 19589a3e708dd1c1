/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key slots of LUKS2 headers that people open: listed, added, changed, removed, always in a copy of
 * the header in a sealed memory file. The device worker comes here.
 */
#ifndef BULKHEAD_SVDM_DEVICE_LUKS_SLOTS_H
#define BULKHEAD_SVDM_DEVICE_LUKS_SLOTS_H

#include "lib/message.h"
#include "svdm/device/secret.h"

struct crypt_device;

/* What opens a slot of a header now. */
struct slot_opener {
        struct bytes bytes;
        bool sealed; /* DISK_KEY_LEN bytes, the key that the VM's present seal gives */
        enum passphrase_form form; /* of a passphrase */
};

/* The refusal of a passphrase that opens no slot: ST_DENIED. It says so if the passphrase does open
 * one with a line feed behind it, or without the one that it has. */
enum status luks_opens_none(const char *path, struct crypt_device *cd,
                            const struct slot_opener *by);

/* Adds a slot for a passphrase. A person's is to be guessed slowly; a recovery key is random, and
 * more work would not make it stronger. */
enum status luks_add_passphrase(const char *path, int header, const struct slot_opener *by,
                                const struct authority *fresh, int *header_out);

/* The slots in use, in the arena; and what struct disk_slots has beside them. */
enum status luks_slots(const char *path, int header, const struct uuid *vm, struct arena *a,
                       struct disk_slots *out);

struct slot_edit {
        enum slot_change change;
        uint32_t slot;                           /* KEY_SLOTS_MOST: the one that `present` opens */
        const uint8_t *sealed;                   /* the key that the present seal gives, or NULL */
        const struct authority *present, *fresh; /* AUTHORITY_NONE where there is none */
        bool last;                               /* even if it takes away the last passphrase */
};
/* Makes a copy of that header, in a sealed memfd, with that change. Needs `sealed` or `present`,
 * but for SLOT_FORGET, which removes what is proved to be the seal's. Refused is whatever would
 * take away a seal's slot otherwise, or the last way in; ST_EXISTS: the new passphrase opens a slot
 * already. */
enum status luks_edit(const char *path, int header, const struct uuid *vm,
                      const struct slot_edit *e, int *header_out);
/* The slots that a passphrase opens, a bit each; 0 if the header cannot be read. Each slot costs
 * one key derivation. */
uint32_t luks_still_opens(const char *path, int header, struct bytes passphrase);

#endif
