/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LUKS2 headers by libcryptsetup. The device worker comes here with descriptors and keys; every
 * header is a memory file, reached as /proc/self/fd/N. Our key slots are PBKDF2 with 1,000
 * iterations: their passphrase is a random key, which more iterations would not make stronger.
 */
#include "svdm/device/luks_disk.h"
#include "lib/memory_file.h"
#include "svdm/device/cryptsetup.h"
#include "svdm/device/header_diff.h"
#include "svdm/device/luks_token.h"
#include "svdm/device/luks_requirements.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CIPHER_KEY_LEN = 64, HMAC_KEY_LEN = 32, SECTOR = 512, LUKS_TEXT_MOST = 4 << 20 };

static const struct crypt_pbkdf_type pbkdf = {
        .type = CRYPT_KDF_PBKDF2,
        .hash = "sha256",
        .iterations = 1000,
        .flags = CRYPT_PBKDF_NO_BENCHMARK,
};

void luks_init(void)
{
        cryptsetup_init();
}

/* The second header lies where the first ends, and that has one of nine sizes (LUKS2 on-disk
 * format, 2.1): 16 KiB to 4 MiB. */
static bool has_second(int disk)
{
        static const uint8_t magic[8] = {'S', 'K', 'U', 'L', 0xba, 0xbe, 0, 2};
        uint8_t head[sizeof magic];

        for (off_t at = 16 << 10; at <= LUKS_TEXT_MOST; at *= 2)
                if (pread(disk, head, sizeof head, at) == sizeof head &&
                    !memcmp(head, magic, sizeof magic))
                        return true;
        return false;
}

enum luks_kind luks_probe(int disk)
{
        static const uint8_t magic[6] = {'L', 'U', 'K', 'S', 0xba, 0xbe};
        uint8_t head[8];

        if (pread(disk, head, sizeof head, 0) != sizeof head || memcmp(head, magic, sizeof magic))
                return has_second(disk) ? LUKS_SECOND : LUKS_NONE;
        return head[6] == 0 && head[7] == 1   ? LUKS_1
               : head[6] == 0 && head[7] == 2 ? LUKS_2
                                              : LUKS_NONE;
}

static enum status read_parameters(const char *path, int memfd, uint64_t *offset_out,
                                   struct uuid *uuid_out)
{
        struct crypt_device *cd = NULL;
        const char *uuid;
        enum status s = cryptsetup_read(path, memfd, -1, &cd);

        if (!s) {
                *offset_out = crypt_get_data_offset(cd) * SECTOR;
                uuid = crypt_get_uuid(cd);
                if (!uuid || !uuid_read(uuid, uuid_out))
                        s = FAIL(ST_INVALID, .subject = path, .expected = "a LUKS UUID",
                                 .found = QUOTED(uuid),
                                 .remedy = FMT("cryptsetup luksUUID --uuid $(uuidgen) %s", path));
        }
        crypt_free(cd);
        return s;
}

/* The first len bytes in a memfd of that size. Sealed before it is parsed, so that libcryptsetup
 * cannot mend what we are to measure. */
static enum status copy_sealed(int disk, uint64_t len, uint64_t size, int *memfd_out)
{
        int memfd;
        enum status s = header_copy(disk, len, &memfd);

        if (!s && size > len && ftruncate(memfd, (off_t)size))
                s = FAIL(ST_IO, .subject = "a memory file", .found = strerror(errno));
        if (!s)
                s = memory_file_seal(memfd);
        if (s && memfd >= 0)
                close(memfd);
        *memfd_out = s ? -1 : memfd;
        return s;
}

/* Finds where the data begin, by the two JSON texts: the key slots behind them need not be read. */
static enum status find_data(const char *path, int disk, uint64_t size, uint64_t *offset_out)
{
        uint8_t text_size[8]; /* LUKS2 on-disk format, 2.1: hdr_size, big endian */
        struct reader r = {text_size, sizeof text_size, false};
        struct uuid uuid;
        uint64_t texts;
        int memfd;
        enum status s;

        if (pread(disk, text_size, sizeof text_size, 8) != sizeof text_size)
                return FAIL(ST_INVALID, .subject = path, .found = "too short a disk");
        texts = read_u64(&r);
        texts = texts > LUKS_TEXT_MOST ? 2 * LUKS_TEXT_MOST : 2 * texts;
        s = copy_sealed(disk, texts < size ? texts : size, size, &memfd);
        if (s)
                return s;
        s = read_parameters(path, memfd, offset_out, &uuid);
        close(memfd);
        if (!s && (!*offset_out || *offset_out >= size))
                s = FAIL(ST_INVALID, .subject = path, .expected = "data after the header",
                         .found = FMT("data at byte %llu of %llu", (unsigned long long)*offset_out,
                                      (unsigned long long)size));
        return s;
}

enum status luks_header(const char *path, int disk, uint64_t size, int *header_out,
                        struct uuid *uuid_out)
{
        uint64_t offset = 0, again = 0;
        int memfd = -1;
        enum status s;

        s = find_data(path, disk, size, &offset);
        if (!s)
                s = copy_sealed(disk, offset, offset, &memfd);
        if (!s)
                s = read_parameters(path, memfd, &again, uuid_out);
        if (!s && again != offset)
                s = FAIL(ST_CHANGED, .subject = path, .found = "its header, while it was read");
        if (s && memfd >= 0)
                close(memfd);
        *header_out = s ? -1 : memfd;
        return s;
}

/* As find_data(), of the header that is to be. */
static enum status find_data_after(const char *path, int disk, uint64_t size, struct bytes runs,
                                   uint64_t *offset_out)
{
        const uint64_t texts = 2 * LUKS_TEXT_MOST;
        struct uuid uuid;
        int memfd;
        enum status s = header_after(disk, texts < size ? texts : size, runs, &memfd);

        if (s)
                return s;
        if (ftruncate(memfd, (off_t)size))
                s = FAIL(ST_IO, .subject = "a memory file", .found = strerror(errno));
        if (!s)
                s = memory_file_seal(memfd);
        if (!s)
                s = read_parameters(path, memfd, offset_out, &uuid);
        close(memfd);
        return s;
}

enum status luks_check_runs(const char *path, int disk, uint64_t size, struct bytes runs)
{
        const uint64_t end = header_runs_end(runs);
        uint64_t offset = 0;
        struct error why;
        enum status s = find_data_after(path, disk, size, runs, &offset);

        why = *error_last();
        if (!s && end <= offset)
                return ST_DONE;
        return FAIL(ST_DAMAGED, .subject = path,
                    .expected = "a journal that writes a LUKS2 header and nothing beyond it",
                    .found = s ? FMT("no whole header: %.200s", why.found)
                               : FMT("one that writes up to byte %llu, behind the header's %llu",
                                     (unsigned long long)end, (unsigned long long)offset),
                    .remedy = "the disk is as it was; restore svdm's newest state folder, or seal "
                              "the VM again");
}

static enum status format(const char *path, struct crypt_device *cd, uint64_t size, bool integrity,
                          const char *uuid, const uint8_t key[static DISK_KEY_LEN], int *slot_out)
{
        struct crypt_params_luks2 params = {.pbkdf = &pbkdf,
                                            .integrity = integrity ? LUKS_INTEGRITY : NULL,
                                            .sector_size = size % 4096 ? SECTOR : 4096};
        int r = crypt_set_data_offset(cd, LUKS_DATA_OFFSET / SECTOR);

        if (!r)
                r = crypt_format(cd, CRYPT_LUKS2, "aes", "xts-plain64", uuid, NULL,
                                 CIPHER_KEY_LEN + (integrity ? HMAC_KEY_LEN : 0), &params);
        if (!r)
                r = crypt_volume_key_keyring(cd, 0);
        if (!r)
                r = crypt_keyslot_add_by_volume_key(cd, CRYPT_ANY_SLOT, NULL, 0, (const char *)key,
                                                    DISK_KEY_LEN);
        *slot_out = r;
        return r < 0 ? cryptsetup_failed(path, r, NULL) : ST_DONE;
}

enum status luks_format(const char *path, uint64_t size, const struct uuid *vm,
                        const struct uuid *uuid, const uint8_t key[static DISK_KEY_LEN], int data,
                        int *header_out)
{
        struct crypt_device *cd = NULL;
        char uuid_text[37];
        int memfd = -1, slot;
        enum status s;

        *header_out = -1;
        if (size < LUKS_DISK_LEAST)
                return FAIL(ST_REFUSED, .subject = path,
                            .expected = FMT("at least %d MiB", LUKS_DISK_LEAST >> 20),
                            .found = FMT("%llu bytes", (unsigned long long)size),
                            .remedy = "make the disk larger: the header takes 16 MiB");
        uuid_write(uuid, uuid_text);
        s = header_of_size(LUKS_DATA_OFFSET, &memfd);
        if (s)
                goto out;
        s = cryptsetup_begin(path, memfd, data, &cd);
        if (s)
                goto out;
        s = format(path, cd, size, data >= 0, uuid_text, key, &slot);
        if (s)
                goto out;
        s = luks_token_set(&(struct luks_loaded){path, cd, memfd, *vm, key}, slot);
        if (s)
                goto out;
        crypt_free(cd);
        cd = NULL;
        s = memory_file_seal(memfd);
out:
        crypt_free(cd);
        if (s && memfd >= 0)
                close(memfd);
        else
                *header_out = memfd;
        return s;
}

/* On a disk that is not encrypted anybody can write what the guest then takes for its own. */
static enum status refuse_null_cipher(const char *path, struct crypt_device *cd)
{
        const char *cipher = crypt_get_cipher(cd);

        if (cipher && !strstr(cipher, "null"))
                return ST_DONE;
        return FAIL(ST_REFUSED, .subject = path, .expected = "a disk that is encrypted",
                    .found = QUOTED(cipher),
                    .remedy = FMT("cryptsetup reencrypt --cipher aes-xts-plain64 %s", path));
}

static enum status refuse_half_encrypted(const char *path, struct crypt_device *cd)
{
        struct crypt_params_reencrypt params = {0};
        const char *json = NULL;
        int r = crypt_dump_json(cd, &json, 0);
        enum status s = r ? cryptsetup_failed(path, r, NULL) : luks_requirements_check(path, json);

        if (s || crypt_reencrypt_status(cd, &params) == CRYPT_REENCRYPT_NONE)
                return s;
        return luks_requirements_reencrypts(path);
}

static enum status add_slot(const char *path, struct crypt_device *cd, const struct slot_opener *by,
                            const uint8_t key[static DISK_KEY_LEN], int *slot_out)
{
        int r = crypt_volume_key_keyring(cd, 0);

        if (!r)
                r = crypt_set_pbkdf_type(cd, &pbkdf);
        if (!r)
                r = crypt_keyslot_add_by_passphrase(cd, CRYPT_ANY_SLOT,
                                                    (const char *)by->bytes.data, by->bytes.len,
                                                    (const char *)key, DISK_KEY_LEN);
        *slot_out = r;
        if (r == -EPERM)
                return luks_opens_none(path, cd, by);
        if (r == -EINVAL || r == -ENOSPC)
                return FAIL(ST_REFUSED, .subject = path, .expected = "a free key slot",
                            .found = cryptsetup_said(r),
                            .remedy = FMT_LONG("cryptsetup luksDump %s shows the slots; cryptsetup "
                                               "luksRemoveKey %s frees the slot of the passphrase "
                                               "that it asks for: never of the last one that you "
                                               "know",
                                               path, path));
        return r < 0 ? cryptsetup_failed(path, r, NULL) : ST_DONE;
}

enum status luks_adopt(const char *path, int header, const struct uuid *vm,
                       const struct slot_opener *by, const uint8_t key[static DISK_KEY_LEN],
                       int *header_out)
{
        struct luks_loaded loaded = {path, NULL, -1, *vm, by->sealed ? by->bytes.data : NULL};
        struct crypt_device *cd = NULL;
        int memfd = -1, slot;
        enum status s;

        s = header_copy_all(header, &memfd);
        if (s)
                goto out;
        s = cryptsetup_load(path, memfd, -1, &cd);
        if (s)
                goto out;
        s = refuse_half_encrypted(path, cd);
        if (s)
                goto out;
        s = refuse_null_cipher(path, cd);
        if (s)
                goto out;
        s = add_slot(path, cd, by, key, &slot);
        if (s)
                goto out;
        loaded.cd = cd;
        loaded.header = memfd;
        s = luks_token_remove_sealed(&loaded, slot);
        if (s)
                goto out;
        s = luks_token_set(&loaded, slot);
        if (s)
                goto out;
        crypt_free(cd);
        cd = NULL;
        s = memory_file_seal(memfd);
out:
        crypt_free(cd);
        if (s && memfd >= 0)
                close(memfd);
        *header_out = s ? -1 : memfd;
        return s;
}

enum status luks_stranger(const char *path, int header, const struct uuid *vm,
                          struct uuid *stranger_out)
{
        const int tokens = crypt_token_max(CRYPT_LUKS2);
        struct crypt_device *cd = NULL;
        enum status s = cryptsetup_load(path, header, -1, &cd);

        *stranger_out = (struct uuid){0};
        for (int token = 0; token < tokens && !s; token++) {
                struct uuid found;

                if (luks_token_vm(cd, token, &found) && !uuid_equal(&found, vm))
                        *stranger_out = found;
        }
        crypt_free(cd);
        return s;
}

enum status luks_test(const char *path, int header, const uint8_t key[static DISK_KEY_LEN])
{
        struct crypt_device *cd = NULL;
        enum status s = cryptsetup_load(path, header, -1, &cd);
        int r = 0;

        if (!s)
                s = refuse_null_cipher(path, cd);
        if (!s) {
                r = crypt_volume_key_keyring(cd, 0);
                if (!r)
                        r = crypt_activate_by_passphrase(cd, NULL, CRYPT_ANY_SLOT,
                                                         (const char *)key, DISK_KEY_LEN, 0);
        }
        crypt_free(cd);
        if (r == -EPERM || r == -ENOENT)
                return FAIL(
                        ST_CHANGED, .subject = path, .expected = "a key slot for the sealed key",
                        .found = "none that it opens",
                        .remedy =
                                FMT("put the sealed disk back at %s; or seal the VM again, with a "
                                    "passphrase of the disk",
                                    path));
        return s ? s : r < 0 ? cryptsetup_failed(path, r, NULL) : ST_DONE;
}
