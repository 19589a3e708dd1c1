/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes to key slots by libcryptsetup, in a memory file. A passphrase's slot is Argon2id with the
 * second recommended option of RFC 9106, section 4, and no benchmark, which takes seconds and a
 * gigabyte. A recovery key has 256 random bits, as the keys of seals: PBKDF2 with 1,000 iterations,
 * so that it opens a disk on the smallest machine.
 */
#include "svdm/device/luks_slots.h"
#include "lib/memory_file.h"
#include "svdm/device/cryptsetup.h"
#include "svdm/device/header_diff.h"
#include "svdm/device/luks_token.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct crypt_pbkdf_type slow = {.type = CRYPT_KDF_ARGON2ID,
                                             .hash = "sha256",
                                             .iterations = 4,
                                             .max_memory_kb = 64 << 10,
                                             .parallel_threads = 4,
                                             .flags = CRYPT_PBKDF_NO_BENCHMARK},
                                     fast = {.type = CRYPT_KDF_PBKDF2,
                                             .hash = "sha256",
                                             .iterations = 1000,
                                             .flags = CRYPT_PBKDF_NO_BENCHMARK};

/* --- what opens nothing -------------------------------------------------------------------- */

static int opens(struct crypt_device *cd, int slot, struct bytes by)
{
        return crypt_activate_by_passphrase(cd, NULL, slot, (const char *)by.data, by.len, 0);
}

static bool opens_with_line_feed(struct crypt_device *cd, struct bytes by)
{
        uint8_t *longer = memory_new(by.len + 1, 1);
        bool does;

        memcpy(longer, by.data, by.len);
        longer[by.len] = '\n';
        does = opens(cd, CRYPT_ANY_SLOT, (struct bytes){longer, by.len + 1}) >= 0;
        explicit_bzero(longer, by.len + 1);
        free(longer);
        return does;
}

enum status luks_opens_none(const char *path, struct crypt_device *cd, const struct slot_opener *by)
{
        const struct bytes b = by->bytes;
        const char *found = "one that opens none";
        const char *remedy = FMT("cryptsetup open --test-passphrase %.200s", path);

        if (by->sealed) {
                found = "the sealed key, which opens none";
                remedy = "put the sealed disk back, or give a passphrase: --passphrase-file FILE";
        } else if (by->form == PASSPHRASE_LINE && opens_with_line_feed(cd, b)) {
                found = "one that opens with its line feed";
                remedy = "use --key-file, which takes all bytes of the file";
        } else if (by->form == PASSPHRASE_KEY_FILE && b.len > 1 && b.data[b.len - 1] == '\n' &&
                   opens(cd, CRYPT_ANY_SLOT, (struct bytes){b.data, b.len - 1}) >= 0) {
                found = "one that opens without its last line feed";
                remedy = "use --passphrase-file, which takes the first line";
        }
        return FAIL(ST_DENIED, .subject = path, .expected = "a passphrase of one of its key slots",
                    .found = found, .remedy = remedy);
}

/* --- a copy to work on --------------------------------------------------------------------- */

static enum status begin(struct luks_loaded *l, int header)
{
        enum status s = header_copy_all(header, &l->header);
        int r;

        if (!s)
                s = cryptsetup_load(l->path, l->header, -1, &l->cd);
        r = s ? 0 : crypt_volume_key_keyring(l->cd, 0);
        return r ? cryptsetup_failed(l->path, r, NULL) : s;
}

static enum status end(struct luks_loaded *l, enum status s, int *header_out)
{
        crypt_free(l->cd);
        if (!s)
                s = memory_file_seal(l->header);
        if (s && l->header >= 0)
                close(l->header);
        *header_out = s ? -1 : l->header;
        return s;
}

static enum status no_free_slot(const char *path, int r)
{
        return FAIL(ST_REFUSED, .subject = path, .expected = "a free key slot",
                    .found = cryptsetup_said(r),
                    .remedy = FMT("cryptsetup luksDump %.100s shows them; cryptsetup luksRemoveKey "
                                  "%.100s frees that of the passphrase that it asks for",
                                  path, path));
}

static int use_kdf(const struct luks_loaded *l, enum passphrase_form form)
{
        return crypt_set_pbkdf_type(l->cd, form == PASSPHRASE_RECOVERY ? &fast : &slow);
}

static enum status add(const struct luks_loaded *l, int slot, const struct slot_opener *by,
                       const struct authority *fresh)
{
        int r = use_kdf(l, fresh->form);

        if (!r)
                r = crypt_keyslot_add_by_passphrase(l->cd, slot, (const char *)by->bytes.data,
                                                    by->bytes.len, (const char *)fresh->bytes.data,
                                                    fresh->bytes.len);
        if (r == -EPERM)
                return luks_opens_none(l->path, l->cd, by);
        if (r == -EINVAL || r == -ENOSPC)
                return no_free_slot(l->path, r);
        if (r < 0)
                return cryptsetup_failed(l->path, r, NULL);
        luks_token_mark_recovery(l, r, fresh->form == PASSPHRASE_RECOVERY);
        return ST_DONE;
}

enum status luks_add_passphrase(const char *path, int header, const struct slot_opener *by,
                                const struct authority *fresh, int *header_out)
{
        struct luks_loaded l = {.path = path, .header = -1};
        enum status s = begin(&l, header);

        if (!s)
                s = add(&l, CRYPT_ANY_SLOT, by, fresh);
        return end(&l, s, header_out);
}

/* --- what there is ------------------------------------------------------------------------- */

static size_t count_kind(const struct luks_loaded *l, enum key_slot_kind kind)
{
        size_t n = 0;

        for (int slot = 0; slot < KEY_SLOTS_MOST; slot++)
                n += luks_token_judge(l, slot) == kind;
        return n;
}

static const char *kdf_of(struct crypt_device *cd, int slot)
{
        struct crypt_pbkdf_type pbkdf = {0};

        return !crypt_keyslot_get_pbkdf(cd, slot, &pbkdf) && pbkdf.type ? pbkdf.type : "none";
}

enum status luks_slots(const char *path, int header, const struct uuid *vm, struct arena *a,
                       struct disk_slots *out)
{
        struct luks_loaded l = {.path = path, .header = header, .vm = *vm};
        enum status s = cryptsetup_load(path, header, -1, &l.cd);

        out->tokens = out->unread = "";
        out->slots.items = arena_get_many(a, KEY_SLOTS_MOST, sizeof *out->slots.items);
        for (int slot = 0; !s && slot < KEY_SLOTS_MOST; slot++) {
                if (crypt_keyslot_status(l.cd, slot) < CRYPT_SLOT_ACTIVE)
                        continue; /* invalid or not in use */
                out->slots.items[out->slots.count++] = (struct key_slot){
                        (uint32_t)slot, luks_token_judge(&l, slot),
                        arena_text(a, kdf_of(l.cd, slot)), luks_token_says_recovery(&l, slot),
                        false};
        }
        for (int token = 0; !s && token < crypt_token_max(CRYPT_LUKS2); token++)
                if (luks_token_claims(&l, token))
                        out->tokens = arena_print(a, "%s%s%d", out->tokens, *out->tokens ? "," : "",
                                                  token);
        crypt_free(l.cd);
        return s;
}

/* --- changes ------------------------------------------------------------------------------- */

static struct slot_opener opener(const struct slot_edit *e)
{
        if (e->sealed)
                return (struct slot_opener){.bytes = {e->sealed, DISK_KEY_LEN}, .sealed = true};
        return (struct slot_opener){.bytes = e->present->bytes, .form = e->present->form};
}

static enum status wrong_slot(const struct luks_loaded *l, int slot, const char *found,
                              const char *remedy)
{
        return FAIL(ST_REFUSED, .subject = FMT("key slot %d of %.200s", slot, l->path),
                    .expected = "the slot of a passphrase", .found = found, .remedy = remedy);
}

/* Which slot is meant, if it may be changed. */
static enum status find_slot(const struct luks_loaded *l, const struct slot_edit *e, int *slot_out)
{
        int slot = (int)e->slot;
        char vm[37];

        uuid_write(&l->vm, vm);

        if (e->slot == KEY_SLOTS_MOST) {
                const struct slot_opener by = {.bytes = e->present->bytes,
                                               .form = e->present->form};

                slot = opens(l->cd, CRYPT_ANY_SLOT, by.bytes);
                if (slot < 0)
                        return luks_opens_none(l->path, l->cd, &by);
        }
        *slot_out = slot;
        switch (luks_token_judge(l, slot)) {
        case KEY_SLOT_PASSPHRASE:
                return ST_DONE;
        case KEY_SLOT_CLAIMED: /* with the seal's key it is known that the slot is not the seal's */
                return l->key ? ST_DONE
                              : wrong_slot(l, slot,
                                           "one that a token says to be the seal's, which cannot "
                                           "be told now",
                                           "repeat it when the VM can be started, by its seal");
        case KEY_SLOT_SEAL:
                return wrong_slot(l, slot, "the seal's own",
                                  FMT("bulkhead vm passphrase list %s shows the others", vm));
        default:
                return wrong_slot(l, slot, "none",
                                  FMT("bulkhead vm passphrase list %s shows them", vm));
        }
}

static enum status may_be_last(const struct luks_loaded *l, const struct slot_edit *e)
{
        char vm[37];

        if (count_kind(l, KEY_SLOT_PASSPHRASE) || (e->last && l->key))
                return ST_DONE;
        uuid_write(&l->vm, vm);
        if (!l->key)
                return FAIL(ST_REFUSED, .subject = l->path,
                            .expected = "another passphrase, since the seal does not open the disk",
                            .found = "none: this is the last way in",
                            .remedy = FMT("bulkhead vm passphrase change %s", vm));
        return FAIL(
                ST_REFUSED, .subject = l->path, .expected = "another passphrase",
                .found = "none: the only key would be the seal's, in this TPM",
                .remedy = FMT("add another one first: bulkhead vm passphrase add %s; or repeat it "
                              "with --last",
                              vm));
}

static enum status remove_slot(const struct luks_loaded *l, const struct slot_edit *e)
{
        int slot, r;
        enum status s = find_slot(l, e, &slot);

        if (s)
                return s;
        r = crypt_keyslot_destroy(l->cd, slot);
        if (r)
                return cryptsetup_failed(l->path, r, NULL);
        luks_token_mark_recovery(l, slot, false);
        return may_be_last(l, e);
}

/* The same passphrase in two slots would go on opening the disk when one of them is removed. */
static enum status must_be_new(const struct luks_loaded *l, const struct slot_edit *e)
{
        char vm[37];
        const int slot = opens(l->cd, CRYPT_ANY_SLOT, e->fresh->bytes);

        if (slot < 0)
                return ST_DONE;
        uuid_write(&l->vm, vm);
        return FAIL(ST_EXISTS, .subject = l->path,
                    .expected = "a new passphrase that opens nothing",
                    .found = FMT("one that opens key slot %d already", slot),
                    .remedy = FMT("give another one; to see the slots: "
                                  "bulkhead vm passphrase list %s",
                                  vm));
}

/* The new passphrase gets the slot of the old one. */
static enum status change_slot(const struct luks_loaded *l, const struct slot_edit *e)
{
        const struct slot_opener by = opener(e);
        int slot, r;
        enum status s = find_slot(l, e, &slot);

        if (!s)
                s = must_be_new(l, e);
        if (s)
                return s;
        if (by.sealed) {
                r = crypt_keyslot_destroy(l->cd, slot);
                return r ? cryptsetup_failed(l->path, r, NULL) : add(l, slot, &by, e->fresh);
        }
        r = use_kdf(l, e->fresh->form);
        if (!r)
                r = crypt_keyslot_change_by_passphrase(
                        l->cd, slot, slot, (const char *)by.bytes.data, by.bytes.len,
                        (const char *)e->fresh->bytes.data, e->fresh->bytes.len);
        if (r < 0)
                return r == -EPERM ? luks_opens_none(l->path, l->cd, &by)
                                   : cryptsetup_failed(l->path, r, NULL);
        luks_token_mark_recovery(l, slot, e->fresh->form == PASSPHRASE_RECOVERY);
        return ST_DONE;
}

static enum status must_open(const struct luks_loaded *l, const struct slot_edit *e)
{
        const struct slot_opener by = opener(e);

        if (!e->sealed && !e->present->bytes.len)
                return FAIL(ST_DENIED, .subject = l->path,
                            .expected = "the seal's key, or a passphrase", .found = "neither",
                            .remedy = "give its passphrase by --passphrase-file");
        return opens(l->cd, CRYPT_ANY_SLOT, by.bytes) < 0 ? luks_opens_none(l->path, l->cd, &by)
                                                          : ST_DONE;
}

static enum status edit(const struct luks_loaded *l, const struct slot_edit *e)
{
        const struct slot_opener by = opener(e);
        enum status s;

        switch (e->change) {
        case SLOT_ADD:
                s = must_be_new(l, e);
                return s ? s : add(l, CRYPT_ANY_SLOT, &by, e->fresh);
        case SLOT_CHANGE:
                return change_slot(l, e);
        case SLOT_REMOVE:
                return remove_slot(l, e);
        default:
                return luks_token_remove_sealed(l, CRYPT_ANY_SLOT);
        }
}

enum status luks_edit(const char *path, int header, const struct uuid *vm,
                      const struct slot_edit *e, int *header_out)
{
        struct luks_loaded l = {.path = path, .header = -1, .vm = *vm, .key = e->sealed};
        enum status s = begin(&l, header);

        if (!s && e->change != SLOT_FORGET)
                s = must_open(&l, e);
        if (!s)
                s = edit(&l, e);
        return end(&l, s, header_out);
}

uint32_t luks_still_opens(const char *path, int header, struct bytes passphrase)
{
        struct crypt_device *cd = NULL;
        uint32_t slots = 0;

        if (cryptsetup_load(path, header, -1, &cd))
                error_clear();
        for (int slot = 0; cd && slot < KEY_SLOTS_MOST; slot++)
                if (crypt_keyslot_status(cd, slot) >= CRYPT_SLOT_ACTIVE &&
                    opens(cd, slot, passphrase) >= 0)
                        slots |= UINT32_C(1) << slot;
        crypt_free(cd);
        return slots;
}
