/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk: an image or a block device, read whole. It has two methods: "whole", the digest of all
 * bytes, and "verity", the root of dm-verity's hash tree (hash type 1, blocks of 4,096 bytes),
 * which is the one that `veritysetup format` prints.
 *
 * Holes of a sparse file are hashed as the zeros that they are, without reading them: a file's size
 * costs whoever makes it nothing.
 *
 * Runs in a measure worker. Touches the two descriptors that it is given, by pread64, fstat, lseek
 * (SEEK_DATA; nobody reads at the offset) and ioctl(BLKGETSIZE64); needs memory and threads (mmap,
 * munmap, mprotect, madvise, clone, futex, and what glibc does when a thread starts: rseq,
 * set_robust_list, rt_sigprocmask). It opens no file, so OpenSSL's default provider must be loaded
 * before that is forbidden. Memory is constant: one buffer and one set of hash lanes a thread, and
 * the hash tree's open path.
 */
#include "plugins/disk.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RING = 8, STACK = 128 << 10 };

#define SIZE_MOST ((uint64_t)64 << 40)

/* --- what may be measured ------------------------------------------------------------------- */

static const char *file_kind(mode_t mode)
{
        switch (mode & S_IFMT) {
        case S_IFIFO:
                return "a FIFO";
        case S_IFCHR:
                return "a character device";
        case S_IFDIR:
                return "a directory";
        case S_IFSOCK:
                return "a socket";
        default:
                return "neither";
        }
}

static int file_size(int file, const struct stat *st, uint64_t *size_out)
{
        if (S_ISBLK(st->st_mode))
                return ioctl(file, BLKGETSIZE64, size_out);
        *size_out = (uint64_t)st->st_size;
        return 0;
}

static int read_failed(const struct source *s, int error)
{
        if (error == ENODATA)
                return s->host->refuse(s->name, "a disk that nobody writes",
                                       "it became shorter while it was read",
                                       "stop what writes it, then measure again");
        /* dm-verity, too, answers EIO, for a block that is not in its tree. */
        if (error == EIO)
                return s->host->refuse(s->name, "a disk that can be read, and fits its hash tree",
                                       "an I/O error: the disk is broken, or was changed outside",
                                       "restore the image; the kernel's log names the block");
        return s->host->refuse(s->name, "readable", strerror(error), "look at the kernel's log");
}

static int check_size(struct source *s, const struct stat *st)
{
        struct stat header;
        char found[32];

        if (file_size(s->file, st, &s->size))
                return read_failed(s, errno);
        snprintf(found, sizeof found, "%" PRIu64 " bytes", s->size);
        if (!s->size || s->size > SIZE_MOST)
                return s->host->refuse(s->name, "between 1 byte and 64 TiB", found,
                                       "name the image itself");
        if (s->header < 0)
                return 0;
        if (fstat(s->header, &header))
                return read_failed(s, errno);
        s->header_len = (uint64_t)header.st_size;
        if (s->header_len > s->size)
                return s->host->refuse(s->name, "a disk that is larger than its header", found,
                                       NULL);
        return 0;
}

int disk_read(const struct source *s, uint8_t *to, size_t len, uint64_t at)
{
        while (len) {
                bool over = at < s->header_len;
                size_t part = over && s->header_len - at < len ? s->header_len - at : len;
                ssize_t r = pread(over ? s->header : s->file, to, part, (off_t)at);

                if (r < 0 && errno == EINTR)
                        continue;
                if (r <= 0)
                        return r ? errno : ENODATA;
                to += r;
                at += (uint64_t)r;
                len -= (size_t)r;
        }
        return 0;
}

bool disk_is_hole(const struct source *s, uint64_t at, size_t len, uint64_t *to_known)
{
        off_t data;

        if (!s->may_have_holes || at < s->header_len)
                return false;
        if (at + len <= *to_known)
                return true;
        data = lseek(s->file, (off_t)at, SEEK_DATA);
        if (data < 0 && errno != ENXIO)
                return false; /* a file system that cannot tell: it is read */
        *to_known = data < 0 ? s->size : (uint64_t)data; /* ENXIO: no data up to the end */
        return at + len <= *to_known;
}

static uint64_t big_endian(const uint8_t *p, size_t len)
{
        uint64_t v = 0;

        while (len--)
                v = v << 8 | *p++;
        return v;
}

/* The format of an image that keeps part of its content in another file, or NULL. The digest of
 * such an image would leave that part out. */
static const char *lies_elsewhere(const uint8_t head[static 512])
{
        static const char vmdk_text[] = "# Disk DescriptorFile";

        if (!memcmp(head, "QFI\xfb", 4)) {
                if (big_endian(head + 8, 8))
                        return "a qcow2 image with a backing file";
                if (big_endian(head + 4, 4) >= 3 && head[79] & 4)
                        return "a qcow2 image with an external data file";
        }
        if (!memcmp(head, "QED", 4) && head[16] & 1)
                return "a QED image with a backing file";
        if (!memcmp(head, "conectix", 8) && big_endian(head + 60, 4) == 4)
                return "a differencing VHD image";
        if (!memcmp(head, vmdk_text, sizeof vmdk_text - 1))
                return "a VMDK descriptor, whose extents are other files";
        return NULL;
}

static int check_format(struct source *s)
{
        uint8_t head[512] = {0};
        const char *found;
        int r = disk_read(s, head, s->size < sizeof head ? (size_t)s->size : sizeof head, 0);

        if (r)
                return read_failed(s, r);
        found = lies_elsewhere(head);
        if (found)
                return s->host->refuse(s->name, "an image that holds all of its content", found,
                                       "qemu-img convert -O raw IMAGE NEW");
        return 0;
}

static int check_unchanged(const struct source *s, const struct stat *before)
{
        struct stat now;
        uint64_t size = 0;

        if (fstat(s->file, &now) || file_size(s->file, &now, &size))
                return read_failed(s, errno);
        if (size == s->size && now.st_dev == before->st_dev && now.st_ino == before->st_ino &&
            now.st_rdev == before->st_rdev &&
            !memcmp(&now.st_mtim, &before->st_mtim, sizeof now.st_mtim) &&
            !memcmp(&now.st_ctim, &before->st_ctim, sizeof now.st_ctim))
                return 0;
        return s->host->refuse(s->name, "a disk that nobody writes", "it changed while it was read",
                               "stop what writes it, then measure again");
}

/* --- whole: one thread reads ahead, one hashes ----------------------------------------------- */

struct ring {
        struct source *source;
        uint8_t *buffers[RING], *zeros;
        bool hole[RING];        /* that unit is zeros, and its buffer means nothing */
        uint64_t filled, taken; /* units so far */
        bool stop;
        pthread_mutex_t lock;
        pthread_cond_t changed;
};

size_t disk_unit_len(const struct source *s, uint64_t unit, size_t size)
{
        uint64_t left = s->size - unit * size;

        return left < size ? (size_t)left : size;
}

/* Returns 0, or an errno. */
static int fill_unit(struct ring *ring, uint64_t unit, uint64_t *hole)
{
        struct source *s = ring->source;
        size_t len = disk_unit_len(s, unit, DISK_UNIT);

        ring->hole[unit % RING] = disk_is_hole(s, unit * DISK_UNIT, len, hole);
        return ring->hole[unit % RING]
                       ? 0
                       : disk_read(s, ring->buffers[unit % RING], len, unit * DISK_UNIT);
}

static void *fill_ring(void *arg)
{
        struct ring *ring = arg;
        struct source *s = ring->source;
        uint64_t hole = 0;

        for (uint64_t unit = 0; unit * DISK_UNIT < s->size; unit++) {
                int r;

                pthread_mutex_lock(&ring->lock);
                while (unit - ring->taken >= RING && !ring->stop)
                        pthread_cond_wait(&ring->changed, &ring->lock);
                r = ring->stop;
                pthread_mutex_unlock(&ring->lock);
                if (r)
                        break;
                r = fill_unit(ring, unit, &hole);
                pthread_mutex_lock(&ring->lock);
                s->error = r;
                ring->filled++;
                pthread_cond_signal(&ring->changed);
                pthread_mutex_unlock(&ring->lock);
                if (r)
                        break;
        }
        return NULL;
}

/* Returns 0, or -1 if a read failed (s->error) or OpenSSL did. */
static int empty_ring(struct ring *ring, EVP_MD_CTX *ctx)
{
        struct source *s = ring->source;
        int r = 0;

        for (uint64_t unit = 0; !r && unit * DISK_UNIT < s->size; unit++) {
                size_t len = disk_unit_len(s, unit, DISK_UNIT);

                pthread_mutex_lock(&ring->lock);
                while (ring->filled <= unit)
                        pthread_cond_wait(&ring->changed, &ring->lock);
                r = s->error && ring->filled == unit + 1 ? -1 : 0;
                pthread_mutex_unlock(&ring->lock);
                if (r || !EVP_DigestUpdate(ctx,
                                           ring->hole[unit % RING] ? ring->zeros
                                                                   : ring->buffers[unit % RING],
                                           len))
                        r = -1;
                s->done += len;
                s->host->progress(s->done, s->size);
                pthread_mutex_lock(&ring->lock);
                ring->taken++;
                ring->stop = r;
                pthread_cond_signal(&ring->changed);
                pthread_mutex_unlock(&ring->lock);
        }
        return r;
}

/* A disk of one unit at most needs no second thread. */
static int digest_unit(struct source *s, const EVP_MD *md, uint8_t *digest_out)
{
        uint8_t *memory = aligned_alloc(DISK_BLOCK, DISK_UNIT);
        int r = -1;

        if (memory)
                s->error = disk_read(s, memory, (size_t)s->size, 0);
        if (memory && !s->error && EVP_Digest(memory, (size_t)s->size, digest_out, NULL, md, NULL))
                r = 0;
        s->host->progress(s->size, s->size);
        free(memory);
        return r;
}

/* Returns 0 or -1, as disk_verity(). */
static int digest_whole(struct source *s, const EVP_MD *md, uint8_t *digest_out)
{
        struct ring ring = {.source = s,
                            .lock = PTHREAD_MUTEX_INITIALIZER,
                            .changed = PTHREAD_COND_INITIALIZER};
        uint8_t *memory = aligned_alloc(DISK_BLOCK, (size_t)RING * DISK_UNIT);
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        pthread_t reader;
        int r = -1;

        ring.zeros = calloc(1, DISK_UNIT);
        for (size_t i = 0; memory && i < RING; i++)
                ring.buffers[i] = memory + i * DISK_UNIT;
        if (memory && ring.zeros && ctx && EVP_DigestInit_ex2(ctx, md, NULL) &&
            !pthread_create(&reader, &s->thread, fill_ring, &ring)) {
                r = empty_ring(&ring, ctx);
                pthread_join(reader, NULL);
        }
        if (!r && !EVP_DigestFinal_ex(ctx, digest_out, NULL))
                r = -1;
        EVP_MD_CTX_free(ctx);
        free(ring.zeros);
        free(memory);
        return r;
}

/* --- the plug-in ----------------------------------------------------------------------------- */

static int emit_digest(const struct source *s, const char *hash, const uint8_t *digest, size_t len)
{
        char text[16 + 2 * EVP_MAX_MD_SIZE], *p = text;

        p += snprintf(p, 16, "%s:", hash);
        for (size_t i = 0; i < len; i++)
                p += snprintf(p, 3, "%02x", digest[i]);
        return s->host->value("digest", text);
}

static int emit_number(const struct source *s, const char *name, uint64_t value)
{
        char text[24];

        snprintf(text, sizeof text, "%" PRIu64, value);
        return s->host->value(name, text);
}

static int emit_verity(const struct source *s, const struct bulkhead_target *t)
{
        char salt[2 * DISK_SALT_MOST + 1] = "-"; /* veritysetup's way to write no salt */

        for (size_t i = 0; i < t->salt_len; i++)
                snprintf(salt + 2 * i, 3, "%02x", t->salt[i]);
        return emit_number(s, "hash-type", 1) || emit_number(s, "data-block-size", DISK_BLOCK) ||
                               emit_number(s, "hash-block-size", DISK_BLOCK) ||
                               s->host->value("salt", salt)
                       ? -1
                       : 0;
}

static int check_method(const struct source *s, const struct bulkhead_target *t, bool verity)
{
        char found[64];

        if (!verity && *t->method && strcmp(t->method, "whole"))
                return s->host->refuse(s->name, "method whole or verity", t->method, NULL);
        if (strcmp(t->hash, "sha256") && strcmp(t->hash, "sha384"))
                return s->host->refuse(s->name, "sha256 or sha384", t->hash, NULL);
        if (!verity && t->salted)
                return s->host->refuse(s->name, "no salt", "a salt with method whole",
                                       "use method verity, or leave out the salt");
        snprintf(found, sizeof found, "%zu bytes", t->salt_len);
        if (t->salt_len > DISK_SALT_MOST)
                return s->host->refuse(s->name, "a salt of at most 256 bytes", found, NULL);
        /* veritysetup silently leaves the rest of a partial block out of its tree. */
        snprintf(found, sizeof found, "%" PRIu64 " bytes", s->size);
        if (verity && s->size % DISK_BLOCK)
                return s->host->refuse(s->name, "a multiple of 4096 bytes, for verity", found,
                                       "measure it whole, or pad the image to a multiple of 4096");
        return 0;
}

static int measure_source(struct source *s, const struct bulkhead_target *t)
{
        bool verity = !strcmp(t->method, "verity");
        uint8_t digest[EVP_MAX_MD_SIZE];
        struct stat before;
        EVP_MD *md;
        int r;

        if (fstat(s->file, &before))
                return read_failed(s, errno);
        if (!S_ISREG(before.st_mode) && !S_ISBLK(before.st_mode))
                return s->host->refuse(s->name, "a regular file or a block device",
                                       file_kind(before.st_mode), "name the image itself");
        s->may_have_holes = S_ISREG(before.st_mode);
        if (check_size(s, &before) || check_method(s, t, verity) || check_format(s))
                return -1;
        md = EVP_MD_fetch(NULL, !strcmp(t->hash, "sha384") ? "SHA384" : "SHA256", NULL);
        if (!md)
                return read_failed(s, s->error ? s->error : ENOMEM);
        if (verity)
                r = disk_verity(s, md, t->salt, t->salt_len, t->cores, digest);
        else if (s->size <= DISK_UNIT)
                r = digest_unit(s, md, digest);
        else
                r = digest_whole(s, md, digest);
        if (r)
                r = read_failed(s, s->error ? s->error : ENOMEM);
        else if (check_unchanged(s, &before) || s->host->node_begin(t->name, "disk") ||
                 s->host->value("method", verity ? "verity" : "whole") ||
                 emit_digest(s, t->hash, digest, (size_t)EVP_MD_get_size(md)) ||
                 emit_number(s, "size", s->size) || (verity && emit_verity(s, t)) ||
                 s->host->node_end())
                r = -1;
        EVP_MD_free(md);
        return r;
}

static int measure(const struct bulkhead_target *target, const struct bulkhead_host *host)
{
        struct source s = {
                .file = target->file, .header = target->header, .host = host, .name = target->name};
        int r;

        if (pthread_attr_init(&s.thread) || pthread_attr_setstacksize(&s.thread, STACK))
                return read_failed(&s, ENOMEM);
        r = measure_source(&s, target);
        pthread_attr_destroy(&s.thread);
        return r;
}

const struct bulkhead_measure_plugin bulkhead_measure_plugin = {
        .size = sizeof bulkhead_measure_plugin,
        .abi = BULKHEAD_MEASURE_ABI,
        .name = "disk",
        .version = 1,
        .takes_file = 1,
        .measure = measure,
};
