/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authenticode digests of small PE32+ images made here. The expected digest is put together by
 * hand from the parts that the specification names; `pesign` agrees in the test bed.
 */
#include "tools/efi_image.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { PE = 0x80, OPTIONAL = PE + 24, HEADERS = 0x200, SIZE = 0x200 + 0x60 + 0x40 + 0x10 };

static uint8_t image[SIZE + 64];
static size_t len;

static void put(size_t at, uint32_t v, int bytes)
{
        for (int i = 0; i < bytes; i++)
                image[at + (size_t)i] = (uint8_t)(v >> 8 * i);
}

static void section(int i, uint32_t at, uint32_t length)
{
        size_t header = OPTIONAL + 112 + 8 * 16 + 40 * (size_t)i;

        put(header + 16, length, 4);
        put(header + 20, at, 4);
}

/* Two sections, out of order in the table; 16 bytes behind them. */
static void begin(void)
{
        len = SIZE;
        for (size_t i = 0; i < sizeof image; i++)
                image[i] = (uint8_t)(i * 7 + i / 256);
        memcpy(image, "MZ", 2);
        put(0x3c, PE, 4);
        memcpy(image + PE, "PE\0\0", 4);
        put(PE + 6, 2, 2);
        put(PE + 20, 112 + 8 * 16, 2);
        put(OPTIONAL, 0x20b, 2);
        put(OPTIONAL + 60, HEADERS, 4);
        put(OPTIONAL + 108, 16, 4);
        put(OPTIONAL + 112 + 32, 0, 4);
        put(OPTIONAL + 112 + 36, 0, 4);
        section(0, HEADERS + 0x60, 0x40);
        section(1, HEADERS, 0x60);
}

static enum status digest(struct digest *out)
{
        return efi_image_digest("x.efi", (struct bytes){image, len}, HASH_SHA256, out);
}

static struct digest by_hand(size_t end)
{
        struct hash *h = hash_begin(HASH_SHA256);

        hash_add(h, image, OPTIONAL + 64);
        hash_add(h, image + OPTIONAL + 68, 112 + 32 - 68);
        hash_add(h, image + OPTIONAL + 112 + 40, HEADERS - (OPTIONAL + 112 + 40));
        hash_add(h, image + HEADERS, end - HEADERS);
        return hash_end(h);
}

START_TEST(leaves_out_checksum_and_certificates)
{
        struct digest got, want = by_hand(SIZE);

        ck_assert_int_eq(digest(&got), ST_DONE);
        ck_assert(digest_equal(&got, &want));
        put(OPTIONAL + 64, 0xdeadbeef, 4);
        ck_assert_int_eq(digest(&got), ST_DONE);
        ck_assert(digest_equal(&got, &want));
        /* signed: the signature is behind all else */
        put(OPTIONAL + 112 + 32, SIZE, 4);
        put(OPTIONAL + 112 + 36, 64, 4);
        len = SIZE + 64;
        ck_assert_int_eq(digest(&got), ST_DONE);
        ck_assert(digest_equal(&got, &want));
}
END_TEST

/* Every other byte counts: headers, sections, what lies behind. */
START_TEST(every_other_byte_counts)
{
        struct digest before, after;

        ck_assert_int_eq(digest(&before), ST_DONE);
        for (size_t i = 0; i < SIZE; i++) {
                bool left_out = (i >= OPTIONAL + 64 && i < OPTIONAL + 68) ||
                                (i >= OPTIONAL + 112 + 32 && i < OPTIONAL + 112 + 40);

                image[i] ^= 1;
                if (!digest(&after) && !left_out)
                        ck_assert_msg(!digest_equal(&before, &after), "byte %zu", i);
                image[i] ^= 1;
        }
}
END_TEST

static const struct {
        size_t at;
        uint32_t value;
        int bytes;
        const char *found;
} broken[] = {
        {0, 0, 2, "MZ"},
        {0x3c, 0xfffffff0, 4, "PE"},
        {PE, 0, 4, "PE"},
        {OPTIONAL, 0x10b, 2, "PE32+"},
        {OPTIONAL + 60, 0x7fffffff, 4, "headers"},
        {OPTIONAL + 108, 0xffffffff, 4, "headers"},
        {PE + 20, 8, 2, "headers"},
        {PE + 6, 97, 2, "section table"},
        {PE + 6, 90, 2, "section table"},
        {OPTIONAL + 112 + 128 + 16, 0xffffffff, 4, "outside of the file"},
        {OPTIONAL + 112 + 128 + 20, HEADERS + 0x10, 4, "overlap"},
        {OPTIONAL + 112 + 36, 16, 4, "certificates"},
};

START_TEST(refuses_what_does_not_fit)
{
        struct digest got;

        put(broken[_i].at, broken[_i].value, broken[_i].bytes);
        ck_assert_int_eq(digest(&got), ST_INVALID);
        ck_assert_ptr_nonnull(strstr(error_last()->found, broken[_i].found));
}
END_TEST

START_TEST(refuses_every_truncation)
{
        struct digest got;

        for (len = 0; len < SIZE - 0x10; len++) {
                uint8_t *copy = malloc(len ? len : 1);

                memcpy(copy, image, len);
                ck_assert_int_eq(
                        efi_image_digest("x", (struct bytes){copy, len}, HASH_SHA256, &got),
                        ST_INVALID);
                free(copy);
        }
}
END_TEST

/* The three events of the TCG profile, extended by hand. */
START_TEST(pcr_4_of_one_boot)
{
        static const char calling[] = "Calling EFI Application from Boot Option";
        uint8_t pcr[64] = {0};
        struct digest events[3], got, value;

        events[0] = digest_of(HASH_SHA256, calling, 40);
        events[1] = digest_of(HASH_SHA256, "\0\0\0\0", 4);
        events[2] = by_hand(SIZE);
        for (int i = 0; i < 3; i++) {
                memcpy(pcr + 32, events[i].bytes, 32);
                value = digest_of(HASH_SHA256, pcr, 64);
                memcpy(pcr, value.bytes, 32);
        }
        ck_assert_int_eq(efi_image_pcr4("x", (struct bytes){image, len}, HASH_SHA256, &got),
                         ST_DONE);
        ck_assert(digest_equal(&got, &value));
}
END_TEST

int main(void)
{
        TCase *t = tcase_create("efi image");
        Suite *s = suite_create("efi image");
        SRunner *r;
        int failed;

        tcase_add_checked_fixture(t, begin, NULL);
        tcase_add_test(t, leaves_out_checksum_and_certificates);
        tcase_add_test(t, every_other_byte_counts);
        tcase_add_loop_test(t, refuses_what_does_not_fit, 0, sizeof broken / sizeof *broken);
        tcase_add_test(t, refuses_every_truncation);
        tcase_add_test(t, pcr_4_of_one_boot);
        suite_add_tcase(s, t);
        r = srunner_create(s);
        srunner_run_all(r, CK_ENV);
        failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
