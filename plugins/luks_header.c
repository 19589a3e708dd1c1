/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a LUKS2 header from one descriptor. Its bytes are hostile until magic, version, size,
 * offset and checksum of both copies are right and the copies agree. */
#include "plugins/luks_header.h"

#include <errno.h>
#include <linux/fs.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The binary header: 4,096 bytes, integers big endian. */
enum {
        BINARY_LEN = 4096,
        AT_VERSION = 6,
        AT_SIZE = 8,
        AT_SEQUENCE = 16,
        AT_CHECKSUM_NAME = 72,
        CHECKSUM_NAME_LEN = 32,
        AT_UUID = 168,
        UUID_ROOM = 40,
        AT_OFFSET = 256,
        AT_CHECKSUM = 448,
        CHECKSUM_ROOM = 64,
        CHECKSUM_LEN = 32,
        MAGIC_LEN = 6,
        SIZE_LEAST = 16 << 10, /* sizes are the powers of two from 16 KiB to 4 MiB */
        SIZE_MOST = 4 << 20
};

static const char primary_magic[] = "LUKS\xba\xbe", secondary_magic[] = "SKUL\xba\xbe";

static uint64_t big_endian(const uint8_t *p, size_t len)
{
        uint64_t v = 0;

        while (len--)
                v = v << 8 | *p++;
        return v;
}

/* Returns 0, or an errno; ENODATA if the file ends before. */
static int read_all(int fd, uint8_t *to, size_t len, uint64_t at)
{
        while (len) {
                ssize_t r = pread(fd, to, len, (off_t)at);

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

static bool size_is_good(uint64_t size)
{
        return size >= SIZE_LEAST && size <= SIZE_MOST && !(size & (size - 1));
}

static bool checksum_is_good(const uint8_t *copy, size_t len)
{
        static const uint8_t zeros[CHECKSUM_ROOM];
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        uint8_t digest[EVP_MAX_MD_SIZE];
        bool good = ctx && EVP_DigestInit_ex2(ctx, EVP_sha256(), NULL) &&
                    EVP_DigestUpdate(ctx, copy, AT_CHECKSUM) &&
                    EVP_DigestUpdate(ctx, zeros, CHECKSUM_ROOM) &&
                    EVP_DigestUpdate(ctx, copy + AT_CHECKSUM + CHECKSUM_ROOM,
                                     len - AT_CHECKSUM - CHECKSUM_ROOM) &&
                    EVP_DigestFinal_ex(ctx, digest, NULL) &&
                    !memcmp(digest, copy + AT_CHECKSUM, CHECKSUM_LEN);

        EVP_MD_CTX_free(ctx);
        return good;
}

static bool uuid_is_good(const uint8_t *uuid)
{
        for (size_t i = 0; i < LUKS_UUID_LEN; i++) {
                bool dash = i == 8 || i == 13 || i == 18 || i == 23;

                if (dash ? uuid[i] != '-' : !uuid[i] || !strchr("0123456789abcdef", uuid[i]))
                        return false;
        }
        return !uuid[LUKS_UUID_LEN];
}

static bool area_is_good(const uint8_t *area, size_t len)
{
        size_t text = strnlen((const char *)area, len);

        for (size_t i = text; i < len; i++)
                if (area[i])
                        return false;
        return text && text < len;
}

/* Says what is wrong with one copy of `len` bytes, or NULL. */
static const char *wrong_with(const uint8_t *copy, size_t len, const char *magic, uint64_t offset)
{
        if (memcmp(copy, magic, MAGIC_LEN))
                return "no magic";
        if (big_endian(copy + AT_VERSION, 2) != 2)
                return "a version that is not 2";
        if (big_endian(copy + AT_SIZE, 8) != len)
                return "another size";
        if (big_endian(copy + AT_OFFSET, 8) != offset)
                return "an offset that is not its own";
        if (strncmp((const char *)copy + AT_CHECKSUM_NAME, "sha256", CHECKSUM_NAME_LEN))
                return "a checksum that is not sha256";
        if (!checksum_is_good(copy, len))
                return "a checksum that does not fit";
        if (!uuid_is_good(copy + AT_UUID))
                return "no UUID";
        if (!area_is_good(copy + BINARY_LEN, len - BINARY_LEN))
                return "metadata that does not end";
        return NULL;
}

static const char *wrong_together(const uint8_t *primary, const uint8_t *secondary, size_t len)
{
        if (memcmp(primary + AT_SEQUENCE, secondary + AT_SEQUENCE, 8))
                return "two copies of different age";
        if (memcmp(primary + AT_UUID, secondary + AT_UUID, UUID_ROOM))
                return "two copies with different UUIDs";
        if (memcmp(primary + BINARY_LEN, secondary + BINARY_LEN, len - BINARY_LEN))
                return "two copies with different metadata";
        return NULL;
}

struct look {
        int fd;
        const char *name;
        const struct bulkhead_host *host;
};

/* "luks:PATH" names it. */
static const char *path_of(const struct look *l)
{
        const char *colon = strchr(l->name, ':');

        return colon ? colon + 1 : l->name;
}

/* remedy: of the path. */
static int refuse(const struct look *l, const char *expected, const char *found, const char *remedy)
{
        char text[512];

        snprintf(text, sizeof text, "%s %s", remedy, path_of(l));
        return l->host->refuse(l->name, expected, found, text);
}

static int read_failed(const struct look *l, int error)
{
        return refuse(l, "a LUKS2 header",
                      error == ENODATA ? "it ends inside the header" : strerror(error),
                      "cryptsetup luksDump");
}

static int damaged(const struct look *l, const char *copy, const char *found)
{
        const char *path = path_of(l);
        char text[128], remedy[512];

        snprintf(text, sizeof text, "%s header: %s", copy, found);
        snprintf(remedy, sizeof remedy,
                 "keep a copy first: dd if=%s of=header.copy bs=1M count=16; then cryptsetup "
                 "repair --type luks2 %s",
                 path, path);
        return l->host->refuse(l->name, "two intact and equal copies of the LUKS2 header", text,
                               remedy);
}

/* If it was sealed, the seal still has the key: what is left must not be written over. */
static int no_header(const struct look *l)
{
        char remedy[512];

        snprintf(remedy, sizeof remedy,
                 "if it was LUKS2 before, put its header back from a copy: cryptsetup "
                 "luksHeaderRestore %s --header-backup-file FILE; a plain disk is measured with "
                 "disk:",
                 path_of(l));
        return l->host->refuse(l->name, "a LUKS2 disk", "no LUKS header", remedy);
}

/* There is no magic at the start. If it is a damaged LUKS2 header there still is a second copy, at
 * one of nine offsets. */
static int no_primary(const struct look *l)
{
        uint8_t magic[MAGIC_LEN];

        for (uint64_t at = SIZE_LEAST; at <= SIZE_MOST; at *= 2)
                if (!read_all(l->fd, magic, sizeof magic, at) &&
                    !memcmp(magic, secondary_magic, MAGIC_LEN))
                        return damaged(l, "primary", "no magic");
        return no_header(l);
}

/* The size of a copy, as the first copy says it, or 0 after a refusal. */
static size_t copy_size(const struct look *l)
{
        uint8_t binary[AT_SEQUENCE];
        uint64_t size;
        int r = read_all(l->fd, binary, sizeof binary, 0);

        if (r)
                read_failed(l, r);
        else if (memcmp(binary, primary_magic, MAGIC_LEN))
                no_primary(l);
        else if (big_endian(binary + AT_VERSION, 2) == 1)
                refuse(l, "a LUKS2 disk", "a LUKS1 disk", "cryptsetup convert --type luks2");
        else if (size = big_endian(binary + AT_SIZE, 8), !size_is_good(size))
                damaged(l, "primary", "a size that LUKS2 does not have");
        else
                return (size_t)size;
        return 0;
}

static int look_at_copies(const struct look *l, struct luks_header *h, size_t size)
{
        const uint8_t *primary = h->memory, *secondary = h->memory + size;
        const char *wrong;
        int r = read_all(l->fd, h->memory, 2 * size, 0);

        if (r)
                return read_failed(l, r);
        if ((wrong = wrong_with(primary, size, primary_magic, 0)))
                return damaged(l, "primary", wrong);
        if ((wrong = wrong_with(secondary, size, secondary_magic, size)))
                return damaged(l, "secondary", wrong);
        if ((wrong = wrong_together(primary, secondary, size)))
                return damaged(l, "secondary", wrong);
        h->size = size;
        memcpy(h->uuid, primary + AT_UUID, LUKS_UUID_LEN);
        h->json = (const char *)primary + BINARY_LEN;
        h->json_len = strlen(h->json);
        return 0;
}

static int look(const struct look *l, struct stat *st, uint64_t *size_out)
{
        if (fstat(l->fd, st))
                return read_failed(l, errno);
        if (S_ISBLK(st->st_mode))
                return ioctl(l->fd, BLKGETSIZE64, size_out) ? read_failed(l, errno) : 0;
        *size_out = (uint64_t)st->st_size;
        if (S_ISREG(st->st_mode))
                return 0;
        return l->host->refuse(l->name, "a regular file or a block device", "something else",
                               "name the disk itself");
}

static bool is_same(const struct stat *a, const struct stat *b)
{
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_rdev == b->st_rdev &&
               !memcmp(&a->st_mtim, &b->st_mtim, sizeof a->st_mtim) &&
               !memcmp(&a->st_ctim, &b->st_ctim, sizeof a->st_ctim);
}

int luks_header_read(int fd, const struct bulkhead_target *target, const struct bulkhead_host *host,
                     struct luks_header *header_out)
{
        const struct look l = {fd, target->name, host};
        struct luks_header *h = header_out;
        struct stat before, after;
        uint64_t given;
        size_t size;

        memset(h, 0, sizeof *h);
        if (look(&l, &before, &h->given))
                return -1;
        size = copy_size(&l);
        if (!size)
                return -1;
        h->memory = malloc(2 * size);
        if (!h->memory)
                return read_failed(&l, ENOMEM);
        if (look_at_copies(&l, h, size) || look(&l, &after, &given))
                return -1;
        if (given == h->given && is_same(&before, &after))
                return 0;
        return host->refuse(target->name, "a header that nobody writes",
                            "it changed while it was read",
                            "stop what writes it, then measure again");
}
