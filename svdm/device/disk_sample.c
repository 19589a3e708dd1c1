/* SPDX-License-Identifier: Apache-2.0 */
/* The device worker comes here before a seal. It copies bytes and gives no meaning to them. */
#include "svdm/device/disk_sample.h"
#include "lib/memory_file.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum {
        FIRST = 16 << 20,
        LAST = 1 << 20,
        BLOCKS = 256,
        BLOCK = 4096,
        ALL = 64 << 20 /* so much between them is read whole */
};

struct copying {
        const char *path;
        int from, to;
        bool empty;
};

static enum status failed(const struct copying *c)
{
        return FAIL(status_of_errno(errno), .subject = c->path, .found = strerror(errno));
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
        return !*bytes && !memcmp(bytes, bytes + 1, len - 1);
}

/* What is zero stays a hole. */
static enum status copy_block(struct copying *c, uint64_t at, size_t len)
{
        uint8_t block[BLOCK];
        ssize_t n = pread(c->from, block, len, (off_t)at);

        if (n < 0)
                return failed(c);
        if (!n || is_zero(block, (size_t)n))
                return ST_DONE;
        c->empty = false;
        return pwrite(c->to, block, (size_t)n, (off_t)at) == n ? ST_DONE : failed(c);
}

static enum status copy(struct copying *c, uint64_t from, uint64_t end)
{
        enum status s = ST_DONE;

        for (uint64_t at = from; at < end && !s; at += BLOCK)
                s = copy_block(c, at, end - at < BLOCK ? (size_t)(end - at) : BLOCK);
        return s;
}

static enum status copy_all(struct copying *c, uint64_t size)
{
        const uint64_t first = size < FIRST ? size : FIRST;
        const uint64_t last = size - first < LAST ? first : size - LAST;
        const uint64_t step = last - first > ALL ? (last - first) / BLOCKS / BLOCK * BLOCK : 0;
        enum status s = copy(c, 0, first);

        for (uint64_t i = 0; step && i < BLOCKS && !s; i++)
                s = copy_block(c, first + i * step, BLOCK);
        if (!s && !step)
                s = copy(c, first, last);
        return s ? s : copy(c, last, size);
}

enum status disk_sample(const char *path, int disk, uint64_t size, int *sample_out)
{
        struct copying c = {.path = path, .from = disk, .to = -1, .empty = true};
        enum status s = memory_file_new("disk-sample", &c.to);

        *sample_out = -1;
        if (!s && ftruncate(c.to, (off_t)size))
                s = failed(&c);
        if (!s)
                s = copy_all(&c, size);
        if (!s && !c.empty)
                s = memory_file_seal(c.to);
        if (!s && !c.empty)
                *sample_out = c.to;
        else if (c.to >= 0)
                close(c.to);
        return s;
}
