/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the log. integrity-mgr's stories come here with nodes; this file touches "log" in the
 * state folder and a nameless file beside it with the tree's hashes, which is made anew from the
 * log at each start and believed by nobody else.
 *
 * The file is a head (name, algorithm) and frames, one an append:
 *
 *   magic, length of the body, number of entries (u32 each), how far the file was known to be on
 *   disk when this frame was written (u64), SHA-256 of the frame before (of the head at first);
 *   the body: for each entry its length (u32), its randomness, its node;
 *   SHA-256 over all of that.
 *
 * A frame that is not whole is the tail that a power cut tore, unless a later frame knows that it
 * had been on disk: then the file was damaged, and nothing is cut off.
 */
#include "integrity-mgr/log_tree.h"
#include "lib/arena.h"
#include "lib/log.h"
#include "verifier/commitment.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD = 16, MAGIC = 0x424c4631, SUM = 32, FRAME_HEAD = 20 + SUM };

struct log_tree {
        int dir, fd, hashes;
        enum hash_alg alg;
        struct tree *tree;
        uint64_t written, synced; /* bytes of the file */
        uint64_t synced_length;   /* entries */
        uint64_t era;             /* one more when unsynced appends were lost */
        uint8_t last[SUM];        /* sum of the last frame */
        bool broken, closing, has_thread;
        pthread_mutex_t lock;
        pthread_cond_t work, progress;
        pthread_t syncer;
};

struct frame_head {
        uint32_t body, count;
        uint64_t synced;
        const uint8_t *before;
};

static enum status failed(const char *what, int error)
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

static bool write_all(int fd, const uint8_t *p, size_t len, uint64_t at)
{
        while (len) {
                ssize_t r = pwrite(fd, p, len, (off_t)at);

                if (r < 0 && errno == EINTR)
                        continue;
                if (r <= 0) {
                        errno = r ? errno : EIO;
                        return false;
                }
                p += r;
                at += (size_t)r;
                len -= (size_t)r;
        }
        return true;
}

/* False at the end of the file, too. */
static bool read_all(int fd, uint8_t *p, size_t len, uint64_t at)
{
        while (len) {
                ssize_t r = pread(fd, p, len, (off_t)at);

                if (r < 0 && errno == EINTR)
                        continue;
                if (r <= 0)
                        return false;
                p += r;
                at += (size_t)r;
                len -= (size_t)r;
        }
        return true;
}

static void head_bytes(enum hash_alg alg, uint8_t head[HEAD])
{
        memcpy(head, "bulkhead-log-1", HEAD - 2);
        head[HEAD - 2] = (uint8_t)((unsigned)alg >> 8);
        head[HEAD - 1] = (uint8_t)alg;
}

static enum status open_head(struct log_tree *l)
{
        uint8_t head[HEAD], there[HEAD];
        struct stat st;

        l->fd = openat(l->dir, "log", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (l->fd < 0 || fstat(l->fd, &st))
                return failed("opening it", errno);
        head_bytes(l->alg, head);
        if (st.st_size < HEAD) { /* new, or its making was cut short */
                if (!write_all(l->fd, head, HEAD, 0) || fsync(l->fd) || fsync(l->dir))
                        return failed("making it", errno);
        } else if (!read_all(l->fd, there, HEAD, 0)) {
                return failed("reading it", errno);
        } else if (memcmp(there, head, HEAD)) {
                return damaged(0, "another head: another format or another algorithm");
        }
        return ST_DONE;
}

static enum status new_tree(struct log_tree *l)
{
        tree_free(l->tree);
        l->tree = NULL;
        if (l->hashes >= 0)
                close(l->hashes);
        l->hashes = openat(l->dir, "log-hashes",
                           O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (l->hashes < 0 || unlinkat(l->dir, "log-hashes", 0))
                return failed("its tree", errno);
        l->tree = tree_new_in(l->alg, l->hashes);
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

/* The whole frame at `at`: its bytes without the sum in *buffer (grown), or false. */
static bool read_frame(struct log_tree *l, uint64_t at, struct buffer *buffer,
                       struct frame_head *head_out)
{
        uint8_t raw[FRAME_HEAD], sum[SUM];
        struct digest found;

        if (!read_all(l->fd, raw, sizeof raw, at) ||
            !read_frame_head((struct bytes){raw, sizeof raw}, head_out))
                return false;
        buffer->len = 0;
        buffer_add(buffer, raw, sizeof raw);
        for (uint32_t left = head_out->body; left;) {
                uint8_t part[16384];
                uint32_t n = left < sizeof part ? left : sizeof part;

                if (!read_all(l->fd, part, n, at + FRAME_HEAD + head_out->body - left))
                        return false;
                buffer_add(buffer, part, n);
                left -= n;
        }
        if (!read_all(l->fd, sum, SUM, at + FRAME_HEAD + head_out->body) || buffer->full)
                return false;
        found = digest_of(HASH_SHA256, buffer->data, buffer->len);
        return read_frame_head(buffer_bytes(buffer), head_out) && !memcmp(found.bytes, sum, SUM);
}

static void add_leaf(struct log_tree *l, const uint8_t *random, struct bytes node)
{
        struct digest c = commitment_of(l->alg, random, node), leaf = commitment_leaf(&c);

        tree_append(l->tree, &leaf);
}

/* The entries of a whole frame go into the tree; false if its body is not count entries. */
static bool add_frame(struct log_tree *l, const struct buffer *frame, const struct frame_head *head)
{
        struct bytes body = {frame->data + FRAME_HEAD, head->body};
        struct reader r = reader_of(body);

        for (int pass = 0; pass < 2; pass++) { /* all of them or none */
                r = reader_of(body);
                for (uint32_t i = 0; i < head->count; i++) {
                        uint32_t len = read_u32(&r);
                        const uint8_t *random = read_bytes(&r, LOG_RANDOM);
                        const uint8_t *node = read_bytes(&r, len);

                        if (r.bad)
                                return false;
                        if (pass)
                                add_leaf(l, random, (struct bytes){node, len});
                }
                if (!reader_done(&r))
                        return false;
        }
        return true;
}

/* Does any whole frame from `at` on know that the file was on disk further than `at`? */
static bool known_on_disk(struct log_tree *l, uint64_t at, uint64_t size, struct buffer *buffer)
{
        static const uint8_t magic[] = {MAGIC >> 24, MAGIC >> 16 & 0xff, MAGIC >> 8 & 0xff,
                                        MAGIC & 0xff};
        uint8_t part[16384];

        for (uint64_t p = at; p + FRAME_HEAD <= size; p += sizeof part - 3) {
                size_t n = size - p < sizeof part ? (size_t)(size - p) : sizeof part;

                if (!read_all(l->fd, part, n, p))
                        return true; /* cannot tell: cut nothing off */
                for (size_t i = 0; i + sizeof magic <= n; i++) {
                        struct frame_head head;

                        if (!memcmp(part + i, magic, sizeof magic) &&
                            read_frame(l, p + i, buffer, &head) && head.synced > at)
                                return true;
                }
        }
        return false;
}

static enum status read_frames(struct log_tree *l, struct buffer *buffer)
{
        uint64_t at = HEAD;
        struct frame_head head;
        struct stat st;

        if (fstat(l->fd, &st))
                return failed("reading it", errno);
        while (at < (uint64_t)st.st_size) {
                if (!read_frame(l, at, buffer, &head) || memcmp(head.before, l->last, SUM) ||
                    !add_frame(l, buffer, &head))
                        break;
                at += FRAME_HEAD + head.body + SUM;
                memcpy(l->last, digest_of(HASH_SHA256, buffer->data, buffer->len).bytes, SUM);
        }
        if (tree_failed(l->tree))
                return failed("its tree", EIO);
        if (at < (uint64_t)st.st_size) {
                if (known_on_disk(l, at, (uint64_t)st.st_size, buffer))
                        return damaged(at, "something else");
                log_warning("the log's tail was not on disk yet when this host stopped: %llu "
                            "bytes cut off",
                            (unsigned long long)((uint64_t)st.st_size - at));
                if (ftruncate(l->fd, (off_t)at))
                        return failed("cutting off its tail", errno);
        }
        if (fsync(l->fd)) /* what was read may not have been on disk either */
                return failed("syncing it", errno);
        l->written = l->synced = at;
        l->synced_length = tree_count(l->tree);
        return ST_DONE;
}

static enum status load(struct log_tree *l)
{
        struct buffer buffer = BUFFER_INIT(FRAME_HEAD + LOG_FRAME_MOST);
        uint8_t head[HEAD];
        enum status s;

        head_bytes(l->alg, head);
        memcpy(l->last, digest_of(HASH_SHA256, head, HEAD).bytes, SUM);
        s = new_tree(l);
        if (!s)
                s = read_frames(l, &buffer);
        buffer_clear(&buffer);
        return s;
}

/* --- writing -------------------------------------------------------------------------------- */

/* Puts on disk whatever was written, again and again, until the log is closed. */
static void *sync_loop(void *arg)
{
        struct log_tree *l = arg;

        pthread_mutex_lock(&l->lock);
        while (!l->closing) {
                uint64_t written = l->written, length, era = l->era;
                int r;

                if (l->broken || l->synced == written) {
                        pthread_cond_wait(&l->work, &l->lock);
                        continue;
                }
                length = tree_count(l->tree);
                pthread_mutex_unlock(&l->lock);
                r = fdatasync(l->fd);
                pthread_mutex_lock(&l->lock);
                if (r) {
                        l->broken = true;
                } else if (era == l->era) {
                        l->synced = written;
                        l->synced_length = length;
                }
                pthread_cond_broadcast(&l->progress);
        }
        pthread_mutex_unlock(&l->lock);
        return NULL;
}

/* Signals are for the threads of whoever opened the log. */
static bool start_syncer(struct log_tree *l)
{
        sigset_t all, before;
        int r;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&l->syncer, NULL, sync_loop, l);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        return r == 0;
}

/* After a write or a sync that failed: back to what is surely on disk. */
static enum status recover(struct log_tree *l)
{
        enum status s;

        l->era++;
        pthread_cond_broadcast(&l->progress);
        if (ftruncate(l->fd, (off_t)l->synced))
                return failed("going back to what is on disk", errno);
        s = load(l);
        l->broken = s != ST_DONE;
        return s;
}

static enum status encode(struct log_tree *l, struct log_entry *entries, size_t count,
                          struct buffer *out)
{
        size_t body = 0;

        for (size_t i = 0; i < count; i++)
                body += 4 + LOG_RANDOM + entries[i].node.len;
        if (count > LOG_APPEND_MOST || body > LOG_FRAME_MOST)
                return FAIL(ST_TOO_LARGE, .subject = "the measurements of one request",
                            .expected = FMT("at most %d bytes in all", LOG_FRAME_MOST));
        buffer_u32(out, MAGIC);
        buffer_u32(out, (uint32_t)body);
        buffer_u32(out, (uint32_t)count);
        buffer_u64(out, l->synced);
        buffer_add(out, l->last, SUM);
        for (size_t i = 0; i < count; i++) {
                if (RAND_bytes(entries[i].random, LOG_RANDOM) != 1)
                        return FAIL(ST_INTERNAL, .subject = "random numbers");
                buffer_u32(out, (uint32_t)entries[i].node.len);
                buffer_add(out, entries[i].random, LOG_RANDOM);
                buffer_add(out, entries[i].node.data, entries[i].node.len);
        }
        return ST_DONE;
}

static enum status write_frame(struct log_tree *l, struct buffer *frame)
{
        struct digest sum = digest_of(HASH_SHA256, frame->data, frame->len);

        buffer_add(frame, sum.bytes, SUM);
        if (!write_all(l->fd, frame->data, frame->len, l->written)) {
                int error = errno;

                if (ftruncate(l->fd, (off_t)l->written))
                        l->broken = true;
                return failed("writing it", error);
        }
        l->written += frame->len;
        memcpy(l->last, sum.bytes, SUM);
        return ST_DONE;
}

static enum status head_now(struct log_tree *l, struct log_place *out)
{
        out->length = tree_count(l->tree);
        out->era = l->era;
        out->root = tree_root(l->tree, out->length);
        if (tree_failed(l->tree)) {
                l->broken = true;
                return failed("its tree", EIO);
        }
        return ST_DONE;
}

static enum status append(struct log_tree *l, struct log_entry *entries, size_t count,
                          struct buffer *frame, struct log_place *place_out)
{
        enum status s = l->broken ? recover(l) : ST_DONE;

        if (!s)
                s = encode(l, entries, count, frame);
        if (s)
                return s;
        place_out->first = tree_count(l->tree);
        if (count) {
                s = write_frame(l, frame);
                if (s)
                        return s;
        }
        for (size_t i = 0; i < count; i++)
                add_leaf(l, entries[i].random, entries[i].node);
        pthread_cond_signal(&l->work);
        return head_now(l, place_out);
}

/* --- the log -------------------------------------------------------------------------------- */

enum status log_tree_open(int dir, enum hash_alg alg, struct log_tree **log_out)
{
        struct log_tree *l = memory_new(1, sizeof *l);
        enum status s;

        *log_out = NULL;
        *l = (struct log_tree){.dir = dir, .fd = -1, .hashes = -1, .alg = alg};
        pthread_mutex_init(&l->lock, NULL);
        pthread_cond_init(&l->work, NULL);
        pthread_cond_init(&l->progress, NULL);
        s = open_head(l);
        if (!s)
                s = load(l);
        if (!s && !start_syncer(l))
                s = FAIL(ST_INTERNAL, .subject = "a thread for the log");
        if (s) {
                log_tree_close(l);
                return s;
        }
        l->has_thread = true;
        *log_out = l;
        return ST_DONE;
}

void log_tree_close(struct log_tree *l)
{
        if (!l)
                return;
        pthread_mutex_lock(&l->lock);
        l->closing = true;
        pthread_cond_signal(&l->work);
        pthread_mutex_unlock(&l->lock);
        if (l->has_thread)
                pthread_join(l->syncer, NULL);
        if (l->fd >= 0)
                close(l->fd);
        if (l->hashes >= 0)
                close(l->hashes);
        tree_free(l->tree);
        pthread_cond_destroy(&l->work);
        pthread_cond_destroy(&l->progress);
        pthread_mutex_destroy(&l->lock);
        free(l);
}

enum status log_tree_append(struct log_tree *l, struct log_entry *entries, size_t count,
                            struct log_place *place_out)
{
        struct buffer frame = BUFFER_INIT(FRAME_HEAD + LOG_FRAME_MOST + SUM);
        enum status s;

        *place_out = (struct log_place){0};
        pthread_mutex_lock(&l->lock);
        s = append(l, entries, count, &frame, place_out);
        pthread_mutex_unlock(&l->lock);
        buffer_clear(&frame);
        return s;
}

enum status log_tree_sync(struct log_tree *l, const struct log_place *place)
{
        bool on_disk;

        pthread_mutex_lock(&l->lock);
        while (l->era == place->era && l->synced_length < place->length && !l->broken)
                pthread_cond_wait(&l->progress, &l->lock);
        on_disk = l->era == place->era && l->synced_length >= place->length;
        pthread_mutex_unlock(&l->lock);
        return on_disk ? ST_DONE : failed("putting it on disk", EIO);
}

uint64_t log_tree_length(struct log_tree *l)
{
        uint64_t length;

        pthread_mutex_lock(&l->lock);
        length = l->tree ? tree_count(l->tree) : 0;
        pthread_mutex_unlock(&l->lock);
        return length;
}

enum status log_tree_head(struct log_tree *l, struct log_place *place_out)
{
        enum status s;

        *place_out = (struct log_place){0};
        pthread_mutex_lock(&l->lock);
        s = l->broken ? recover(l) : ST_DONE;
        if (!s)
                s = head_now(l, place_out);
        pthread_mutex_unlock(&l->lock);
        return s;
}

enum status log_tree_inclusion(struct log_tree *l, uint64_t index, uint64_t length,
                               struct tree_path *path_out)
{
        enum status s = ST_DONE;

        path_out->count = 0;
        pthread_mutex_lock(&l->lock);
        if (!l->tree || index >= length || length > tree_count(l->tree))
                s = FAIL(ST_INVALID, .subject = "a place in the log");
        else
                tree_inclusion(l->tree, index, length, path_out);
        if (!s && tree_failed(l->tree))
                s = failed("its tree", EIO);
        pthread_mutex_unlock(&l->lock);
        return s;
}

enum status log_tree_consistency(struct log_tree *l, uint64_t from, uint64_t length,
                                 struct tree_path *path_out)
{
        enum status s = ST_DONE;

        path_out->count = 0;
        pthread_mutex_lock(&l->lock);
        if (!l->tree || !from || from > length || length > tree_count(l->tree))
                s = FAIL(ST_INVALID, .subject = "a place in the log");
        else
                tree_consistency(l->tree, from, length, path_out);
        if (!s && tree_failed(l->tree))
                s = failed("its tree", EIO);
        pthread_mutex_unlock(&l->lock);
        return s;
}
