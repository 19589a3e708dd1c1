/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks that do not change: they are measured whole and have no key. The back-end sees to it that
 * the guest reads what was measured. This file refuses a writable one.
 */
#include "svdm/device/file_device.h"

static enum status accept(struct file_device *d)
{
        if (!d->writable)
                return ST_DONE;
        return FAIL(ST_REFUSED, .subject = d->path, .expected = "a read-only disk",
                    .found = "a writable one of kind verity",
                    .remedy = "a disk that guests write is of kind crypt");
}

static enum status unlock(const struct file_device *d, const uint8_t secret[static SECRET_LEN])
{
        (void)d, (void)secret;
        return ST_DONE;
}

static const struct file_kind verity_file = {.tree = true, .accept = accept, .unlock = unlock};

const struct device_kind verity_kind = {
        .name = "verity",
        .open = file_device_open,
        .close = file_device_close,
        .describe = file_device_describe,
        .hold = file_device_hold,
        .unlock = file_device_unlock,
        .undo = file_device_undo,
        .check = file_device_check,
        .file = &verity_file,
};
