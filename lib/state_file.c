/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durable state: whole records, replaced as a whole. Whoever had the disk can have changed them, so
 * they are checked like bytes from outside.
 */
#include "lib/state_file.h"
#include "lib/io.h"
#include "lib/report.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KIND_SIZE = STATE_KIND_SIZE, SUM_SIZE = 32, HEAD_SIZE = 8 + KIND_SIZE + 4 + 8 + SUM_SIZE };
/* In the version of a file's head: the content ends with a MAC. A Bulkhead that knows no MACs takes
 * the file for a newer one's, and leaves it alone. */
enum { WITH_MAC = 0x10000, KEYS_MOST = 4 };
static const char magic[8] = "BLKHSTAT";
#define TEMPORARY ".new-"

static enum status failed(const char *name, int error)
{
        return FAIL(status_of_errno(error), .subject = FMT("state file %s", name),
                    .found = strerror(error),
                    .remedy = error == ENOSPC || error == EDQUOT ? "free space where the state lies"
                                                                 : "see the daemon's state folder");
}

enum status state_folder(const char *path, int *dir_out)
{
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return failed(path, errno);
        *dir_out = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        return *dir_out < 0 ? failed(path, errno) : ST_DONE;
}

enum status state_lock(int dir)
{
        int fd = openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0)
                return failed("lock", errno);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                close(fd);
                return FAIL(ST_BUSY, .subject = "the state folder",
                            .found = "another daemon has it", .remedy = "stop that daemon first");
        }
        return ST_DONE;
}

/* --- keys --- */

struct folder_key {
        int dir;
        bool lift;
        uint8_t key[STATE_KEY_SIZE];
};

static pthread_mutex_t keys_lock = PTHREAD_MUTEX_INITIALIZER;
static struct folder_key keys[KEYS_MOST];
static size_t keys_count;

void state_use_key(int dir, const uint8_t key[static STATE_KEY_SIZE], bool lift)
{
        size_t i = 0;

        pthread_mutex_lock(&keys_lock);
        while (i < keys_count && keys[i].dir != dir)
                i++;
        if (i == KEYS_MOST)
                fatal("too many folders of state files with keys");
        keys_count = i == keys_count ? i + 1 : keys_count;
        keys[i].dir = dir;
        keys[i].lift = lift;
        memcpy(keys[i].key, key, STATE_KEY_SIZE);
        pthread_mutex_unlock(&keys_lock);
}

void state_forget_keys(void)
{
        pthread_mutex_lock(&keys_lock);
        OPENSSL_cleanse(keys, sizeof keys);
        keys_count = 0;
        pthread_mutex_unlock(&keys_lock);
}

static bool key_of(int dir, struct folder_key *key_out)
{
        bool found = false;

        pthread_mutex_lock(&keys_lock);
        for (size_t i = 0; i < keys_count && !found; i++)
                if (keys[i].dir == dir) {
                        *key_out = keys[i];
                        found = true;
                }
        pthread_mutex_unlock(&keys_lock);
        return found;
}

static void mac_of(const struct folder_key *key, const char *name, const struct state_kind *kind,
                   uint32_t version, struct bytes content, uint8_t mac_out[static STATE_MAC_SIZE])
{
        struct hash *h = hash_begin(HASH_SHA256);
        unsigned len = STATE_MAC_SIZE;
        struct digest d;

        hash_field_text(h, "bulkhead-state-1");
        hash_field_text(h, name);
        hash_field_text(h, kind->name);
        hash_u32(h, version);
        hash_field(h, content.data, content.len);
        d = hash_end(h);
        if (!HMAC(EVP_sha256(), key->key, STATE_KEY_SIZE, d.bytes, SUM_SIZE, mac_out, &len))
                fatal("no HMAC");
}

/* --- writing --- */

static void write_head(struct buffer *head, const struct state_kind *kind, struct bytes content,
                       struct bytes mac)
{
        char padded[KIND_SIZE] = {0};
        struct digest sum;
        struct hash *h = hash_begin(HASH_SHA256);

        memcpy(padded, kind->name, strnlen(kind->name, KIND_SIZE - 1));
        buffer_add(head, magic, sizeof magic);
        buffer_add(head, padded, sizeof padded);
        buffer_u32(head, kind->version | (mac.len ? WITH_MAC : 0));
        buffer_u64(head, content.len + mac.len);
        hash_add(h, head->data, head->len);
        hash_add(h, content.data, content.len);
        hash_add(h, mac.data, mac.len);
        sum = hash_end(h);
        buffer_add(head, sum.bytes, SUM_SIZE);
}

static int write_temporary(int dir, const char *temporary, struct bytes head, struct bytes content,
                           struct bytes mac)
{
        const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
        int fd = openat(dir, temporary, flags, 0600), error = 0;

        if (fd < 0)
                return errno;
        if (io_write(fd, head.data, head.len) || io_write(fd, content.data, content.len) ||
            io_write(fd, mac.data, mac.len) || fsync(fd) < 0)
                error = errno;
        if (close(fd) < 0 && !error)
                error = errno;
        return error;
}

enum status state_write(int dir, const char *name, const struct state_kind *kind,
                        struct bytes content)
{
        struct buffer head = BUFFER_INIT(HEAD_SIZE);
        uint8_t bytes[STATE_MAC_SIZE];
        struct bytes mac = {bytes, 0};
        struct folder_key key;
        char temporary[280];
        int error;

        if (content.len > STATE_MOST)
                return FAIL(ST_TOO_LARGE, .subject = FMT("state file %s", name));
        if (key_of(dir, &key)) {
                mac_of(&key, name, kind, kind->version, content, bytes);
                mac.len = sizeof bytes;
        }
        snprintf(temporary, sizeof temporary, TEMPORARY "%s", name);
        write_head(&head, kind, content, mac);
        error = write_temporary(dir, temporary, buffer_bytes(&head), content, mac);
        buffer_clear(&head);
        if (!error && renameat(dir, temporary, dir, name) < 0)
                error = errno;
        if (error) {
                unlinkat(dir, temporary, 0);
                return failed(name, error);
        }
        /* If this fails the rename is done but may not survive a crash: the caller must not rely
         * on it. */
        return fsync(dir) < 0 ? failed(name, errno) : ST_DONE;
}

enum status state_remove(int dir, const char *name)
{
        if (unlinkat(dir, name, 0) < 0)
                return errno == ENOENT ? ST_DONE : failed(name, errno);
        return fsync(dir) < 0 ? failed(name, errno) : ST_DONE;
}

/* --- reading --- */

enum status state_damaged(const char *name, const char *expected, const char *found)
{
        return FAIL(ST_DAMAGED, .subject = FMT("state file %s", name), .expected = expected,
                    .found = found,
                    .remedy = "restore the newest backup of the daemon's state folder");
}

enum status state_newer(const char *name, uint32_t known, uint32_t found)
{
        return FAIL(ST_UNSUPPORTED, .subject = FMT("state file %s", name),
                    .expected = FMT("version %" PRIu32 " or older", known),
                    .found = FMT("version %" PRIu32 ", written by a newer Bulkhead", found),
                    .remedy =
                            "update Bulkhead, or restore the state folder from before that update; "
                            "nothing was changed");
}

static enum status another_kind(const char *name, const struct state_kind *kind,
                                const char found[static KIND_SIZE])
{
        return state_damaged(name, FMT("a file of kind %s", kind->name),
                             FMT("one of kind %.*s", KIND_SIZE, found));
}

static bool fits(struct bytes file, struct bytes content, const uint8_t sum[static SUM_SIZE])
{
        struct hash *h = hash_begin(HASH_SHA256);
        struct digest d;

        hash_add(h, file.data, HEAD_SIZE - SUM_SIZE);
        hash_add(h, content.data, content.len);
        d = hash_end(h);
        return !memcmp(d.bytes, sum, SUM_SIZE);
}

/* The sum is checked before kind and version, in which a bit can flip, too. */
enum status state_parse(const char *name, struct bytes file, const struct state_kind *kind,
                        struct state_content *out)
{
        static const char ours[] = "as this daemon wrote it";
        struct reader r = reader_of(file);
        const uint8_t *found_magic = read_bytes(&r, sizeof magic);
        const char *found_kind = (const char *)read_bytes(&r, KIND_SIZE);
        uint32_t version = read_u32(&r);
        uint64_t len = read_u64(&r);
        const uint8_t *sum = read_bytes(&r, SUM_SIZE);

        if (r.bad || memcmp(found_magic, magic, sizeof magic))
                return state_damaged(name, ours, "no state file, or a part of one");
        if (len != r.left)
                return state_damaged(name, ours, "another length than it says");
        if (!fits(file, (struct bytes){r.at, r.left}, sum))
                return state_damaged(name, ours, "content that does not fit its checksum");
        if (strncmp(found_kind, kind->name, KIND_SIZE))
                return another_kind(name, kind, found_kind);
        if ((version & ~WITH_MAC) > kind->version)
                return state_newer(name, kind->version, version & ~WITH_MAC);
        *out = (struct state_content){name, version & ~WITH_MAC, {r.at, r.left}, NULL};
        if (version & WITH_MAC) {
                if (r.left < STATE_MAC_SIZE)
                        return state_damaged(name, ours, "a part of a MAC");
                out->bytes.len -= STATE_MAC_SIZE;
                out->mac = r.at + out->bytes.len;
        }
        return ST_DONE;
}

/* Whoever can write to the disk can make a good checksum. */
static enum status check_mac(int dir, const struct state_kind *kind, const struct state_content *c)
{
        static const char signed_for[] = "a file that this daemon has signed for";
        struct folder_key key;
        uint8_t mac[STATE_MAC_SIZE];

        if (!key_of(dir, &key))
                return !c->mac ? ST_DONE
                               : FAIL(ST_NOT_SET_UP, .subject = FMT("state file %s", c->name),
                                      .expected = "the key to check its MAC with",
                                      .found = "none: this host has no approved state yet",
                                      .remedy = "bulkhead host setup, then bulkhead host approve");
        if (key.lift)
                return ST_DONE;
        if (!c->mac)
                return state_damaged(c->name, signed_for, "one without a MAC");
        mac_of(&key, c->name, kind, c->version, c->bytes, mac);
        return CRYPTO_memcmp(mac, c->mac, sizeof mac)
                       ? state_damaged(c->name, signed_for,
                                       "one that was changed, or is another file's")
                       : ST_DONE;
}

/* -1 with errno, also if the file ends before. */
static int read_all(int fd, uint8_t *to, size_t len)
{
        ssize_t n = io_read(fd, to, len);

        if (n >= 0 && (size_t)n < len)
                errno = EIO;
        return n == (ssize_t)len ? 0 : -1;
}

enum status state_load(int dir, const char *name, const struct state_kind *kind, struct arena *a,
                       struct state_content *out)
{
        int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        struct stat st;
        uint8_t *bytes;
        enum status s = ST_DONE;

        if (fd < 0)
                return failed(name, errno);
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
            st.st_size > STATE_MOST + HEAD_SIZE + STATE_MAC_SIZE) {
                close(fd);
                return state_damaged(name, "as this daemon wrote it", "no ordinary file");
        }
        bytes = arena_get(a, (size_t)st.st_size + 1);
        if (read_all(fd, bytes, (size_t)st.st_size))
                s = failed(name, errno);
        close(fd);
        if (!s)
                s = state_parse(arena_text(a, name), (struct bytes){bytes, (size_t)st.st_size},
                                kind, out);
        return s ? s : check_mac(dir, kind, out);
}

bool state_peek(int dir, const char *name, char kind[static KIND_SIZE], uint32_t *version_out)
{
        int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        uint8_t head[sizeof magic + KIND_SIZE + 4];
        struct reader r = reader_of((struct bytes){head, sizeof head});
        bool ours = fd >= 0 && !read_all(fd, head, sizeof head) &&
                    !memcmp(read_bytes(&r, sizeof magic), magic, sizeof magic);

        if (fd >= 0)
                close(fd);
        if (!ours)
                return false;
        memcpy(kind, read_bytes(&r, KIND_SIZE), KIND_SIZE);
        *version_out = read_u32(&r) & ~WITH_MAC;
        return !kind[KIND_SIZE - 1];
}

/* --- the folder --- */

enum status state_list(int dir, struct arena *a, const char ***names_out, size_t *count_out)
{
        int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        const char **names = NULL;
        size_t count = 0, room = 0;
        struct dirent *e;

        if (!d) {
                if (fd >= 0)
                        close(fd);
                return failed("folder", errno);
        }
        while ((e = readdir(d))) {
                if (!strncmp(e->d_name, TEMPORARY, strlen(TEMPORARY))) {
                        unlinkat(dir, e->d_name, 0);
                        continue;
                }
                if (*e->d_name == '.' || !strcmp(e->d_name, "lock"))
                        continue;
                if (count == room) {
                        room = room ? 2 * room : 16;
                        names = memory_grow(names, room, sizeof *names);
                }
                names[count++] = arena_text(a, e->d_name);
        }
        closedir(d);
        *names_out = arena_get_many(a, count ? count : 1, sizeof *names);
        if (count)
                memcpy(*names_out, names, count * sizeof *names);
        *count_out = count;
        free(names);
        return ST_DONE;
}

/* --- this boot ------------------------------------------------------------------------------- */

static char boot_id[WORD_MOST + 1];

static void read_boot_id(void)
{
        int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, boot_id, sizeof boot_id - 1);

        if (fd >= 0)
                close(fd);
        boot_id[n < 0 ? 0 : n] = 0;
        boot_id[strcspn(boot_id, "\n")] = 0;
}

const char *state_boot_id(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;

        pthread_once(&once, read_boot_id);
        return boot_id;
}
