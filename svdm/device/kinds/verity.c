/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks that do not change: measured whole, without a key. How the back-end sees to it that what
 * was measured is what is read is its own; here nobody gets a writable one.
 */
#include "svdm/device/device.h"

static enum status accept(struct device *d)
{
        if (!d->writable)
                return ST_DONE;
        return FAIL(ST_REFUSED, .subject = d->path, .expected = "a read-only disk",
                    .found = "a writable one of kind verity",
                    .remedy = "a disk that guests write is of kind crypt");
}

static enum status unlock(const struct device *d, const uint8_t secret[static SECRET_LEN])
{
        (void)d, (void)secret;
        return ST_DONE;
}

const struct device_kind verity_kind = {
        .name = "verity", .sealed = false, .accept = accept, .unlock = unlock};
