/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mapping by libcryptsetup. Every activation is CRYPT_ACTIVATE_PRIVATE, so that no udev rule looks
 * into what a guest has written.
 */
#include "svdm/device/crypt_map.h"
#include "lib/io.h"
#include "svdm/device/cryptsetup.h"
#include "svdm/device/mapper.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

enum { FILL_STEP = 1 << 20 };

static enum status not_mapped(const char *path, int r)
{
        const char *remedy = r == -ENOTSUP || r == -ENODEV || r == -EINVAL || r == -ENOENT
                                     ? "modprobe dm-crypt dm-integrity dm-verity; dmesg says more"
                                     : "dmesg says more";

        return cryptsetup_failed(path, r, remedy);
}

/* --- dm-crypt ------------------------------------------------------------------------------ */

static void describe(struct crypt_device *cd, struct luks_data *out)
{
        struct crypt_params_integrity integrity = {0};

        *out = (struct luks_data){.sector = crypt_get_data_offset(cd)};
        snprintf(out->cipher, sizeof out->cipher, "%s", crypt_get_cipher(cd));
        snprintf(out->mode, sizeof out->mode, "%s", crypt_get_cipher_mode(cd));
        out->integrity = !crypt_get_integrity_info(cd, &integrity) && integrity.tag_size;
}

static enum status activate(const char *path, struct crypt_device *cd, const char *name,
                            const uint8_t key[static DISK_KEY_LEN], uint32_t flags)
{
        int r = crypt_volume_key_keyring(cd, 1);

        if (!r)
                r = crypt_activate_by_passphrase(cd, name, CRYPT_ANY_SLOT, (const char *)key,
                                                 DISK_KEY_LEN, CRYPT_ACTIVATE_PRIVATE | flags);
        if (r == -EBUSY)
                return FAIL(ST_BUSY, .subject = path, .expected = "a device that nobody uses",
                            .found = cryptsetup_said(r),
                            .remedy = FMT("lsblk %s shows by what; free it", path));
        return r < 0 ? not_mapped(path, r) : ST_DONE;
}

enum status crypt_map_luks(const char *path, int header, int data, const char *name,
                           const uint8_t key[static DISK_KEY_LEN], bool writable,
                           struct luks_data *luks_out)
{
        struct crypt_device *cd = NULL;
        enum status s = cryptsetup_load(path, header, data, &cd);

        if (!s) {
                describe(cd, luks_out);
                s = activate(path, cd, name, key, writable ? 0 : CRYPT_ACTIVATE_READONLY);
        }
        crypt_free(cd);
        return s;
}

static enum status fill(const char *path, struct crypt_device *cd, const char *name)
{
        char device[MAPPER_NAME_MOST + 16];
        int r;

        snprintf(device, sizeof device, "%s/%s", crypt_get_dir(), name);
        r = crypt_wipe(cd, device, CRYPT_WIPE_ZERO, 0, 0, FILL_STEP, 0, NULL, NULL);
        return r ? cryptsetup_failed(path, r, "dmesg says more; seal again") : ST_DONE;
}

enum status crypt_map_fill(const char *path, int header, int data, const char *name,
                           const uint8_t key[static DISK_KEY_LEN])
{
        struct crypt_device *cd = NULL;
        struct error why;
        enum status s = cryptsetup_load(path, header, data, &cd);

        if (!s)
                s = activate(path, cd, name, key, CRYPT_ACTIVATE_NO_JOURNAL);
        if (!s) {
                s = fill(path, cd, name);
                why = *error_last();
                if (crypt_deactivate(cd, name) && !s)
                        s = cryptsetup_failed(path, -EBUSY, FMT("dmsetup remove %s", name));
                else if (s)
                        error_keep(&why);
        }
        crypt_free(cd);
        return s;
}

/* --- dm-verity ----------------------------------------------------------------------------- */

enum status crypt_map_make_tree(const char *path, int data, uint64_t size, int tree,
                                uint8_t root_out[static VERITY_ROOT_LEN])
{
        char device[IO_PATH];
        struct crypt_params_verity params = {.hash_name = "sha256",
                                             .data_device = device,
                                             .hash_type = 1,
                                             .data_block_size = VERITY_BLOCK,
                                             .hash_block_size = VERITY_BLOCK,
                                             .data_size = size / VERITY_BLOCK,
                                             .salt = "",
                                             .salt_size = 0,
                                             .flags = CRYPT_VERITY_CREATE_HASH};
        struct crypt_device *cd = NULL;
        size_t root_len = VERITY_ROOT_LEN;
        int r = 0;
        enum status s;

        io_path(device, data);
        s = cryptsetup_begin(path, tree, -1, &cd);
        if (!s)
                r = crypt_format(cd, CRYPT_VERITY, NULL, NULL, NULL, NULL, 0, &params);
        if (!s && !r)
                r = crypt_volume_key_get(cd, CRYPT_ANY_SLOT, (char *)root_out, &root_len, NULL, 0);
        if (!s && (r < 0 || root_len != VERITY_ROOT_LEN))
                s = cryptsetup_failed(path, r < 0 ? r : -EINVAL, "see the kernel's log");
        crypt_free(cd);
        return s;
}

enum status crypt_map_verity(const char *path, int data, int tree, const char *name,
                             const uint8_t root[static VERITY_ROOT_LEN])
{
        char device[IO_PATH];
        struct crypt_params_verity params = {.data_device = device};
        struct crypt_device *cd = NULL;
        int r = 0;
        enum status s;

        io_path(device, data);
        s = cryptsetup_begin(path, tree, -1, &cd);
        if (!s)
                r = crypt_load(cd, CRYPT_VERITY, &params);
        if (!s && !r)
                r = crypt_activate_by_volume_key(cd, name, (const char *)root, VERITY_ROOT_LEN,
                                                 CRYPT_ACTIVATE_READONLY | CRYPT_ACTIVATE_PRIVATE);
        if (!s && r < 0)
                s = not_mapped(path, r);
        crypt_free(cd);
        return s;
}
