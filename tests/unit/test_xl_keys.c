/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of keys (compartment-mgr/config/xl_keys.def) has each key once, and docs/xl-cfg.md
 * lists what it says. `build/test_xl_keys --write` writes that list anew.
 */
#include "compartment-mgr/config/xl_config_keys.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOCUMENT_PATH "docs/xl-cfg.md"
static const char begin_mark[] = "<!-- from xl_keys.def: begin -->\n";
static const char end_mark[] = "<!-- from xl_keys.def: end -->\n";

enum { COLUMNS = 98 };

/* --- the list --------------------------------------------------------------------------------- */

static void put_wrapped(FILE *out, const char *text)
{
        size_t column = 0;

        while (*text) {
                size_t n = strcspn(text, " ");

                if (column && column + 1 + n > COLUMNS)
                        column = (size_t)(fprintf(out, "\n ") - 1);
                column += (size_t)fprintf(out, "%s%.*s", column ? " " : "", (int)n, text);
                text += n;
                text += *text == ' ';
        }
        fputc('\n', out);
}

/* All keys with that outcome and that reason in one item; the first of them writes it. */
static void put_item(FILE *out, const struct xl_key *first)
{
        char *text = NULL;
        size_t size;
        FILE *item = open_memstream(&text, &size);

        fputs("*", item);
        for (const struct xl_key *k = xl_keys; k < xl_keys + xl_keys_count; k++)
                if (k->outcome == first->outcome && !strcmp(k->why, first->why))
                        fprintf(item, "%s `%s`", k > first ? "," : "", k->key);
        if (*first->why)
                fprintf(item, ": %s", first->why);
        fclose(item);
        put_wrapped(out, text);
        free(text);
}

static bool is_first(const struct xl_key *key)
{
        for (const struct xl_key *k = xl_keys; k < key; k++)
                if (k->outcome == key->outcome && !strcmp(k->why, key->why))
                        return false;
        return true;
}

static char *make_list(void)
{
        static const struct {
                enum config_outcome outcome;
                const char *title;
        } parts[] = {{CONFIG_HONOURED, "**Honoured**"},
                     {CONFIG_REFUSED, "**Refused**, unless the value is `0`, `\"\"` or `[]`, which "
                                      "has no effect under xl either; with the remedy"},
                     {CONFIG_IGNORED, "**Ignored**, with the reason why it has no effect on such a "
                                      "guest under xl either"}};
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
                fputc('\n', out);
                put_wrapped(out, parts[i].title);
                fputc('\n', out);
                for (const struct xl_key *k = xl_keys; k < xl_keys + xl_keys_count; k++)
                        if (k->outcome == parts[i].outcome && is_first(k))
                                put_item(out, k);
        }
        fputc('\n', out);
        fclose(out);
        return text;
}

/* --- the document ----------------------------------------------------------------------------- */

static char *read_document(void)
{
        static char text[256 << 10];
        FILE *f = fopen(DOCUMENT_PATH, "r");

        if (!f)
                abort();
        text[fread(text, 1, sizeof text - 1, f)] = 0;
        fclose(f);
        return text;
}

static char *list_in(char *document, char **end_out)
{
        char *at = strstr(document, begin_mark);

        if (!at)
                abort();
        at += strlen(begin_mark);
        *end_out = strstr(at, end_mark);
        if (!*end_out)
                abort();
        return at;
}

START_TEST(the_manual_lists_each_key)
{
        char *document = read_document(), *end, *in = list_in(document, &end), *list = make_list();

        *end = 0;
        ck_assert_msg(!strcmp(in, list), "%s: run build/test_xl_keys --write", DOCUMENT_PATH);
        free(list);
}
END_TEST

START_TEST(each_key_stands_once)
{
        for (size_t i = 0; i < xl_keys_count; i++)
                for (size_t k = 0; k < i; k++)
                        ck_assert_str_ne(xl_keys[i].key, xl_keys[k].key);
}
END_TEST

static void write_list(void)
{
        char *document = read_document(), *end, *at = list_in(document, &end), *list = make_list();
        FILE *f = fopen(DOCUMENT_PATH, "w");

        if (!f)
                abort();
        fwrite(document, 1, (size_t)(at - document), f);
        fputs(list, f);
        fputs(end, f);
        fclose(f);
        free(list);
}

int main(int argc, char **argv)
{
        Suite *suite = suite_create("xl_keys");
        TCase *t = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        if (argc > 1 && !strcmp(argv[1], "--write")) {
                write_list();
                return 0;
        }
        tcase_add_test(t, the_manual_lists_each_key);
        tcase_add_test(t, each_key_stands_once);
        suite_add_tcase(suite, t);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed != 0;
}
