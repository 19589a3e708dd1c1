/* SPDX-License-Identifier: Apache-2.0 */
/* Makes LUKS2 headers by the on-disk specification. */
#include "tests/unit/luks_image.h"

#include <openssl/sha.h>
#include <string.h>

void luks_image_sign(uint8_t *copy, size_t len)
{
        memset(copy + 0x1c0, 0, 64);
        SHA256(copy, len, copy + 0x1c0);
}

void luks_image_make(uint8_t copies[static 2 * LUKS_IMAGE_COPY], const void *json, size_t len)
{
        memset(copies, 0, 2 * LUKS_IMAGE_COPY);
        for (int i = 0; i < 2; i++) {
                uint8_t *copy = copies + i * LUKS_IMAGE_COPY;

                memcpy(copy, i ? "SKUL\xba\xbe" : "LUKS\xba\xbe", 6);
                copy[7] = 2;
                copy[14] = LUKS_IMAGE_COPY >> 8;
                copy[23] = 3; /* sequence number */
                strcpy((char *)copy + 72, "sha256");
                memset(copy + 104, 0x11 * (i + 1), 64); /* salt */
                strcpy((char *)copy + 168, "6ff0cc3b-a9a5-4d5b-a9ef-1f4a0e0dd0a1");
                copy[262] = i ? LUKS_IMAGE_COPY >> 8 : 0;
                memcpy(copy + 4096, json, len);
                luks_image_sign(copy, LUKS_IMAGE_COPY);
        }
}
