/* SPDX-License-Identifier: Apache-2.0 */
/* Every decoder of the message table: the first two bytes choose the message, the third its side.
 * What decodes must encode to the very same bytes. */
#include "lib/message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct shape *shape, struct bytes in, struct arena *a)
{
        struct buffer again = BUFFER_INIT(MESSAGE_MOST);
        int fds_again[MESSAGE_FDS_MOST];
        size_t count;
        void *out = arena_get(a, shape_size(shape) + 1);

        if (!message_decode(shape, in, NULL, 0, a, out)) {
                if (message_encode(shape, out, &again, fds_again, &count) || again.len != in.len ||
                    (in.len && memcmp(again.data, in.data, in.len)))
                        abort();
        }
        buffer_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct message_info *info;
        struct arena *a = arena_new();
        struct error e;

        if (size >= 3) {
                struct bytes rest = {data + 3, size - 3};

                info = &message_infos[(data[0] << 8 | data[1]) % message_infos_count];
                round_trip(data[2] & 1 && info->reply ? info->reply : info->request, rest, a);
                if (!error_decode(rest, &e) && e.status == ST_DONE)
                        abort();
        }
        arena_free(a);
        return 0;
}
