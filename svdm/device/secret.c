/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets of the device worker: made, derived, and passed through pipes. Only device_worker.c and
 * its device kinds come here. OpenSSL makes and derives; no file is touched.
 */
#include "svdm/device/secret.h"
#include "lib/channel.h"
#include "lib/report.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char disk_tag[] = "bulkhead-disk-1";

void secret_new(uint8_t secret[static SECRET_LEN])
{
        if (RAND_priv_bytes(secret, SECRET_LEN) != 1)
                fatal("OpenSSL gives no random bytes");
}

enum status secret_pipe(int *read_end_out, int *write_end_out)
{
        int ends[2];

        if (pipe2(ends, O_CLOEXEC))
                return FAIL(status_of_errno(errno), .subject = "a pipe", .found = strerror(errno));
        *read_end_out = ends[0];
        *write_end_out = ends[1];
        return ST_DONE;
}

enum status secret_offer(const uint8_t secret[static SECRET_LEN], int *read_end_out)
{
        int read_end, write_end;
        enum status s = secret_pipe(&read_end, &write_end);
        ssize_t n;

        if (s)
                return s;
        n = write(write_end, secret, SECRET_LEN); /* fits: a new pipe takes a page */
        close(write_end);
        if (n != SECRET_LEN) {
                close(read_end);
                return FAIL(ST_IO, .subject = "the pipe of a secret");
        }
        *read_end_out = read_end;
        return ST_DONE;
}

/* Reads up to room bytes, until the pipe's end. ST_TIMEOUT at the deadline. */
static enum status read_pipe(int fd, uint8_t *to, size_t room, size_t *len_out)
{
        int64_t deadline = deadline_in(SECRET_WAIT_MS);
        size_t len = 0;

        while (len < room) {
                struct pollfd p = {.fd = fd, .events = POLLIN};
                int r = poll(&p, 1, deadline_left(deadline));
                ssize_t n;

                if (r < 0 && errno == EINTR)
                        continue;
                if (!r)
                        return FAIL(ST_TIMEOUT, .subject = "the pipe of a secret",
                                    .expected =
                                            FMT("an answer within %d s", SECRET_WAIT_MS / 1000));
                n = r < 0 ? -1 : read(fd, to + len, room - len);
                if (n < 0 && (errno == EINTR || errno == EAGAIN))
                        continue;
                if (n < 0)
                        return FAIL(ST_IO, .subject = "the pipe of a secret",
                                    .found = strerror(errno));
                if (!n)
                        break;
                len += (size_t)n;
        }
        *len_out = len;
        return ST_DONE;
}

enum status secret_read(int fd, uint8_t secret[static SECRET_LEN])
{
        size_t len = 0;
        enum status s = read_pipe(fd, secret, SECRET_LEN, &len);

        if (!s && len != SECRET_LEN)
                s = FAIL(ST_IO, .subject = "the pipe of a secret",
                         .expected = FMT("%d bytes", SECRET_LEN), .found = FMT("%zu", len));
        if (s)
                explicit_bzero(secret, SECRET_LEN);
        return s;
}

static void wipe(uint8_t *bytes, size_t len)
{
        if (bytes)
                explicit_bzero(bytes, len);
        free(bytes);
}

/* A larger buffer with the same content; the old one is wiped. */
static uint8_t *grow(uint8_t *old, size_t len, size_t room)
{
        uint8_t *more = memory_new(room, 1);

        if (old)
                memcpy(more, old, len);
        wipe(old, len);
        return more;
}

enum status secret_read_passphrase(int fd, struct bytes *out)
{
        uint8_t *bytes = NULL;
        size_t len = 0, room = 0, more = 1;
        enum status s = ST_DONE;

        while (!s && more && len <= PASSPHRASE_MOST) {
                if (len == room) {
                        room = room ? 2 * room : 4096;
                        bytes = grow(bytes, len, room);
                }
                s = read_pipe(fd, bytes + len, room - len, &more);
                len += s ? 0 : more;
        }
        if (!s && (len > PASSPHRASE_MOST || !len))
                s = FAIL(ST_INVALID, .subject = "the passphrase",
                         .expected = FMT("1 to %d bytes", PASSPHRASE_MOST),
                         .found = len ? "more" : "nothing");
        if (s)
                wipe(bytes, room);
        *out = s ? (struct bytes){0} : (struct bytes){bytes, len};
        return s;
}

enum status authority_read(enum authority_kind kind, enum passphrase_form form, int fd,
                           struct authority *out)
{
        uint8_t *secret;
        enum status s;

        *out = (struct authority){.kind = kind, .form = form};
        if (kind == AUTHORITY_NONE)
                return ST_DONE;
        if (fd < 0)
                return FAIL(ST_INVALID, .subject = "what opens the disks now");
        if (kind == AUTHORITY_PASSPHRASE)
                return secret_read_passphrase(fd, &out->bytes);
        secret = memory_new(SECRET_LEN, 1);
        out->bytes = (struct bytes){secret, SECRET_LEN};
        s = secret_read(fd, secret);
        if (s)
                authority_clear(out);
        return s;
}

void authority_clear(struct authority *a)
{
        wipe((uint8_t *)a->bytes.data, a->bytes.len);
        a->bytes = (struct bytes){0};
}

void secret_disk_key(const uint8_t secret[static SECRET_LEN], const struct uuid *disk,
                     uint8_t key[static DISK_KEY_LEN])
{
        char uuid[37];
        EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
        EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
        OSSL_PARAM params[5];

        uuid_write(disk, uuid);
        params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0);
        params[1] =
                OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret, SECRET_LEN);
        params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)disk_tag,
                                                      sizeof disk_tag - 1);
        params[3] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, uuid, 36); /* joined */
        params[4] = OSSL_PARAM_construct_end();
        if (!ctx || EVP_KDF_derive(ctx, key, DISK_KEY_LEN, params) != 1)
                fatal("OpenSSL cannot derive a key");
        EVP_KDF_CTX_free(ctx);
        EVP_KDF_free(kdf);
}
