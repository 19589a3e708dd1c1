/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disk headers as bytes: copied into memory files, compared, written back. Nothing here knows what
 * LUKS is but for the order of writing. svdm compares; its device worker copies and writes.
 */
#include "svdm/device/header_diff.h"
#include "lib/arena.h"
#include "lib/io.h"
#include "lib/memory_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "disk-header"
enum { BLOCK = 4096, SECTOR = 512, CHUNK = 1 << 20, LUKS_SECOND_HEADER = 16384 };

static enum status failed(const char *doing)
{
        return FAIL(status_of_errno(errno), .subject = doing, .found = strerror(errno));
}

static enum status write_at(int fd, const uint8_t *from, size_t len, uint64_t offset)
{
        return io_write_at(fd, from, len, offset) ? failed("writing a disk header") : ST_DONE;
}

static enum status copy_range(int fd, int memfd, uint64_t from, uint64_t to)
{
        uint8_t *chunk = memory_new(1, CHUNK);
        enum status s = ST_DONE;

        while (!s && from < to) {
                size_t want = to - from < CHUNK ? (size_t)(to - from) : CHUNK;
                ssize_t n = io_read_at(fd, chunk, want, from);

                if (n < 0)
                        s = failed("reading a disk header");
                else if ((size_t)n < want)
                        s = FAIL(ST_CHANGED, .subject = "a disk header",
                                 .found = "the disk became shorter");
                else
                        s = write_at(memfd, chunk, want, from);
                from += want;
        }
        free(chunk);
        return s;
}

/* Copies the data and skips holes. A block device has no holes, so it is one range. */
static enum status copy_data(int fd, int memfd, uint64_t len)
{
        uint64_t at = 0;
        enum status s = ST_DONE;

        while (!s && at < len) {
                off_t data = lseek(fd, (off_t)at, SEEK_DATA), hole;

                if (data < 0 && errno == ENXIO)
                        return ST_DONE;
                hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
                if (hole < 0)
                        return copy_range(fd, memfd, at, len);
                if ((uint64_t)data >= len)
                        return ST_DONE;
                at = (uint64_t)hole < len ? (uint64_t)hole : len;
                s = copy_range(fd, memfd, (uint64_t)data, at);
        }
        return s;
}

enum status header_of_size(uint64_t len, int *memfd_out)
{
        enum status s;
        int memfd;

        if (len > HEADER_MOST)
                return FAIL(ST_TOO_LARGE, .subject = "a disk header",
                            .expected = FMT("at most %d bytes", HEADER_MOST),
                            .found = FMT("%llu", (unsigned long long)len));
        s = memory_file_new(NAME, &memfd);
        if (s)
                return s;
        if (ftruncate(memfd, (off_t)len)) {
                close(memfd);
                return failed("a memory file");
        }
        *memfd_out = memfd;
        return ST_DONE;
}

enum status header_copy(int fd, uint64_t len, int *memfd_out)
{
        int memfd = -1;
        off_t end;
        enum status s = header_of_size(len, &memfd);

        if (!s)
                s = copy_data(fd, memfd, len);
        end = lseek(fd, 0, SEEK_END); /* copy_data() takes a short file for one with a hole */
        if (!s && (end < 0 || (uint64_t)end < len))
                s = FAIL(ST_CHANGED, .subject = "a disk header", .found = "too short a disk");
        if (s && memfd >= 0) {
                close(memfd);
                memfd = -1;
        }
        *memfd_out = memfd;
        return s;
}

enum status header_copy_all(int memfd, int *memfd_out)
{
        struct stat st;

        *memfd_out = -1;
        return fstat(memfd, &st) ? failed("a memory file")
                                 : header_copy(memfd, (uint64_t)st.st_size, memfd_out);
}

enum status header_head(int fd, struct digest *head_out)
{
        uint8_t head[HEADER_HEAD];
        ssize_t n = io_read_at(fd, head, sizeof head, 0);

        if (n < 0)
                return failed("reading a disk header");
        if (n < HEADER_HEAD)
                return FAIL(ST_INVALID, .subject = "a disk header", .found = "too short a disk");
        *head_out = digest_of(HASH_SHA256, head, sizeof head);
        return ST_DONE;
}

static void add_run(struct buffer *runs, const uint8_t *header, uint64_t from, uint64_t to)
{
        buffer_u64(runs, from);
        buffer_u32(runs, (uint32_t)(to - from));
        buffer_add(runs, header + from, (size_t)(to - from));
}

/* Neighbouring blocks that differ make one run. */
static enum status diff_blocks(int old, const uint8_t *header, uint64_t len, struct buffer *runs)
{
        uint8_t block[BLOCK];
        uint64_t run = 0, at = 0;

        for (; at < len; at += BLOCK) {
                size_t want = len - at < BLOCK ? (size_t)(len - at) : BLOCK;
                ssize_t n = io_read_at(old, block, want, at);

                if (n < 0)
                        return failed("reading a disk header");
                if ((size_t)n < want || memcmp(block, header + at, want))
                        continue;
                if (run < at)
                        add_run(runs, header, run, at);
                run = at + want;
        }
        if (run < len)
                add_run(runs, header, run, len);
        return runs->full ? FAIL(ST_TOO_LARGE, .subject = "a disk header") : ST_DONE;
}

enum status header_diff(int old, int new, struct buffer *runs_out)
{
        struct stat st;
        void *header;
        enum status s;

        if (fstat(new, &st))
                return failed("a memory file");
        if (!st.st_size || st.st_size > HEADER_MOST)
                return FAIL(ST_INTERNAL, .subject = "the size of a disk header");
        header = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, new, 0);
        if (header == MAP_FAILED)
                return failed("mapping a disk header");
        s = diff_blocks(old, header, (uint64_t)st.st_size, runs_out);
        munmap(header, (size_t)st.st_size);
        return s;
}

struct run {
        uint64_t from, to;
        const uint8_t *bytes;
};

static bool next_run(struct reader *r, struct run *out)
{
        uint32_t len;

        if (r->bad || !r->left)
                return false;
        out->from = read_u64(r);
        len = read_u32(r);
        out->bytes = read_bytes(r, len);
        out->to = out->from + len;
        return !r->bad;
}

static enum status damaged_runs(void)
{
        return FAIL(ST_DAMAGED, .subject = "the journal of a disk header",
                    .expected = "whole runs inside a header", .found = "others",
                    .remedy = "restore svdm's newest state folder from a backup");
}

static enum status check_runs(uint64_t size, struct bytes runs)
{
        const uint64_t most = size < HEADER_MOST ? size : HEADER_MOST;
        struct reader r = reader_of(runs);
        struct run run;

        while (next_run(&r, &run))
                if (run.from > most || run.to > most)
                        return damaged_runs();
        return reader_done(&r) ? ST_DONE : damaged_runs();
}

/* A sector of one byte over and over is on many disks. */
static bool is_begun(const uint8_t *there, const uint8_t *new, size_t len)
{
        for (size_t at = 0; at + SECTOR <= len; at += SECTOR)
                if (!memcmp(there + at, new + at, SECTOR) &&
                    memcmp(new + at, new + at + 1, SECTOR - 1))
                        return true;
        return false;
}

static enum status add_area(int disk, const struct run *run, struct hash *h, bool *begun)
{
        uint8_t block[BLOCK];

        for (uint64_t at = run->from; at < run->to; at += BLOCK) {
                size_t want = run->to - at < BLOCK ? (size_t)(run->to - at) : BLOCK;
                ssize_t n = io_read_at(disk, block, want, at);

                if (n < 0)
                        return failed("reading a disk header");
                if ((size_t)n < want)
                        return FAIL(ST_CHANGED, .subject = "a disk header",
                                    .found = "too short a disk");
                hash_add(h, block, want);
                *begun |= is_begun(block, run->bytes + (at - run->from), want);
        }
        return ST_DONE;
}

enum status header_area(int disk, struct bytes runs, struct digest *area_out, bool *begun_out)
{
        struct hash *h = hash_begin(HASH_SHA256);
        struct reader r = reader_of(runs);
        enum status s = ST_DONE;
        struct run run;

        *begun_out = false;
        while (!s && next_run(&r, &run))
                s = add_area(disk, &run, h, begun_out);
        *area_out = hash_end(h);
        return s || reader_done(&r) ? s : damaged_runs();
}

/* The parts of the runs that lie in [from, to), synced. */
static enum status write_part(int disk, struct bytes runs, uint64_t from, uint64_t to)
{
        struct reader r = reader_of(runs);
        struct run run;
        enum status s = ST_DONE;

        while (!s && next_run(&r, &run)) {
                uint64_t first = run.from > from ? run.from : from;
                uint64_t last = run.to < to ? run.to : to;

                if (first < last)
                        s = write_at(disk, run.bytes + (first - run.from), (size_t)(last - first),
                                     first);
        }
        if (!s && fsync(disk))
                s = failed("syncing a disk");
        return s;
}

enum status header_head_after(int disk, struct bytes runs, uint8_t head_out[static HEADER_HEAD])
{
        struct reader r = reader_of(runs);
        struct run run;

        if (io_read_at(disk, head_out, HEADER_HEAD, 0) != HEADER_HEAD)
                return failed("reading the head of a disk");
        while (next_run(&r, &run)) {
                uint64_t last = run.to < HEADER_HEAD ? run.to : HEADER_HEAD;

                if (run.from < last)
                        memcpy(head_out + run.from, run.bytes, last - run.from);
        }
        return reader_done(&r) ? ST_DONE : damaged_runs();
}

enum status header_after(int disk, uint64_t len, struct bytes runs, int *memfd_out)
{
        enum status s = header_copy(disk, len, memfd_out);

        if (!s)
                s = write_part(*memfd_out, runs, 0, len);
        if (s && *memfd_out >= 0) {
                close(*memfd_out);
                *memfd_out = -1;
        }
        return s;
}

uint64_t header_runs_end(struct bytes runs)
{
        struct reader r = reader_of(runs);
        uint64_t end = 0;
        struct run run;

        while (next_run(&r, &run))
                end = run.to > end ? run.to : end;
        return r.bad ? UINT64_MAX : end;
}

enum status header_apply(int disk, uint64_t size, struct bytes runs)
{
        enum status s;

        /* Key slots and the second header; then the first; then what it is recognised by. */
        s = check_runs(size, runs);
        if (s)
                return s;
        s = write_part(disk, runs, LUKS_SECOND_HEADER, UINT64_MAX);
        if (s)
                return s;
        s = write_part(disk, runs, HEADER_HEAD, LUKS_SECOND_HEADER);
        if (s)
                return s;
        return write_part(disk, runs, 0, HEADER_HEAD);
}

enum status header_bytes(int memfd, struct arena *a, struct bytes *out)
{
        struct stat st;
        uint8_t *bytes;
        ssize_t n;

        if (fstat(memfd, &st))
                return failed("a memory file");
        if (st.st_size > HEADER_RUNS_MOST)
                return FAIL(ST_TOO_LARGE, .subject = "a disk header");
        bytes = arena_get(a, (size_t)st.st_size);
        n = io_read_at(memfd, bytes, (size_t)st.st_size, 0);
        if (n != st.st_size)
                return FAIL(ST_IO, .subject = "a memory file");
        *out = (struct bytes){bytes, (size_t)n};
        return ST_DONE;
}

enum status header_of_bytes(struct bytes bytes, int *memfd_out)
{
        int memfd;
        enum status s = memory_file_new(NAME, &memfd);

        if (s)
                return s;
        s = write_at(memfd, bytes.data, bytes.len, 0);
        if (!s)
                s = memory_file_seal(memfd);
        if (s)
                close(memfd);
        else
                *memfd_out = memfd;
        return s;
}
