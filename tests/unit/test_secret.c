/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets: the key of a disk against Python's HMAC, and what comes out of pipes. */
#include "lib/buffer.h"
#include "lib/memory_file.h"
#include "svdm/device/secret.h"
#include "tests/unit/svdm_test.h"

static const struct derivation {
        const char *secret, *uuid, *key;
} derivations[] = {
        /* python3: p = hmac.digest(bytes(32), secret, "sha256");
         * hmac.digest(p, b"bulkhead-disk-1" + uuid + b"\x01", "sha256") */
        {"0000000000000000000000000000000000000000000000000000000000000000",
         "00000000-0000-0000-0000-000000000000",
         "eb2697d03d89fa04992f5982c0623cc8072a9c03cd91b0f4af6638347ebe2125"},
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
         "8e32ab8d-5b25-40c0-8965-78917e6b3152",
         "50e3b68c12e937bcf88dd5d9d015beda3a6f9c3a7b52ee431acece003708b78d"},
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
         "8E32AB8D-5B25-40C0-8965-78917E6B3152",
         "50e3b68c12e937bcf88dd5d9d015beda3a6f9c3a7b52ee431acece003708b78d"},
};

START_TEST(derives_the_key_of_a_disk)
{
        const struct derivation *d = &derivations[_i];
        uint8_t secret[SECRET_LEN], key[DISK_KEY_LEN];
        char hex[2 * DISK_KEY_LEN + 1];
        struct uuid uuid;

        ck_assert_int_eq(hex_read(d->secret, 64, secret, sizeof secret), SECRET_LEN);
        ck_assert(uuid_read(d->uuid, &uuid));
        secret_disk_key(secret, &uuid, key);
        hex_write(hex, key, sizeof key);
        ck_assert_str_eq(hex, d->key);
}
END_TEST

/* A pipe, or, for more than that has room for, a memory file. */
static int pipe_with_bytes(size_t len, bool end)
{
        static uint8_t bytes[PASSPHRASE_MOST + 8];
        int read_end, write_end;

        memset(bytes, 'x', sizeof bytes);
        bytes[len ? len - 1 : 0] = '\n';
        if (len > 4096) {
                ck_assert_int_eq(memory_file_new("passphrase", &read_end), ST_DONE);
                ck_assert_int_eq(pwrite(read_end, bytes, len, 0), len);
                return read_end;
        }
        ck_assert_int_eq(secret_pipe(&read_end, &write_end), ST_DONE);
        ck_assert_int_eq(write(write_end, bytes, len), len);
        if (end)
                close(write_end);
        return read_end;
}

static const struct amount {
        size_t len;
        enum status secret, passphrase;
} amounts[] = {
        {0, ST_IO, ST_INVALID},
        {1, ST_IO, ST_DONE},
        {31, ST_IO, ST_DONE},
        {32, ST_DONE, ST_DONE},
        {33, ST_DONE, ST_DONE},
        {4096, ST_DONE, ST_DONE},
        {70000, ST_DONE, ST_DONE},
        {PASSPHRASE_MOST, ST_DONE, ST_DONE},
        {PASSPHRASE_MOST + 1, ST_DONE, ST_INVALID},
};

START_TEST(reads_what_a_pipe_holds)
{
        const struct amount *m = &amounts[_i];
        uint8_t secret[SECRET_LEN], zero[SECRET_LEN] = {0};
        struct authority passphrase;
        int fd = pipe_with_bytes(m->len, true);

        ck_assert_int_eq(secret_read(fd, secret), m->secret);
        if (m->secret)
                ck_assert_mem_eq(secret, zero, sizeof zero);
        close(fd);
        fd = pipe_with_bytes(m->len, true);
        ck_assert_int_eq(authority_read(AUTHORITY_PASSPHRASE, PASSPHRASE_LINE, fd, &passphrase),
                         m->passphrase);
        ck_assert_int_eq(passphrase.bytes.len, m->passphrase ? 0 : m->len);
        if (!m->passphrase) /* the bytes as they are */
                ck_assert_int_eq(passphrase.bytes.data[m->len - 1], '\n');
        authority_clear(&passphrase);
        close(fd);
}
END_TEST

START_TEST(takes_a_secret_from_a_pipe_that_stays_open)
{
        uint8_t secret[SECRET_LEN];
        int fd = pipe_with_bytes(SECRET_LEN, false);

        ck_assert_int_eq(secret_read(fd, secret), ST_DONE);
        close(fd);
}
END_TEST

START_TEST(offers_are_whole_and_differ)
{
        uint8_t one[SECRET_LEN], two[SECRET_LEN], back[SECRET_LEN + 1];
        int fd;

        secret_new(one);
        secret_new(two);
        ck_assert_mem_ne(one, two, SECRET_LEN);
        ck_assert_int_eq(secret_offer(one, &fd), ST_DONE);
        ck_assert_int_eq(read(fd, back, sizeof back), SECRET_LEN);
        ck_assert_mem_eq(one, back, SECRET_LEN);
        ck_assert_int_eq(read(fd, back, 1), 0);
        close(fd);
}
END_TEST

int main(void)
{
        Suite *s = suite_create("secret");
        TCase *c = tcase_create("secret");

        tcase_add_checked_fixture(c, make_place, remove_place);
        tcase_add_loop_test(c, derives_the_key_of_a_disk, 0,
                            sizeof derivations / sizeof *derivations);
        tcase_add_loop_test(c, reads_what_a_pipe_holds, 0, sizeof amounts / sizeof *amounts);
        tcase_add_test(c, takes_a_secret_from_a_pipe_that_stays_open);
        tcase_add_test(c, offers_are_whole_and_differ);
        suite_add_tcase(s, c);
        return run_suite(s);
}
