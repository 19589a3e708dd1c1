/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical writer, against xmllint: what it wrote must be what xmllint makes of it. */
#include "lib/document.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* xmllint's exclusive canonical form of what b holds. */
static void check_canonical(const struct buffer *b)
{
        const char *folder = getenv("TMPDIR") ? getenv("TMPDIR") : "build";
        char file[512], command[600];
        struct buffer theirs = BUFFER_INIT(1 << 24);
        uint8_t bytes[4096];
        size_t n;
        FILE *f;
        int fd;

        snprintf(file, sizeof file, "%s/document.XXXXXX", folder);
        fd = mkstemp(file);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, b->data, b->len), b->len);
        close(fd);
        snprintf(command, sizeof command, "xmllint --nonet --exc-c14n %s", file);
        f = popen(command, "r");
        ck_assert_ptr_nonnull(f);
        while ((n = fread(bytes, 1, sizeof bytes, f)))
                buffer_add(&theirs, bytes, n);
        ck_assert_int_eq(pclose(f), 0);
        unlink(file);
        ck_assert_msg(theirs.len == b->len && !memcmp(theirs.data, b->data, b->len),
                      "ours:\n%s\nxmllint's:\n%s\n", b->data, theirs.data);
        buffer_clear(&theirs);
}

/* What a text becomes as text and in an attribute (Canonical XML 1.0, section 2.3). NULL: bad. */
static const struct {
        const char *in, *text, *attribute;
} texts[] = {
        {"", "", ""},
        {"plain", "plain", "plain"},
        {"a&b", "a&amp;b", "a&amp;b"},
        {"&amp;", "&amp;amp;", "&amp;amp;"},
        {"<x>", "&lt;x&gt;", "&lt;x>"},
        {"]]>", "]]&gt;", "]]>"},
        {"\"'", "\"'", "&quot;'"},
        {"a\tb\nc\rd\r\n", "a\tb\nc&#xD;d&#xD;\n", "a&#x9;b&#xA;c&#xD;d&#xD;&#xA;"},
        {"  two  ", "  two  ", "  two  "},
        {"\x7f", "\x7f", "\x7f"},
        {"\xc2\x80\xc2\x85", "\xc2\x80\xc2\x85", "\xc2\x80\xc2\x85"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"\xe2\x82\xac \xe2\x80\xa8", "\xe2\x82\xac \xe2\x80\xa8", "\xe2\x82\xac \xe2\x80\xa8"},
        {"\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbd", "\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbd",
         "\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbd"},
        {"\xf0\x90\x80\x80\xf0\x9f\x94\x92\xf4\x8f\xbf\xbf",
         "\xf0\x90\x80\x80\xf0\x9f\x94\x92\xf4\x8f\xbf\xbf",
         "\xf0\x90\x80\x80\xf0\x9f\x94\x92\xf4\x8f\xbf\xbf"},
        {"\xef\xbb\xbf"
         "bom",
         "\xef\xbb\xbf"
         "bom",
         "\xef\xbb\xbf"
         "bom"},
        {"\x01", NULL, NULL},
        {"a\x1f", NULL, NULL},
        {"\x0b", NULL, NULL},
        {"\xef\xbf\xbe", NULL, NULL},         /* U+FFFE */
        {"\xef\xbf\xbf", NULL, NULL},         /* U+FFFF */
        {"\xed\xa0\x80", NULL, NULL},         /* a surrogate */
        {"\xc0\xaf", NULL, NULL},             /* overlong */
        {"\xe0\x80\xaf", NULL, NULL},         /* overlong */
        {"\xf0\x80\x80\xaf", NULL, NULL},     /* overlong */
        {"\xf4\x90\x80\x80", NULL, NULL},     /* beyond U+10FFFF */
        {"\xf8\x88\x80\x80\x80", NULL, NULL}, /* five bytes */
        {"\x80", NULL, NULL},
        {"\xff", NULL, NULL},
        {"cut\xe2\x82", NULL, NULL},
        {"\xc3(", NULL, NULL},
};

START_TEST(text_is_canonical)
{
        struct buffer b = BUFFER_INIT(65536);
        struct document d = document_begin(&b);
        char expected[512];

        document_open(&d, "a");
        document_text(&d, texts[_i].in);
        document_close(&d);
        if (!texts[_i].text) {
                ck_assert(d.bad);
                ck_assert_int_eq(document_end(&d), ST_INVALID);
        } else {
                snprintf(expected, sizeof expected, "<a>%s</a>", texts[_i].text);
                ck_assert_int_eq(document_end(&d), ST_DONE);
                ck_assert_str_eq((char *)b.data, expected);
                check_canonical(&b);
        }
        buffer_clear(&b);
}
END_TEST

START_TEST(attribute_is_canonical)
{
        struct buffer b = BUFFER_INIT(65536);
        struct document d = document_begin(&b);
        char expected[512];

        document_open(&d, "a");
        document_attribute(&d, "b", texts[_i].in);
        document_close(&d);
        if (!texts[_i].attribute) {
                ck_assert_int_eq(document_end(&d), ST_INVALID);
        } else {
                snprintf(expected, sizeof expected, "<a b=\"%s\"></a>", texts[_i].attribute);
                ck_assert_int_eq(document_end(&d), ST_DONE);
                ck_assert_str_eq((char *)b.data, expected);
                check_canonical(&b);
        }
        buffer_clear(&b);
}
END_TEST

START_TEST(whole_document)
{
        struct buffer b = BUFFER_INIT(65536);
        struct document d = document_begin(&b);

        document_open(&d, "evidence");
        document_attribute(&d, "Kind", "x");
        document_attribute(&d, "a-b", "x");
        document_attribute(&d, "a.b", "x");
        document_attribute(&d, "ab", "x");
        document_attribute_u64(&d, "most", UINT64_MAX);
        document_open(&d, "empty");
        document_close(&d);
        document_open(&d, "hex");
        document_hex(&d, (const uint8_t[]){0, 0xab, 0xff}, 3);
        document_close(&d);
        document_open(&d, "raw");
        document_raw(&d, (struct bytes){(const uint8_t *)"<r></r>", 7});
        document_close(&d);
        document_text(&d, "tail\n");
        document_close(&d);
        ck_assert_int_eq(document_end(&d), ST_DONE);
        ck_assert_str_eq((char *)b.data,
                         "<evidence Kind=\"x\" a-b=\"x\" a.b=\"x\" ab=\"x\" "
                         "most=\"18446744073709551615\"><empty></empty><hex>00abff</hex>"
                         "<raw><r></r></raw>tail\n</evidence>");
        check_canonical(&b);
        buffer_clear(&b);
}
END_TEST

START_TEST(full_buffer_is_too_large)
{
        for (size_t cap = 0; cap < 24; cap++) {
                struct buffer b = BUFFER_INIT(cap);
                struct document d = document_begin(&b);

                document_open(&d, "a");
                document_text(&d, "seventeen letters");
                document_close(&d);
                ck_assert_int_eq(document_end(&d), ST_TOO_LARGE);
                ck_assert(d.bad);
                buffer_clear(&b);
        }
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("document");
        TCase *c = tcase_create("document");
        SRunner *runner;
        int failed;

        tcase_add_loop_test(c, text_is_canonical, 0, sizeof texts / sizeof *texts);
        tcase_add_loop_test(c, attribute_is_canonical, 0, sizeof texts / sizeof *texts);
        tcase_add_test(c, whole_document);
        tcase_add_test(c, full_buffer_is_too_large);
        suite_add_tcase(suite, c);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
