/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a trust record: what is accepted is written back as the same text, without what an
 * editor left in it. */
#include "lib/text.h"
#include "proof/trust.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct buffer again = BUFFER_INIT(TRUST_MOST);
        struct arena *a = arena_new();
        struct bytes text = text_trimmed(a, (struct bytes){data, size});
        struct trust t;

        if (!trust_read((struct bytes){data, size}, a, &t) &&
            (trust_write(&t, &again) || again.len != text.len ||
             memcmp(again.data, text.data, text.len)))
                abort();
        buffer_clear(&again);
        arena_free(a);
        return 0;
}
