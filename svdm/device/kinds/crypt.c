/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks that guests write: LUKS2, with a key that is derived from the VM's secret. luks_disk.h
 * hides all that is known of LUKS; this file decides when a header may be made, adopted or opened.
 */
#include "svdm/device/disk_sample.h"
#include "svdm/device/file_device.h"
#include "svdm/device/luks_disk.h"
#include "svdm/device/luks_slots.h"

#include <string.h>
#include <unistd.h>

/* What is left is all that there is: nothing may write over it before it is saved. */
static enum status refuse_half(const struct file_device *d)
{
        return FAIL(
                ST_REFUSED, .subject = d->path, .expected = "a whole LUKS2 disk",
                .found = "one whose first header is damaged; the second one is there",
                .remedy = FMT_LONG("keep a copy first: dd if=%s of=header.copy bs=1M count=16; "
                                   "then cryptsetup repair --type luks2 %s makes the first "
                                   "header again from the second; wipefs --all %s gives it up and "
                                   "DESTROYS the data",
                                   d->path, d->path, d->path));
}

/* The seal has the key of what was there, as long as nothing is written over it. */
static enum status refuse_lost(const struct file_device *d)
{
        return FAIL(ST_REFUSED, .subject = d->path, .expected = "the LUKS2 header of a sealed disk",
                    .found = "no LUKS header: it was overwritten, or this is another disk",
                    .remedy = FMT_LONG("write nothing to this disk: the seal still has its key. "
                                       "Put the right disk back; or the header, from a copy of "
                                       "it: cryptsetup luksHeaderRestore %s --header-backup-file "
                                       "FILE",
                                       d->path));
}

static bool header_is_lost(const struct file_device *d)
{
        const enum luks_kind found = luks_probe(d->file);

        return d->sealed && (found == LUKS_NONE || found == LUKS_1);
}

/* A plain disk may be opened: it is to be formatted, or else refuse_plain() says what it is. A disk
 * that the host has mounted is refused, since two writers would destroy it. */
static enum status accept(struct file_device *d)
{
        enum status s = d->writable && !d->look ? open_disk_unused(d->path, d->file) : ST_DONE;

        return !s && !d->look && header_is_lost(d) ? refuse_lost(d) : s;
}

/* Nothing but zeros, as far as it was looked at. If not even that can be said, it is not. */
static bool is_empty(const struct file_device *d)
{
        int sample = -1;
        enum status s = disk_sample(d->path, d->file, d->seen.size, &sample);

        if (s)
                error_clear();
        if (sample >= 0)
                close(sample);
        return !s && sample < 0;
}

static enum status refuse_empty(const struct file_device *d)
{
        return FAIL(ST_REFUSED, .subject = d->path, .expected = "a LUKS2 disk",
                    .found = "an empty one",
                    .remedy = FMT_LONG("if data should be there, put the right disk back; if the "
                                       "VM is sealed, and this is one more disk, give it a "
                                       "passphrase that opens the others: cryptsetup luksFormat "
                                       "--type luks2 %s; to make new disks of all that the VM "
                                       "writes: bulkhead vm seal %s DESCRIPTOR.xml --format",
                                       d->path, UUID_TEXT(&d->vm)));
}

static enum status refuse_plain(const struct file_device *d)
{
        if (luks_probe(d->file) == LUKS_SECOND)
                return refuse_half(d);
        if (header_is_lost(d))
                return refuse_lost(d);
        if (luks_probe(d->file) == LUKS_1)
                return FAIL(ST_REFUSED, .subject = d->path, .expected = "a LUKS2 disk",
                            .found = "a LUKS1 disk",
                            .remedy = FMT("cryptsetup convert --type luks2 %s", d->path));
        if (is_empty(d))
                return refuse_empty(d);
        return FAIL(ST_REFUSED, .subject = d->path, .expected = "a LUKS2 disk",
                    .found = "a plain one",
                    .remedy = FMT_LONG("if it was LUKS2 before, put its header back: cryptsetup "
                                       "luksHeaderRestore %s --header-backup-file FILE; to encrypt "
                                       "plain data and keep them, copy them, free its last 32 MiB "
                                       "(of an image: truncate -s +32M %s), then cryptsetup "
                                       "reencrypt --encrypt --type luks2 --reduce-device-size 32M "
                                       "%s; --format destroys the data",
                                       d->path, d->path, d->path));
}

static enum status unlock(const struct file_device *d, const uint8_t secret[static SECRET_LEN])
{
        uint8_t key[DISK_KEY_LEN];
        enum status s;

        if (d->header < 0) /* a secret that opens it comes from a seal */
                return luks_probe(d->file) == LUKS_NONE ? refuse_lost(d) : refuse_plain(d);
        secret_disk_key(secret, &d->uuid, key);
        s = luks_test(d->path, d->header, key);
        explicit_bzero(key, sizeof key);
        return s;
}

static enum status adopt(const struct file_device *d, const struct authority *authority,
                         const uint8_t key[static DISK_KEY_LEN], int *header_out)
{
        struct slot_opener by = {.bytes = authority->bytes, .form = authority->form};
        uint8_t old_key[DISK_KEY_LEN];
        enum status s;

        if (authority->kind == AUTHORITY_NONE)
                return FAIL(ST_DENIED, .subject = d->path,
                            .expected = "a passphrase that opens the disk", .found = "none",
                            .remedy = "give its passphrase by --passphrase-file");
        if (authority->kind == AUTHORITY_SECRET) {
                secret_disk_key(authority->bytes.data, &d->uuid, old_key);
                by = (struct slot_opener){.bytes = {old_key, sizeof old_key}, .sealed = true};
        }
        s = luks_adopt(d->path, d->header, &d->vm, &by, key, header_out);
        explicit_bzero(old_key, sizeof old_key);
        return s;
}

/* Makes a new header, with a slot for the passphrase if there is one. */
static enum status make_header(const struct file_device *d, const struct uuid *uuid,
                               const struct authority *authority,
                               const uint8_t key[static DISK_KEY_LEN], int *header_out)
{
        const struct slot_opener by = {.bytes = {key, DISK_KEY_LEN}, .sealed = true};
        int made = -1;
        enum status s = luks_format(d->path, d->seen.size, &d->vm, uuid, key, d->block, &made);

        if (s || authority->kind != AUTHORITY_PASSPHRASE) {
                *header_out = made;
                return s;
        }
        s = luks_add_passphrase(d->path, made, &by, authority, header_out);
        close(made);
        return s;
}

/* The back-end `dm` writes the whole data area here and now: without tags nothing could be read
 * from it. This is not needed for a memory image, which is written in whole blocks before it is
 * read. */
static enum status make(struct file_device *d, const struct uuid *uuid,
                        const struct authority *authority, const uint8_t key[static DISK_KEY_LEN],
                        int *header_out)
{
        const bool tells = !d->kind->memory;
        enum status s = d->backend->attach_new(d);

        if (!s && tells && d->block >= 0) /* to make a header with integrity begins to fill */
                s = file_device_writes(d);
        if (!s)
                s = make_header(d, uuid, authority, key, header_out);
        if (!s && tells && d->block < 0)
                s = file_device_writes(d);
        if (!s && tells)
                s = d->backend->fill_new(d, *header_out, key);
        file_device_detach(d);
        return s;
}

static enum status prepare(struct file_device *d, bool format, const struct authority *authority,
                           const uint8_t secret[static SECRET_LEN])
{
        struct uuid uuid = format ? uuid_random() : d->uuid;
        uint8_t key[DISK_KEY_LEN];
        int header = -1;
        enum status s;

        if (luks_probe(d->file) == LUKS_SECOND)
                return refuse_half(d);
        if (!format && d->header < 0)
                return authority->kind == AUTHORITY_SECRET ? refuse_lost(d) : refuse_plain(d);
        secret_disk_key(secret, &uuid, key);
        s = format ? make(d, &uuid, authority, key, &header) : adopt(d, authority, key, &header);
        if (!s)
                s = luks_test(d->path, header, key);
        explicit_bzero(key, sizeof key);
        if (s) {
                if (header >= 0)
                        close(header);
                return s;
        }
        if (d->header >= 0)
                close(d->header);
        d->header = header;
        d->uuid = uuid;
        return ST_DONE;
}

static enum status slots(const struct device *device, struct arena *a, struct disk_slots *out)
{
        const struct file_device *d = device->part;

        if (d->header < 0)
                return refuse_plain(d);
        return luks_slots(d->path, d->header, &d->vm, a, out);
}

static enum status edit(struct device *device, const struct device_edit *e)
{
        struct file_device *d = device->part;
        struct slot_edit ours = {.change = e->change,
                                 .slot = e->slot,
                                 .present = e->present,
                                 .fresh = e->fresh,
                                 .last = e->last};
        uint8_t key[DISK_KEY_LEN];
        int header = -1;
        enum status s;

        if (d->header < 0)
                return refuse_plain(d);
        if (e->secret) {
                secret_disk_key(e->secret, &d->uuid, key);
                ours.sealed = key;
        }
        s = luks_edit(d->path, d->header, &d->vm, &ours, &header);
        explicit_bzero(key, sizeof key);
        if (s)
                return s;
        close(d->header);
        d->header = header;
        if (e->change != SLOT_ADD && e->present->kind)
                device->still = luks_still_opens(d->path, header, e->present->bytes);
        return ST_DONE;
}

/* Nobody is asked for a yes to what is refused all the same. */
static enum status sample(const struct device *device, struct disk_sample *out)
{
        const struct file_device *d = device->part;

        *out = (struct disk_sample){.path = d->path, .sample = -1};
        return luks_probe(d->file) == LUKS_SECOND ? refuse_half(d)
                                                  : file_device_sample(device, out);
}

const struct file_kind crypt_file = {
        .sealed = true, .accept = accept, .unlock = unlock, .prepare = prepare};

const struct device_kind crypt_kind = {
        .name = "crypt",
        .open = file_device_open,
        .close = file_device_close,
        .describe = file_device_describe,
        .hold = file_device_hold,
        .sample = sample,
        .others = file_device_others,
        .prepare = file_device_prepare,
        .slots = slots,
        .edit = edit,
        .unlock = file_device_unlock,
        .undo = file_device_undo,
        .check = file_device_check,
        .file = &crypt_file,
};
