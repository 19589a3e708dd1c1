/* SPDX-License-Identifier: Apache-2.0 */
/* The one form of a measurement, and its grammar; xmllint says whether it is canonical. */
#include "proof/measurement.h"

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

/* Digest and form of a measurement with nodes in nodes: sha256sum over xmllint's output. */
START_TEST(form_is_canonical)
{
        struct value first[] = {{"digest", "sha256:00"}, {"size", "a<b"}};
        struct value second[] = {{"k", "v"}};
        struct node nodes[] = {{0, "disk:/img", "disk", {first, 2}},
                               {1, "in", "part", {second, 1}},
                               {2, "deeper", "part", {NULL, 0}},
                               {1, "beside", "part", {second, 1}},
                               {0, "two", "disk", {NULL, 0}}};
        struct measurement m = {"disk:/img", "disk", 7, {nodes, 5}};
        static const char expected[] =
                "<measurement plugin=\"disk\" target=\"disk:/img\" version=\"7\">"
                "<node id=\"disk:/img\" type=\"disk\"><value name=\"digest\">sha256:00</value>"
                "<value name=\"size\">a&lt;b</value>"
                "<node id=\"in\" type=\"part\"><value name=\"k\">v</value>"
                "<node id=\"deeper\" type=\"part\"></node></node>"
                "<node id=\"beside\" type=\"part\"><value name=\"k\">v</value></node></node>"
                "<node id=\"two\" type=\"disk\"></node></measurement>";
        struct buffer b = BUFFER_INIT(65536);
        struct document d = document_begin(&b);
        struct arena *a = arena_new();
        struct measurement_form form;
        struct digest found, wanted;

        measurement_write(&d, &m);
        ck_assert_int_eq(document_end(&d), ST_DONE);
        ck_assert_str_eq((char *)b.data, expected);
        check_canonical(&b);
        ck_assert_int_eq(measurement_digest(&m, HASH_SHA384, &found), ST_DONE);
        wanted = digest_of(HASH_SHA384, expected, strlen(expected));
        ck_assert(digest_equal(&found, &wanted));
        ck_assert_int_eq(measurement_form(&m, HASH_SHA384, a, &form), ST_DONE);
        ck_assert(digest_equal(&form.digest, &wanted));
        ck_assert_uint_eq(form.canonical.len, strlen(expected));
        ck_assert_mem_eq(form.canonical.data, expected, strlen(expected));
        arena_free(a);
        buffer_clear(&b);
}
END_TEST

/* The grammar refuses what the host would never have let through. */
START_TEST(grammar_refuses)
{
        static const char *const documents[] = {
                "<measurement plugin='p' target='t:x' version='1'/>",
                "<measurement plugin='P' target='t:x' version='1'><node id='a' "
                "type='b'/></measurement>",
                "<measurement plugin='p' target='' version='1'><node id='a' "
                "type='b'/></measurement>",
                "<measurement plugin='p' target='t:x' version='-1'><node id='a' "
                "type='b'/></measurement>",
                "<measurement plugin='p' target='t:x'><node id='a' type='b'/></measurement>",
                "<measurement plugin='p' target='t:x' version='1'><node id='a' type='b "
                "c'/></measurement>",
                "<measurement plugin='p' target='t:x' version='1'><node id='a' type='b'>x</node>"
                "</measurement>",
                "<measurement plugin='p' target='t:x' version='1'><node id='a' type='b'>"
                "<node id='c' type='d'/><value name='v'/></node></measurement>",
                "<measurement plugin='p' target='t:x' version='1'><node id='a' type='b'>"
                "<value name='v'><x/></value></node></measurement>",
                "<measurement xmlns='urn:x' plugin='p' target='t:x' version='1'><node id='a' "
                "type='b'/>"
                "</measurement>",
                "<measurement plugin='p' target='t' version='1'><node id='a' type='b'/>"
                "</measurement>",
                NULL, /* the last one is good: the command itself works */
        };
        const char *good = "<measurement plugin='p' target='t:x' version='1'><node id='a' type='b'>"
                           "<value name='v'/></node></measurement>";
        char command[700];

        snprintf(command, sizeof command,
                 "echo \"%s\" | xmllint --nonet --noout --relaxng descriptors/measurement.rng - "
                 "2>/dev/null",
                 documents[_i] ? documents[_i] : good);
        ck_assert_int_eq(system(command) != 0, documents[_i] != NULL);
}
END_TEST

START_TEST(nodes_out_of_order_are_bad)
{
        static const uint32_t parents[][3] = {{1, 0, 0}, {0, 2, 0}, {0, 0, 1}, {0, 9, 0}};
        struct node nodes[] = {{parents[_i][0], "a", "t", {NULL, 0}},
                               {parents[_i][1], "b", "t", {NULL, 0}},
                               {parents[_i][2], "c", "t", {NULL, 0}}};
        struct measurement m = {"t", "p", 1, {nodes, 3}};
        struct measurement_form form;
        struct digest digest;

        ck_assert_int_eq(measurement_digest(&m, HASH_SHA256, &digest), ST_INVALID);
        ck_assert_int_eq(digest.alg, HASH_NONE);
        ck_assert_int_eq(measurement_form(&m, HASH_SHA256, NULL, &form), ST_INVALID);
        ck_assert_ptr_null(form.canonical.data);
}
END_TEST

START_TEST(nodes_too_deep_are_bad)
{
        struct node nodes[100];
        struct measurement m = {"t", "p", 1, {nodes, DOCUMENT_DEPTH - 2}};
        struct digest digest;

        for (uint32_t i = 0; i < 100; i++)
                nodes[i] = (struct node){i, "n", "t", {NULL, 0}};
        ck_assert_int_eq(measurement_digest(&m, HASH_SHA256, &digest), ST_DONE);
        m.nodes.count = 100;
        ck_assert_int_eq(measurement_digest(&m, HASH_SHA256, &digest), ST_INVALID);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("measurement");
        TCase *c = tcase_create("measurement");
        SRunner *runner;
        int failed;

        tcase_add_test(c, form_is_canonical);
        tcase_add_loop_test(c, grammar_refuses, 0, 12);
        tcase_add_loop_test(c, nodes_out_of_order_are_bad, 0, 4);
        tcase_add_test(c, nodes_too_deep_are_bad);
        suite_add_tcase(suite, c);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
