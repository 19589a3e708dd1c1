/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors: the figures of the paper as printed, what we add, and hostile XML. Digests are
 * compared with what xmllint and sha256sum say of the same file. Runs from the source tree's root.
 */
#include "xml/descriptor.h"

#include "xml/xml_limits.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct arena *arena;

static struct bytes bytes_of(const char *text)
{
        return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static struct bytes load(const char *path)
{
        FILE *f = fopen(path, "r");
        uint8_t *data = arena_get(arena, DOCUMENT_MOST + 1);
        size_t len;

        ck_assert_msg(f != NULL, "%s", path);
        len = fread(data, 1, DOCUMENT_MOST + 1, f);
        fclose(f);
        return (struct bytes){data, len};
}

static enum status read_text(const char *text, struct descriptor *out)
{
        return descriptor_read(bytes_of(text), HASH_SHA256, arena, out);
}

/* --- the paper's figures --------------------------------------------------------------------- */

START_TEST(figure_3_8)
{
        struct descriptor d;
        const struct target *t;

        ck_assert_int_eq(descriptor_read(load("descriptors/examples/attestation.xml"), HASH_SHA256,
                                         arena, &d),
                         ST_DONE);
        ck_assert_int_eq(d.kind, DESCRIPTOR_ATTESTATION);
        ck_assert_int_eq(d.challenge.len, 20);
        ck_assert_mem_eq(d.challenge.data, "\xad\xed\x51\xb0", 4);
        ck_assert_int_eq(d.aik.len, 8);
        ck_assert_mem_eq(d.aik.data, "\xaa\xda\x3f", 3);
        ck_assert_uint_eq(d.pcrs, 0xffffff);
        ck_assert_uint_eq(d.targets.count, 1);
        t = d.targets.items;
        ck_assert_str_eq(t->name, "disk:/dev/sdb1");
        ck_assert_str_eq(t->plugin, "disk");
        ck_assert_str_eq(t->argument, "/dev/sdb1");
        ck_assert_uint_eq(t->pcr, 16);
        ck_assert_uint_eq(t->alg, HASH_NONE);
        ck_assert_str_eq(t->method, "");
        ck_assert(!t->salted && !t->salt.len);
        ck_assert_uint_eq(d.predicates.count, 0);
        ck_assert_str_eq(d.key, "");
}
END_TEST

START_TEST(figure_3_10)
{
        struct descriptor d;

        ck_assert_int_eq(
                descriptor_read(load("descriptors/examples/sealing.xml"), HASH_SHA256, arena, &d),
                ST_DONE);
        ck_assert_int_eq(d.kind, DESCRIPTOR_SEALING);
        ck_assert_str_eq(d.key, "0xbeef4e1a9c27");
        ck_assert(!d.clean_stop);
        ck_assert_uint_eq(d.pcrs, 0);
        ck_assert_uint_eq(d.targets.items[0].pcr, 16);
}
END_TEST

/* --- digests are those of xmllint ------------------------------------------------------------ */

static const char *const files[] = {
        "descriptors/examples/attestation.xml",       "descriptors/examples/sealing.xml",
        "descriptors/examples/sealing-predicate.xml", "descriptors/examples/sealing-devices.xml",
        "descriptors/examples/attestation-many.xml",  "tests/data/xml/untidy.xml",
};

static void outsider(const char *command, char *hex, size_t size)
{
        FILE *p = popen(command, "r");

        ck_assert(p && fgets(hex, (int)size, p));
        hex[strcspn(hex, " \n")] = '\0';
        ck_assert_int_eq(pclose(p), 0);
}

START_TEST(digest_is_the_outsiders)
{
        struct descriptor d;
        char hex[DIGEST_HEX], theirs[2 * DIGEST_HEX];

        ck_assert_int_eq(descriptor_read(load(files[_i]), HASH_SHA256, arena, &d), ST_DONE);
        digest_hex(&d.digest, hex);
        outsider(FMT("xmllint --exc-c14n %s | sha256sum", files[_i]), theirs, sizeof theirs);
        ck_assert_str_eq(hex, theirs);
        ck_assert_int_eq(descriptor_read(load(files[_i]), HASH_SHA384, arena, &d), ST_DONE);
        digest_hex(&d.digest, hex);
        outsider(FMT("xmllint --exc-c14n %s | sha384sum", files[_i]), theirs, sizeof theirs);
        ck_assert_str_eq(hex, theirs);
        /* Canonical of canonical is the same. */
        struct bytes again = d.canonical;
        ck_assert_int_eq(descriptor_read(again, HASH_SHA384, arena, &d), ST_DONE);
        ck_assert_uint_eq(again.len, d.canonical.len);
        ck_assert_mem_eq(again.data, d.canonical.data, again.len);
}
END_TEST

/* --- what we add ----------------------------------------------------------------------------- */

START_TEST(additions)
{
        struct asked_predicate_list asked;
        char theirs[2 * DIGEST_HEX];
        struct descriptor d;
        const struct target *t;

        ck_assert_int_eq(descriptor_read(load("descriptors/examples/attestation-many.xml"),
                                         HASH_SHA256, arena, &d),
                         ST_DONE);
        ck_assert_uint_eq(d.challenge.len, 0);
        ck_assert_uint_eq(d.pcrs, 1u << 0 | 1u << 4 | 1u << 7 | 1u << 23);
        ck_assert_uint_eq(d.targets.count, 3);
        t = d.targets.items;
        ck_assert_uint_eq(t[0].pcr, 23);
        ck_assert_uint_eq(t[0].alg, HASH_SHA384);
        ck_assert_str_eq(t[1].method, "verity");
        ck_assert(t[1].salted);
        ck_assert_uint_eq(t[1].salt.len, 4);
        ck_assert_mem_eq(t[1].salt.data, "\x00\x11\x22\xff", 4);
        ck_assert_uint_eq(t[1].pcr, 0);
        ck_assert(t[2].salted && !t[2].salt.len);
        ck_assert_uint_eq(d.predicates.count, 1);
        ck_assert_str_eq(d.predicates.items[0].name, "disk-digest");
        ck_assert_uint_eq(d.predicates.items[0].stylesheet.len, 0);
        ck_assert_int_eq(descriptor_predicates(d.canonical, arena, &asked), ST_DONE);
        ck_assert_uint_eq(asked.count, 1);
        ck_assert_str_eq(asked.items[0].name, "disk-digest");
        outsider("sha256sum xslt-policies/disk-digest.xsl", theirs, sizeof theirs);
        ck_assert_str_eq(asked.items[0].digest, FMT("sha256:%s", theirs));
        ck_assert_uint_eq(asked.items[0].stylesheet.len, 0);
}
END_TEST

/* What editors do to a file is read as the same descriptor; lf: how its lines end. */
static struct descriptor edited_as(const char *mark, const char *lf)
{
        struct descriptor d;
        const char *text =
                arena_print(arena,
                            "%s<attestation-desc>%s<attestation type=\"tpm-based\">"
                            "<measurement-desc type=\"tpm\"><measureTarget name=\"disk:/a\" "
                            "dest=\"LOG\"/></measurement-desc><attestTarget name=\"PCR0\"/>"
                            "</attestation></attestation-desc>%s",
                            mark, lf, strcmp(mark, "") ? lf : "");

        ck_assert_int_eq(read_text(text, &d), ST_DONE);
        return d;
}

START_TEST(edited)
{
        struct descriptor plain = edited_as("", "\n"), marked = edited_as("\xef\xbb\xbf", "\n"),
                          dos = edited_as("", "\r\n"), both = edited_as("\xef\xbb\xbf", "\r\n");

        ck_assert(digest_equal(&plain.digest, &marked.digest));
        ck_assert(digest_equal(&plain.digest, &dos.digest));
        ck_assert(digest_equal(&plain.digest, &both.digest));
}
END_TEST

START_TEST(inline_predicate)
{
        static const char alone[] = "tests/data/xml/predicate.canonical.xml";
        struct descriptor d;
        struct bytes expected = load(alone); /* by xmllint --exc-c14n, of the element on its own */

        ck_assert_int_eq(descriptor_read(load("descriptors/examples/sealing-predicate.xml"),
                                         HASH_SHA256, arena, &d),
                         ST_DONE);
        ck_assert(d.clean_stop && d.targets.items[0].judged);
        ck_assert_uint_eq(d.predicates.count, 1);
        ck_assert_str_eq(d.predicates.items[0].name, "");
        ck_assert_uint_eq(d.predicates.items[0].stylesheet.len, expected.len);
        ck_assert_mem_eq(d.predicates.items[0].stylesheet.data, expected.data, expected.len);
}
END_TEST

/* --- refusals -------------------------------------------------------------------------------- */

#define TARGET(attributes) "<measureTarget " attributes "/>"
#define MD(body) "<measurement-desc type=\"tpm\">" body "</measurement-desc>"
#define ATTEST(attributes, body)                                                                   \
        "<attestation-desc><attestation type=\"tpm-based\" " attributes ">" body                   \
        "</attestation></attestation-desc>"
#define SEAL(attributes, body)                                                                     \
        "<sealing-desc><sealing type=\"tpm-based\" key=\"k\" " attributes ">" body                 \
        "</sealing></sealing-desc>"
#define ONE MD(TARGET("name=\"disk:/a\" dest=\"PCR16\""))
#define ALL "<attestTarget name=\"ALLPCRS\"/>"
#define HEX31 "0123456789abcdef0123456789abcde"

static const struct {
        const char *text;
        enum status status;
        const char *line; /* in the error's subject, or NULL */
} refusals[] = {
        {ATTEST("", ONE ALL), ST_DONE, NULL}, /* what the others differ from */
        {SEAL("", ONE), ST_DONE, NULL},
        {"", ST_INVALID, NULL},
        {"<nothing/>", ST_INVALID, "line 1"},
        {ATTEST("", ALL), ST_INVALID, "line 1"},
        {ATTEST("", ONE), ST_INVALID, NULL},
        {ATTEST("", ALL ONE), ST_INVALID, NULL},
        {ATTEST("", ONE ALL "text"), ST_INVALID, NULL},
        {ATTEST("foo=\"1\"", ONE ALL), ST_INVALID, NULL},
        {ATTEST("challenge=\"" HEX31 "\"", ONE ALL), ST_INVALID, NULL},
        {ATTEST("challenge=\"" HEX31 "0\"", ONE ALL), ST_DONE, NULL},
        {ATTEST("challenge=\"0X" HEX31 "0\"", ONE ALL), ST_INVALID, NULL},
        {ATTEST("challenge=\"\"", ONE ALL), ST_INVALID, NULL},
        {ATTEST("challenge=\"" HEX31 "g\"", ONE ALL), ST_INVALID, NULL},
        {ATTEST("aik=\"00112233445566\"", ONE ALL), ST_INVALID, NULL},
        {ATTEST("", ONE "<attestTarget name=\"PCR24\"/>"), ST_INVALID, NULL},
        {ATTEST("", ONE "<attestTarget name=\"PCR0,\"/>"), ST_INVALID, NULL},
        {ATTEST("", ONE "<attestTarget name=\"pcr0\"/>"), ST_INVALID, NULL},
        {ATTEST("", ONE "<attestTarget name=\"PCR19,PCR20\"/>" ALL), ST_DONE, NULL},
        {ATTEST("", MD(TARGET("name=\"disk:/a\" dest=\"PCR17\"")) ALL), ST_INVALID, NULL},
        {ATTEST("", MD(TARGET("name=\"disk:/a\"")) ALL), ST_INVALID, NULL},
        {ATTEST("", MD(TARGET("name=\"/a\" dest=\"LOG\"")) ALL), ST_INVALID, NULL},
        {ATTEST("", MD(TARGET("name=\"Disk:/a\" dest=\"LOG\"")) ALL), ST_INVALID, NULL},
        {ATTEST("", MD(TARGET("name=\"disk:/a&#10;b\" dest=\"LOG\"")) ALL), ST_INVALID, NULL},
        {ATTEST("", MD(TARGET("name=\"disk:/a&#x7f;b\" dest=\"LOG\"")) ALL), ST_INVALID, NULL},
        {ATTEST("", MD(TARGET("name=\"disk:/a&amp;b\" dest=\"LOG\"")) ALL), ST_DONE, NULL},
        {ATTEST("", MD(TARGET("name=\"disk:/a\" dest=\"LOG\" digest=\"sha1\"")) ALL), ST_INVALID,
         NULL},
        {ATTEST("", MD(TARGET("name=\"disk:/a\" dest=\"LOG\" salt=\"0\"")) ALL), ST_INVALID, NULL},
        {ATTEST("", MD(TARGET("name=\"disk:/a\" dest=\"LOG\" method=\"a b\"")) ALL), ST_INVALID,
         NULL},
        {ATTEST("", ONE "\n" ONE ALL), ST_INVALID, "line 2"}, /* one target twice */
        {ATTEST("", ONE ALL "<predicate/>"), ST_INVALID, NULL},
        {ATTEST("", ONE ALL "<predicate ref=\"x\"/>"), ST_INVALID, NULL}, /* whose? */
        {ATTEST("", ONE ALL "<predicate ref=\"x\" digest=\"sha256:" HEX31 HEX31 "00\"/>"), ST_DONE,
         NULL},
        {ATTEST("", ONE ALL "<predicate ref=\"x\" digest=\"" HEX31 HEX31 "00\"/>"), ST_INVALID,
         NULL},
        {ATTEST("", ONE ALL "<predicate digest=\"sha256:" HEX31 HEX31 "00\"/>"), ST_INVALID, NULL},
        {SEAL("", ONE "<predicate ref=\"x\" digest=\"sha256:" HEX31 HEX31 "00\"/>"), ST_INVALID,
         NULL},
        {ATTEST("", ONE ALL "<predicate ref=\"../x\"/>"), ST_INVALID, NULL},
        {ATTEST("", ONE ALL "<predicate ref=\"x\"><y/></predicate>"), ST_INVALID, NULL},
        {ATTEST("", ONE ALL "<predicate><stylesheet/></predicate>"), ST_INVALID, NULL},
        {SEAL("", ONE "<deviceCheck device=\"vif0\" ref=\"a\"/>"), ST_DONE, NULL},
        {SEAL("", ONE "<predicate ref=\"a\"/><deviceCheck device=\"*\" ref=\"a\"/>"), ST_DONE,
         NULL},
        {SEAL("", ONE "<deviceCheck device=\"*\" ref=\"a\"/><predicate ref=\"a\"/>"), ST_INVALID,
         NULL},
        {SEAL("", ONE "<deviceCheck ref=\"a\"/>"), ST_INVALID, NULL},
        {SEAL("", ONE "<deviceCheck device=\"vif0\"/>"), ST_INVALID, NULL},
        {SEAL("", ONE "<deviceCheck device=\"\" ref=\"a\"/>"), ST_INVALID, NULL},
        {SEAL("", ONE "<deviceCheck device=\"**\" ref=\"a\"/>"), ST_INVALID, NULL},
        {SEAL("", ONE "<deviceCheck device=\"vif0 \" ref=\"a\"/>"), ST_INVALID, NULL},
        {SEAL("", ONE "<deviceCheck device=\"vif0\" ref=\"../a\"/>"), ST_INVALID, NULL},
        {SEAL("", ONE "<deviceCheck device=\"vif0\" ref=\"a\"><y/></deviceCheck>"), ST_INVALID,
         NULL},
        {SEAL("", ONE "<deviceCheck device=\"vif0\"><stylesheet/></deviceCheck>"), ST_INVALID,
         NULL},
        {SEAL("", ONE "<deviceCheck xmlns=\"urn:a\" device=\"vif0\" ref=\"a\"/>"), ST_INVALID,
         NULL},
        /* no check of a device makes a judged target judged */
        {SEAL("", MD(TARGET("name=\"disk:/a\" dest=\"LOG\" judged=\"yes\"")) "<deviceCheck "
                                                                             "device=\"vif0\" "
                                                                             "ref=\"a\"/>"),
         ST_INVALID, NULL},
        {ATTEST("", ONE ALL "<deviceCheck device=\"vif0\" ref=\"a\"/>"), ST_INVALID, NULL},
        {SEAL("", ONE ALL), ST_INVALID, NULL},
        {SEAL("update=\"always\"", ONE), ST_INVALID, NULL},
        {SEAL("", MD(TARGET("name=\"disk:/a\" dest=\"PCR16\"")
                             TARGET("name=\"disk:/b\" dest=\"PCR23\""))),
         ST_INVALID, NULL},
        {SEAL("", MD(TARGET("name=\"disk:/a\" dest=\"LOG\"")
                             TARGET("name=\"disk:/b\" dest=\"PCR23\""))),
         ST_DONE, NULL},
        {SEAL("", MD(TARGET("name=\"disk:/a\" dest=\"LOG\" judged=\"yes\""))), ST_INVALID, NULL},
        {SEAL("",
              MD(TARGET("name=\"disk:/a\" dest=\"LOG\" judged=\"yes\"")) "<predicate ref=\"a\"/>"),
         ST_DONE, NULL},
        {SEAL("",
              MD(TARGET("name=\"disk:/a\" dest=\"LOG\" judged=\"no\"")) "<predicate ref=\"a\"/>"),
         ST_INVALID, NULL},
        {ATTEST("", MD(TARGET("name=\"disk:/a\" dest=\"LOG\" judged=\"yes\"")) ALL
                "<predicate ref=\"a\"/>"),
         ST_INVALID, NULL},
        {"<sealing-desc><sealing type=\"tpm-based\">" ONE "</sealing></sealing-desc>", ST_INVALID,
         NULL},
        {"<a:sealing-desc xmlns:a=\"urn:a\"/>", ST_INVALID, NULL},
        /* the same in a foreign namespace */
        {"<sealing-desc xmlns=\"urn:a\"><sealing type=\"tpm-based\" key=\"k\">" ONE
         "</sealing></sealing-desc>",
         ST_INVALID, NULL},
        /* document types and their kin */
        {"<!DOCTYPE sealing-desc>" SEAL("", ONE), ST_INVALID, "line 1"},
        {"\n<!-- x -->\n<!DOCTYPE a [<!ENTITY b \"c\">]>" SEAL("", ONE), ST_INVALID, "line 3"},
        {"<?xml version=\"1.0\"?><!DOCTYPE a SYSTEM \"/etc/passwd\">" SEAL("", ONE), ST_INVALID,
         NULL},
        {"<!doctype a>" SEAL("", ONE), ST_INVALID, NULL},
        {SEAL("", ONE "<![CDATA[ ]]>"), ST_DONE, NULL},
        {SEAL("", ONE "&nbsp;"), ST_INVALID, NULL},
        {"<?xml-stylesheet href=\"a.xsl\" type=\"text/xsl\"?>" SEAL("", ONE), ST_INVALID, NULL},
        {SEAL("", ONE "<?php ?>"), ST_INVALID, NULL},
        {"<?oasis-xml-catalog catalog=\"/etc/passwd\"?>" SEAL("", ONE), ST_INVALID, NULL},
        {SEAL("", "<xi:include xmlns:xi=\"http://www.w3.org/2001/XInclude\" "
                  "href=\"/etc/passwd\"/>" ONE),
         ST_INVALID, NULL},
        /* encodings */
        {"<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>" SEAL("", ONE), ST_DONE,
         NULL},
        {"<?xml version='1.0' encoding='utf-8'?>" SEAL("", ONE), ST_DONE, NULL},
        {"\xef\xbb\xbf<?xml version='1.0'?>" SEAL("", ONE), ST_DONE, NULL},
        {"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>" SEAL("", ONE), ST_INVALID, NULL},
        {"<?xml version=\"1.0\" encoding=\"UTF-7\"?>" SEAL("", ONE), ST_INVALID, NULL},
        {"<?xml version=\"1.1\"?>" SEAL("", ONE), ST_INVALID, NULL},
        {"<?xml version=\"1.0' encoding='UTF-8'\" encoding=\"UTF-16\"?>" SEAL("", ONE), ST_INVALID,
         NULL},
        {SEAL("", ONE "<!-- \xff -->"), ST_INVALID, NULL},
        {SEAL("", ONE "<!-- \xc0\x80 -->"), ST_INVALID, NULL},
        {SEAL("", ONE "<!-- \xed\xa0\x80 -->"), ST_INVALID, NULL},
        {SEAL("", ONE "<!-- \xf4\x90\x80\x80 -->"), ST_INVALID, NULL},
        {SEAL("", ONE "<!-- \x01 -->"), ST_INVALID, NULL},
        {SEAL("", ONE "<!-- \xe2\x82"), ST_INVALID, NULL},
        {SEAL("", ONE "<!-- \xe2\x82\xac -->"), ST_DONE, NULL},
        /* not well formed */
        {SEAL("", ONE) SEAL("", ONE), ST_INVALID, NULL},
        {SEAL("", ONE) "x", ST_INVALID, NULL},
        {"<sealing-desc>", ST_INVALID, NULL},
        {"</sealing-desc>", ST_INVALID, NULL},
        {"<", ST_INVALID, NULL},
        {"<a b=\"", ST_INVALID, NULL},
        {"<?xml ", ST_INVALID, NULL},
        {SEAL("b:c=\"1\"", ONE), ST_INVALID, NULL},
        {SEAL("type=\"tpm-based\"", ONE), ST_INVALID, NULL},
};

#define SHEET "<xsl:stylesheet xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\" version=\"1.0\"/>"

START_TEST(device_checks)
{
        struct descriptor d, inlined;
        const struct device_check *c;

        ck_assert_int_eq(descriptor_read(load("descriptors/examples/sealing-devices.xml"),
                                         HASH_SHA256, arena, &d),
                         ST_DONE);
        ck_assert_uint_eq(d.predicates.count, 0);
        ck_assert_uint_eq(d.checks.count, 3);
        c = d.checks.items;
        ck_assert_str_eq(c[0].device, "");
        ck_assert_str_eq(c[0].predicate.name, "one-owner");
        ck_assert_uint_eq(c[0].predicate.stylesheet.len, 0);
        ck_assert_str_eq(c[1].device, "vif0");
        ck_assert_str_eq(c[1].predicate.name, "vm-runs");
        ck_assert_str_eq(c[2].predicate.name, "");
        ck_assert_uint_gt(c[2].predicate.stylesheet.len, 100);
        for (int n = 16; n <= 17; n++) {
                char *many = "";

                for (int i = 0; i < n; i++)
                        many = arena_print(arena, "%s<deviceCheck device=\"vif0\" ref=\"a\"/>",
                                           many);
                ck_assert_int_eq(read_text(arena_print(arena, SEAL("", ONE "%s"), many), &d),
                                 n == 16 ? ST_DONE : ST_INVALID);
        }
        /* as a predicate has it */
        ck_assert_int_eq(read_text(SEAL("", ONE "<predicate>" SHEET "</predicate><deviceCheck "
                                                "device=\"xvda\">" SHEET "</deviceCheck>"),
                                   &inlined),
                         ST_DONE);
        ck_assert_uint_eq(inlined.checks.count, 1);
        ck_assert_uint_eq(inlined.checks.items[0].predicate.stylesheet.len,
                          inlined.predicates.items[0].stylesheet.len);
        ck_assert_mem_eq(inlined.checks.items[0].predicate.stylesheet.data,
                         inlined.predicates.items[0].stylesheet.data,
                         inlined.predicates.items[0].stylesheet.len);
}
END_TEST

START_TEST(refuses)
{
        struct descriptor d;
        enum status s = read_text(refusals[_i].text, &d);

        ck_assert_msg(s == refusals[_i].status, "%s: %d, %s / %s", refusals[_i].text, s,
                      error_last()->expected, error_last()->found);
        if (s && refusals[_i].line)
                ck_assert_ptr_nonnull(strstr(error_last()->subject, refusals[_i].line));
        if (s && *refusals[_i].text)
                ck_assert(*error_last()->expected && *error_last()->found);
        error_clear();
}
END_TEST

START_TEST(says_what_was_expected)
{
        struct descriptor d;

        ck_assert_int_eq(
                read_text(SEAL("", "\n" MD("\n" TARGET("name=\"disk:/a\" dest=\"PCR9\""))), &d),
                ST_INVALID);
        ck_assert_str_eq(error_last()->subject, "descriptor, line 3");
        ck_assert_ptr_nonnull(strstr(error_last()->expected, "<measureTarget>: "));
        ck_assert_ptr_nonnull(strstr(error_last()->expected, "\"PCR23\""));
        ck_assert_ptr_nonnull(strstr(error_last()->found, "dest"));
        error_clear();
}
END_TEST

/* --- too much -------------------------------------------------------------------------------- */

/* before, n times each, after. */
static struct bytes many(const char *before, const char *each, size_t n, const char *after)
{
        size_t len = strlen(before) + n * (strlen(each) + 8) + strlen(after) + 1;
        char *text = arena_get(arena, len), *p = text;

        p += sprintf(p, "%s", before);
        for (size_t i = 0; i < n; i++)
                p += sprintf(p, each, (int)i % 100000);
        p += sprintf(p, "%s", after);
        return (struct bytes){(uint8_t *)text, (size_t)(p - text)};
}

static const struct {
        const char *before, *each;
        size_t n;
        const char *after;
} floods[] = {
        {"<a", " a%05d=\"\"", 80000, "/>"},
        {"", "<a i=\"%d\">", 100000, ""},
        {"<a>", "<b i=\"%d\"/>", 60000, "</a>"},
        {"<a>", "<!--%d-->", 60000, "</a>"},
        {"<a ", "x%dx", 60000, "=\"\"/>"},
        {"<", "x%dx", 60000, "/>"},
        {"<a>", "<b xmlns:n%d=\"urn:a\"/>", 1000, "</a>"},
        {"<a>", "some text %d", 100000, "</a>"},
};

START_TEST(refuses_floods)
{
        struct bytes text =
                many(floods[_i].before, floods[_i].each, floods[_i].n, floods[_i].after);
        struct descriptor d;

        ck_assert_int_eq(descriptor_read(text, HASH_SHA256, arena, &d), ST_TOO_LARGE);
        arena_empty(arena);
}
END_TEST

START_TEST(limits_are_exact)
{
        xmlDoc *doc;

        for (int over = 0; over < 2; over++) {
                enum status expected = over ? ST_TOO_LARGE : ST_DONE;
                char deep[8 * XML_DEPTH] = "";

                ck_assert_int_eq(xml_read(many("<a", " a%d=\"\"", XML_ATTRIBUTES + over, "/>"), "t",
                                          &xml_caps_document, &doc),
                                 expected);
                xmlFreeDoc(doc);
                ck_assert_int_eq(xml_read(many("<a>", "<b i=\"%d\"/>",
                                               xml_caps_document.nodes / 2 - 1 + over, "</a>"),
                                          "t", &xml_caps_document, &doc),
                                 expected);
                xmlFreeDoc(doc);
                for (int i = 0; i < XML_DEPTH + over; i++)
                        strcat(deep, "<a>");
                for (int i = 0; i < XML_DEPTH + over; i++)
                        strcat(deep, "</a>");
                ck_assert_int_eq(xml_read(bytes_of(deep), "t", &xml_caps_document, &doc), expected);
                xmlFreeDoc(doc);
        }
}
END_TEST

START_TEST(refuses_zero_bytes_and_utf16)
{
        static const char zero[] = "<a>\0</a>";
        static const char wide[] = "\xff\xfe<\0a\0/\0>\0", broad[] = "\0<\0a\0/\0>";
        struct descriptor d;

        ck_assert_int_eq(descriptor_read((struct bytes){(const uint8_t *)zero, sizeof zero - 1},
                                         HASH_SHA256, arena, &d),
                         ST_INVALID);
        ck_assert_int_eq(descriptor_read((struct bytes){(const uint8_t *)wide, sizeof wide - 1},
                                         HASH_SHA256, arena, &d),
                         ST_INVALID);
        ck_assert_int_eq(descriptor_read((struct bytes){(const uint8_t *)broad, sizeof broad - 1},
                                         HASH_SHA256, arena, &d),
                         ST_INVALID);
}
END_TEST

/* --- no files -------------------------------------------------------------------------------- */

#define MARK "/bulkhead-test-mark"

/* This program under strace: all refusals between two marks. */
static int run_refusals(void)
{
        struct descriptor d;

        access(MARK "-begin", F_OK);
        for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
                read_text(refusals[i].text, &d);
        access(MARK "-end", F_OK);
        return 0;
}

START_TEST(opens_nothing)
{
        char command[1024], self[512] = "", seen[1024];
        bool inside = false;
        int marks = 0;
        FILE *p;

        ck_assert_int_gt(readlink("/proc/self/exe", self, sizeof self - 1), 0);
        snprintf(command, sizeof command,
                 "ASAN_OPTIONS=detect_leaks=0 XML_CATALOG_FILES=/etc/passwd "
                 "SGML_CATALOG_FILES=/etc/passwd strace -f -qq -e trace=%%file,%%network,%%process "
                 "%s --refusals 2>&1",
                 self);
        p = popen(command, "r");
        ck_assert_ptr_nonnull(p);
        while (fgets(seen, sizeof seen, p)) {
                if (strstr(seen, MARK)) {
                        inside = strstr(seen, "-begin") != NULL;
                        marks++;
                        continue;
                }
                ck_assert_msg(!inside, "%s", seen);
        }
        ck_assert_int_eq(pclose(p), 0);
        ck_assert_int_eq(marks, 2); /* strace saw them: it would have seen others */
}
END_TEST

int main(int argc, char **argv)
{
        Suite *suite = suite_create("descriptor");
        TCase *tc = tcase_create("descriptor");
        SRunner *runner;
        int failed;

        if (descriptor_init("descriptors")) {
                fprintf(stderr, "%s: %s\n", error_last()->subject, error_last()->found);
                return 3;
        }
        arena = arena_new();
        if (argc == 2 && !strcmp(argv[1], "--refusals")) {
                digest_of(HASH_SHA256, "", 0); /* OpenSSL reads its configuration */
                return run_refusals();
        }
        tcase_add_test(tc, figure_3_8);
        tcase_add_test(tc, figure_3_10);
        tcase_add_loop_test(tc, digest_is_the_outsiders, 0, sizeof files / sizeof *files);
        tcase_add_test(tc, additions);
        tcase_add_test(tc, device_checks);
        tcase_add_test(tc, inline_predicate);
        tcase_add_test(tc, edited);
        tcase_add_loop_test(tc, refuses, 0, sizeof refusals / sizeof *refusals);
        tcase_add_test(tc, says_what_was_expected);
        tcase_add_loop_test(tc, refuses_floods, 0, sizeof floods / sizeof *floods);
        tcase_add_test(tc, limits_are_exact);
        tcase_add_test(tc, refuses_zero_bytes_and_utf16);
        tcase_add_test(tc, opens_nothing);
        suite_add_tcase(suite, tc);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        arena_free(arena);
        return failed != 0;
}
