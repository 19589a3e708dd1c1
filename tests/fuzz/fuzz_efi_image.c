/* SPDX-License-Identifier: Apache-2.0 */
/* EFI images: any bytes give a digest or an error with what was found, and nothing is read outside
 * of them. Twice the same bytes give the same digest; the checksum does not count. */
#include "tools/efi_image.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        uint8_t *copy = malloc(len ? len : 1); /* its own, so that one byte too far is seen */
        struct digest first, second;
        uint32_t at = 0;

        memcpy(copy, data, len);
        if (efi_image_digest("image", (struct bytes){copy, len}, HASH_SHA256, &first)) {
                assert(*error_last()->found);
        } else {
                for (int i = 3; i >= 0; i--)
                        at = at << 8 | copy[0x3c + i];
                memset(copy + at + 24 + 64, 0x5a, 4);
                assert(!efi_image_digest("image", (struct bytes){copy, len}, HASH_SHA256, &second));
                assert(digest_equal(&first, &second));
        }
        free(copy);
        return 0;
}
