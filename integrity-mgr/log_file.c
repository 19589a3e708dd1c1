/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the log's file. It is a head (name, algorithm) and frames, one an append:
 *
 *   magic, length of the body, number of entries (u32 each), how far the file was known to be on
 *   disk when this frame was written (u64), SHA-256 of the frame before (of the head at first);
 *   the body: for each entry its length (u32), its randomness, its node;
 *   SHA-256 over all of that.
 *
 * A frame that is not whole is the tail that a power cut tore, unless a later frame knows that it
 * had been on disk: then the file was damaged, and nothing is cut off.
 */
#include "integrity-mgr/log_file.h"
#include "lib/io.h"
#include "lib/report.h"
#include "lib/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT "bulkhead-log-"
enum { VERSION = 1, HEAD = 16, MAGIC = 0x424c4631, SUM = LOG_SUM, FRAME_HEAD = 20 + SUM };

struct frame_head {
        uint32_t body, count;
        uint64_t synced;
        const uint8_t *before;
};

enum status log_file_failed(const char *what, int error)
{
        enum status s = status_of_errno(error);

        return FAIL(s == ST_NO_SPACE ? s : ST_IO, .subject = FMT("the log: %s", what),
                    .found = strerror(error),
                    .remedy = "make room in the state folder, or look at the disk; then repeat");
}

static enum status damaged(uint64_t at, const char *found)
{
        return FAIL(ST_DAMAGED, .subject = FMT("the log, at byte %llu", (unsigned long long)at),
                    .expected = "what was written there", .found = found,
                    .remedy = "restore the file \"log\" of integrity-mgr's state folder from a "
                              "backup, or move it away: verifiers will see that a new log began");
}

/* --- files ---------------------------------------------------------------------------------- */

/* False also if the file ends before len bytes. */
static bool read_all(struct log_file *f, uint8_t *p, size_t len, uint64_t at)
{
        ssize_t n = io_read_at(f->fd, p, len, at);

        if (n < 0)
                f->unreadable = true;
        return n == (ssize_t)len;
}

static void head_bytes(enum hash_alg alg, uint8_t head[HEAD])
{
        memcpy(head, FORMAT, strlen(FORMAT));
        head[strlen(FORMAT)] = '0' + VERSION;
        head[HEAD - 2] = (uint8_t)((unsigned)alg >> 8);
        head[HEAD - 1] = (uint8_t)alg;
}

static enum status refuse_head(const uint8_t there[HEAD])
{
        const size_t at = strlen(FORMAT);
        const int version = there[at] - '0';

        if (!memcmp(there, FORMAT, at) && version > VERSION && version <= 9)
                return state_newer("log", VERSION, (uint32_t)version);
        return damaged(0, "another head: another format or another algorithm");
}

static enum status open_head(struct log_file *f)
{
        uint8_t head[HEAD], there[HEAD];
        struct stat st;

        f->fd = openat(f->dir, "log", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (f->fd < 0 || fstat(f->fd, &st))
                return log_file_failed("opening it", errno);
        head_bytes(f->alg, head);
        if (st.st_size < HEAD) { /* new, or its making was cut short */
                if (io_write_at(f->fd, head, HEAD, 0) || fsync(f->fd) || fsync(f->dir))
                        return log_file_failed("making it", errno);
        } else if (!read_all(f, there, HEAD, 0)) {
                return log_file_failed("reading it", errno);
        } else if (memcmp(there, head, HEAD)) {
                return refuse_head(there);
        }
        return ST_DONE;
}

/* --- reading -------------------------------------------------------------------------------- */

static bool read_frame_head(struct bytes b, struct frame_head *out)
{
        struct reader r = reader_of(b);
        uint32_t magic = read_u32(&r);

        out->body = read_u32(&r);
        out->count = read_u32(&r);
        out->synced = read_u64(&r);
        out->before = read_bytes(&r, SUM);
        return !r.bad && magic == MAGIC && out->body <= LOG_FRAME_MOST &&
               out->count <= LOG_APPEND_MOST;
}

/* Reads the frame at `at` into *buffer, without its sum. False if it is not whole. */
static bool read_frame(struct log_file *f, uint64_t at, struct buffer *buffer,
                       struct frame_head *head_out)
{
        uint8_t raw[FRAME_HEAD], sum[SUM];
        struct digest found;

        if (!read_all(f, raw, sizeof raw, at) ||
            !read_frame_head((struct bytes){raw, sizeof raw}, head_out))
                return false;
        buffer->len = 0;
        buffer_add(buffer, raw, sizeof raw);
        for (uint32_t left = head_out->body; left;) {
                uint8_t part[16384];
                uint32_t n = left < sizeof part ? left : sizeof part;

                if (!read_all(f, part, n, at + FRAME_HEAD + head_out->body - left))
                        return false;
                buffer_add(buffer, part, n);
                left -= n;
        }
        if (!read_all(f, sum, SUM, at + FRAME_HEAD + head_out->body) || buffer->full)
                return false;
        found = digest_of(HASH_SHA256, buffer->data, buffer->len);
        return read_frame_head(buffer_bytes(buffer), head_out) && !memcmp(found.bytes, sum, SUM);
}

/* Tells the entries of a whole frame. False, and tells none, if its body is not `count` entries. */
static bool tell_frame(const struct buffer *frame, const struct frame_head *head,
                       log_file_entry entry, void *context)
{
        struct bytes body = {frame->data + FRAME_HEAD, head->body};

        for (int pass = 0; pass < 2; pass++) { /* all of them or none */
                struct reader r = reader_of(body);

                for (uint32_t i = 0; i < head->count; i++) {
                        uint32_t len = read_u32(&r);
                        const uint8_t *random = read_bytes(&r, COMMITMENT_RANDOM_LEN);
                        const uint8_t *node = read_bytes(&r, len);

                        if (r.bad)
                                return false;
                        if (pass)
                                entry(context, random, (struct bytes){node, len});
                }
                if (!reader_done(&r))
                        return false;
        }
        return true;
}

/* Does any whole frame from `at` on say that the file had been on disk beyond `at`? */
static bool known_on_disk(struct log_file *f, uint64_t at, uint64_t size, struct buffer *buffer)
{
        static const uint8_t magic[] = {MAGIC >> 24, MAGIC >> 16 & 0xff, MAGIC >> 8 & 0xff,
                                        MAGIC & 0xff};
        uint8_t part[16384];

        for (uint64_t p = at; p + FRAME_HEAD <= size; p += sizeof part - 3) {
                size_t n = size - p < sizeof part ? (size_t)(size - p) : sizeof part;

                if (!read_all(f, part, n, p))
                        return true; /* cannot tell: cut nothing off */
                for (size_t i = 0; i + sizeof magic <= n; i++) {
                        struct frame_head head;

                        if (!memcmp(part + i, magic, sizeof magic) &&
                            read_frame(f, p + i, buffer, &head) && head.synced > at)
                                return true;
                }
        }
        return false;
}

static enum status cut_tail(struct log_file *f, uint64_t at, uint64_t size, struct buffer *buffer)
{
        if (known_on_disk(f, at, size, buffer))
                return damaged(at, "something else");
        report_warning(
                "the log's tail was not on disk yet when this host stopped: %llu bytes cut off",
                (unsigned long long)(size - at));
        return ftruncate(f->fd, (off_t)at) ? log_file_failed("cutting off its tail", errno)
                                           : ST_DONE;
}

static enum status read_frames(struct log_file *f, log_file_entry entry, void *context,
                               struct buffer *buffer)
{
        enum status s = ST_DONE;
        struct frame_head head;
        uint64_t at = HEAD, size;
        struct stat st;

        if (fstat(f->fd, &st))
                return log_file_failed("reading it", errno);
        size = (uint64_t)st.st_size;
        while (at < size && read_frame(f, at, buffer, &head) &&
               !memcmp(head.before, f->last, SUM) && tell_frame(buffer, &head, entry, context)) {
                at += FRAME_HEAD + head.body + SUM;
                memcpy(f->last, digest_of(HASH_SHA256, buffer->data, buffer->len).bytes, SUM);
        }
        if (f->unreadable)
                return log_file_failed("reading it", EIO);
        if (at < size)
                s = cut_tail(f, at, size, buffer);
        if (!s && fsync(f->fd)) /* what was read may not have been on disk either */
                s = log_file_failed("syncing it", errno);
        f->written = f->synced = at;
        f->reserved = 0;
        return s;
}

enum status log_file_load(struct log_file *f, log_file_entry entry, void *context)
{
        struct buffer buffer = BUFFER_INIT(FRAME_HEAD + LOG_FRAME_MOST);
        uint8_t head[HEAD];
        enum status s;

        head_bytes(f->alg, head);
        memcpy(f->last, digest_of(HASH_SHA256, head, HEAD).bytes, SUM);
        f->unreadable = false;
        s = read_frames(f, entry, context, &buffer);
        buffer_clear(&buffer);
        return s;
}

enum status log_file_open(int dir, enum hash_alg alg, struct log_file *out)
{
        *out = (struct log_file){.dir = dir, .fd = -1, .alg = alg};
        return open_head(out);
}

/* --- writing -------------------------------------------------------------------------------- */

static enum status encode(struct log_file *f, struct log_entry *entries, size_t count,
                          struct buffer *out)
{
        size_t body = 0;

        for (size_t i = 0; i < count; i++)
                body += 4 + COMMITMENT_RANDOM_LEN + entries[i].node.len;
        if (count > LOG_APPEND_MOST || body > LOG_FRAME_MOST)
                return FAIL(ST_TOO_LARGE, .subject = "the measurements of one request",
                            .expected = FMT("at most %d bytes in all", LOG_FRAME_MOST));
        buffer_u32(out, MAGIC);
        buffer_u32(out, (uint32_t)body);
        buffer_u32(out, (uint32_t)count);
        buffer_u64(out, f->synced);
        buffer_add(out, f->last, SUM);
        for (size_t i = 0; i < count; i++) {
                if (RAND_bytes(entries[i].random, COMMITMENT_RANDOM_LEN) != 1)
                        return FAIL(ST_INTERNAL, .subject = "random numbers");
                buffer_u32(out, (uint32_t)entries[i].node.len);
                buffer_add(out, entries[i].random, COMMITMENT_RANDOM_LEN);
                buffer_add(out, entries[i].node.data, entries[i].node.len);
        }
        return ST_DONE;
}

/* Sets blocks aside behind the file's end, so that what has to be logged can be when others have
 * filled the disk. They do not show in its size. A file system that cannot do it has no reserve. */
static enum status reserve(struct log_file *f, size_t len)
{
        const uint64_t end = f->written + len + LOG_RESERVE, step = 1 << 20;

        if (end <= f->reserved)
                return ST_DONE;
        if (!fallocate(f->fd, FALLOC_FL_KEEP_SIZE, (off_t)f->written,
                       (off_t)(end + step - f->written))) {
                f->reserved = end + step;
                return ST_DONE;
        }
        if (errno != ENOSPC && errno != EDQUOT)
                return ST_DONE;
        return FAIL(ST_NO_SPACE, .subject = "the log",
                    .expected = FMT("%d MiB that only starts, stops and refusals may use",
                                    LOG_RESERVE >> 20),
                    .found = "no room for them on the disk of the state folder",
                    .remedy = "make room in the state folder: df /var/lib/bulkhead");
}

static enum status write_frame(struct log_file *f, struct buffer *frame, bool *broken_out)
{
        struct digest sum = digest_of(HASH_SHA256, frame->data, frame->len);

        buffer_add(frame, sum.bytes, SUM);
        if (io_write_at(f->fd, frame->data, frame->len, f->written)) {
                int error = errno;

                f->reserved = 0; /* cutting the file off gives back what was set aside */
                if (ftruncate(f->fd, (off_t)f->written))
                        *broken_out = true;
                return log_file_failed("writing it", error);
        }
        f->written += frame->len;
        memcpy(f->last, sum.bytes, SUM);
        return ST_DONE;
}

enum status log_file_append(struct log_file *f, struct log_entry *entries, size_t count, bool spare,
                            bool *broken_out)
{
        struct buffer frame = BUFFER_INIT(FRAME_HEAD + LOG_FRAME_MOST + SUM);
        enum status s = encode(f, entries, count, &frame);

        if (!s && spare)
                s = reserve(f, frame.len + SUM);
        if (!s)
                s = write_frame(f, &frame, broken_out);
        buffer_clear(&frame);
        return s;
}

enum status log_file_cut_back(struct log_file *f)
{
        return ftruncate(f->fd, (off_t)f->synced)
                       ? log_file_failed("going back to what is on disk", errno)
                       : ST_DONE;
}
