/* SPDX-License-Identifier: Apache-2.0 */
/* State files as somebody may have left them, of every kind and of every version that is read. The
 * checksum would stop nearly every input, so what comes after a head (tests/data/state has whole
 * files to begin with), or else all of it, is tried as content of every version: lifted to today's,
 * and what comes out is written and read again. */
#include "lib/state_kinds.h"
#include "lib/state_record.h"

#include <stdlib.h>
#include <string.h>

enum { STATE_HEAD = 68 }; /* magic, kind, version, length, SHA-256 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *room(const struct state_kind *kind, struct arena *a)
{
        return arena_get(a, kind->shape ? shape_size(kind->shape) : sizeof(struct bytes));
}

/* A record that was read can be written, and is read from that as well. */
static void write_and_read(const struct state_kind *kind, const void *record, struct arena *a)
{
        struct buffer again = BUFFER_INIT(STATE_MOST);
        struct state_content content = {"fuzzed", kind->version, {0}};

        if (!kind->shape)
                return;
        if (message_encode(kind->shape, record, &again, NULL, NULL))
                abort();
        content.bytes = buffer_bytes(&again);
        if (state_decode_record(kind, &content, a, room(kind, a)))
                abort();
        buffer_clear(&again);
}

static void try(const struct state_kind *kind, uint32_t version, struct bytes bytes,
                struct arena *a)
{
        const struct state_content content = {"fuzzed", version, bytes};
        void *record = room(kind, a);

        if (!state_decode_record(kind, &content, a, record))
                write_and_read(kind, record, a);
}

static struct bytes without_head(const uint8_t *data, size_t size)
{
        static const char magic[] = "BLKHSTAT";
        const size_t skip =
                size > STATE_HEAD && !memcmp(data, magic, sizeof magic - 1) ? STATE_HEAD : 0;

        return (struct bytes){data + skip, size - skip};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct bytes bare = without_head(data, size);
        struct arena *a = arena_new();
        struct state_content content;

        for (size_t i = 0; i < state_kinds_count; i++) {
                const struct state_kind *kind = state_kinds[i];

                if (!state_parse("fuzzed", (struct bytes){data, size}, kind, &content))
                        try(kind, content.version, content.bytes, a);
                for (size_t n = 0; size && n < kind->older_count; n++)
                        try(kind, kind->older[n].version, bare, a);
                if (size)
                        try(kind, kind->version, bare, a);
                arena_empty(a);
        }
        arena_free(a);
        return 0;
}
