/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers of the plug-in tests. */
#include "tests/unit/plugin_test.h"
#include "proof/measurement.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *test_path(const char *name)
{
        static char paths[2][512];
        static unsigned turn;
        const char *folder = getenv("TMPDIR") ? getenv("TMPDIR") : "build";

        turn = !turn;
        snprintf(paths[turn], sizeof *paths, "%s/%d-%s", folder, (int)getpid(), name);
        return paths[turn];
}

const char *test_command(const char *format, ...)
{
        static char line[8192];
        char command[2048];
        va_list args;
        FILE *f;

        va_start(args, format);
        vsnprintf(command, sizeof command, format, args);
        va_end(args);
        f = popen(command, "r");
        ck_assert_ptr_nonnull(f);
        if (!fgets(line, sizeof line, f))
                *line = 0;
        ck_assert_msg(!pclose(f), "failed: %s", command);
        line[strcspn(line, "\n")] = 0;
        return line;
}

void test_write_file(const char *path, size_t len, unsigned seed)
{
        uint64_t state = 0x9e3779b97f4a7c15u * (seed + 1), *words = calloc(len / 8 + 1, 8);
        FILE *f = fopen(path, "w");

        for (size_t i = 0; i <= len / 8; i++) {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                words[i] = state;
        }
        ck_assert_ptr_nonnull(f);
        ck_assert_uint_eq(fwrite(words, 1, len, f), len);
        ck_assert_int_eq(fclose(f), 0);
        free(words);
}

const char *test_value(const struct measurement *m, size_t node, const char *name)
{
        const char *text = NULL;

        ck_assert_uint_lt(node, m->nodes.count);
        for (size_t i = 0; i < m->nodes.items[node].values.count; i++)
                if (!strcmp(m->nodes.items[node].values.items[i].name, name)) {
                        ck_assert_ptr_null(text);
                        text = m->nodes.items[node].values.items[i].text;
                }
        ck_assert_msg(text != NULL, "no value %s", name);
        return text;
}

void test_measurement_form(const struct measurement *m)
{
        struct buffer text = BUFFER_INIT(EVIDENCE_MOST);
        struct document d = document_begin(&text);
        char path[512], hex[DIGEST_HEX];
        struct digest digest;
        FILE *f;

        snprintf(path, sizeof path, "%s", test_path("measurement"));
        measurement_write(&d, m);
        ck_assert_int_eq(document_end(&d), ST_DONE);
        f = fopen(path, "w");
        ck_assert_uint_eq(fwrite(text.data, 1, text.len, f), text.len);
        ck_assert_int_eq(fclose(f), 0);
        test_command("xmllint --nonet --noout --relaxng descriptors/measurement.rng %s 2>&1", path);
        ck_assert_int_eq(measurement_digest(m, HASH_SHA256, &digest), ST_DONE);
        digest_hex(&digest, hex);
        ck_assert_str_eq(hex,
                         test_command("xmllint --exc-c14n %s | sha256sum | cut -d' ' -f1", path));
        unlink(path);
        buffer_clear(&text);
}

int test_run_suite(Suite *suite)
{
        SRunner *runner = srunner_create(suite);
        int failed;

        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
