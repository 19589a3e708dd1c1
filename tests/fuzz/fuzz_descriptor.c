/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a descriptor: what is accepted can be sent, and is its own canonical form. */
#include "lib/message.h"
#include "xml/descriptor.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool ok)
{
        if (!ok)
                abort();
}

static void check(const struct descriptor *d, struct arena *a)
{
        struct buffer frame = BUFFER_INIT(MESSAGE_MOST);
        struct descriptor again;
        size_t fds = 0;

        must(message_encode(&shape_descriptor, d, &frame, NULL, &fds) == ST_DONE);
        buffer_clear(&frame);
        must(descriptor_read(d->canonical, d->digest.alg, a, &again) == ST_DONE);
        must(again.canonical.len == d->canonical.len && digest_equal(&again.digest, &d->digest));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        static struct arena *arena;
        struct descriptor d;

        if (!arena) {
                must(descriptor_init("descriptors") == ST_DONE);
                arena = arena_new();
        }
        if (!descriptor_read((struct bytes){data, len}, HASH_SHA256, arena, &d))
                check(&d, arena);
        arena_empty(arena);
        return 0;
}
