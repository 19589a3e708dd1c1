/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libblkid says of a disk that a stranger wrote. The first byte says where the others lie on
 * it. Aborts if the answer is no message, which svdm would take for a fault of ours.
 */
#include "svdm/content/content.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { SIZE = 1 << 20 };

/* Where file systems, swap areas, arrays and partition tables have what they are known by. */
static off_t place_of(uint8_t first, size_t len)
{
        static const off_t places[] = {0, 0x200, 0x400, 0x1000, 0x8000, 0x10000};
        const size_t count = sizeof places / sizeof *places;

        return first % (count + 1) < count ? places[first % (count + 1)] : SIZE - (off_t)len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        struct arena *a = arena_new();
        struct buffer out = BUFFER_INIT(MESSAGE_MOST);
        struct content_rep p = {0};
        int disk = memfd_create("disk", MFD_CLOEXEC);

        if (disk < 0 || ftruncate(disk, SIZE))
                abort();
        if (len > 1 && len < SIZE / 2 &&
            pwrite(disk, data + 1, len - 1, place_of(*data, len - 1)) != (ssize_t)len - 1)
                abort();
        if (!content_name(disk, a, &p.what, &p.member) &&
            (!*p.what || message_encode(&shape_content_rep, &p, &out, NULL, NULL)))
                abort();
        buffer_clear(&out);
        close(disk);
        arena_free(a);
        return 0;
}
