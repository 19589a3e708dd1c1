/* SPDX-License-Identifier: Apache-2.0 */
/* Prints verdicts, for people and for scripts. Much of the text is an attacker's. */
#include "tools/verdict.h"

#include "proof/commitment.h"
#include "verifier/verify.h"

#include <string.h>

/* --- JSON ---------------------------------------------------------------------------------- */

static struct json_object *json_check(const struct check *c)
{
        struct json_object *check = json_object_new_object();

        output_json_text(check, "name", c->name);
        output_json_text(check, "result", check_result_word(c->result));
        output_json_text(check, "meaning", c->meaning);
        output_json_text(check, "detail", c->detail);
        output_json_text(check, "expected", c->expected);
        output_json_text(check, "found", c->found);
        output_json_text(check, "remedy", c->remedy);
        return check;
}

struct json_object *verdict_json(const char *evidence, const struct appraisal *report)
{
        struct json_object *o = json_object_new_object(), *checks = json_object_new_array(),
                           *open = json_object_new_array();
        char hex[2 * CHALLENGE_MOST + 1] = "";

        if (report->challenge.len <= CHALLENGE_MOST)
                hex_write(hex, report->challenge.data, report->challenge.len);
        output_json_text(o, "evidence", evidence);
        json_object_object_add(o, "trusted", json_object_new_boolean(report->trusted));
        output_json_text(o, "kind", report->kind);
        output_json_text(o, "challenge", hex);
        for (size_t i = 0; i < report->checks.count; i++) {
                const struct check *c = &report->checks.items[i];

                json_object_array_add(checks, json_check(c));
                if (c->result == CHECK_NOT_MADE)
                        json_object_array_add(open, json_object_new_string(c->name));
        }
        json_object_object_add(o, "not_checked", open);
        json_object_object_add(o, "checks", checks);
        return o;
}

/* --- text ---------------------------------------------------------------------------------- */

static void print_line(const char *label, const char *text)
{
        if (*text)
                printf("%16s%s%s\n", "", label, output_clean(text));
}

static void print_check(const struct check *c)
{
        bool made = strcmp(c->detail, CHECK_NOT_EVALUATED) != 0;

        printf("%-14s  %s: %s\n",
               !made                       ? c->detail
               : c->result == CHECK_FAILED ? "FAILED"
                                           : check_result_word(c->result),
               output_clean(c->name), output_clean(c->meaning));
        if (!made)
                return;
        print_line("", c->detail);
        print_line("expected  ", c->expected);
        print_line("found     ", c->found);
        print_line("remedy    ", c->remedy);
}

/* The checks that were not made, in the verdict's line. */
static void print_open(const struct appraisal *report)
{
        const char *before = "; not checked: ";

        for (size_t i = 0; i < report->checks.count; i++) {
                if (report->checks.items[i].result != CHECK_NOT_MADE)
                        continue;
                printf("%s%s", before, output_clean(report->checks.items[i].name));
                before = ", ";
        }
}

void verdict_print(const struct appraisal *report)
{
        const struct check *first = NULL;

        for (size_t i = 0; i < report->checks.count; i++) {
                const struct check *c = &report->checks.items[i];

                if (!output_quiet())
                        print_check(c);
                if (!first && c->result == CHECK_FAILED)
                        first = c;
        }
        fputs(report->trusted ? "trusted" : "untrusted", stdout);
        if (!report->trusted && first)
                printf(": %s: %s%s%s", output_clean(first->name), output_clean(first->detail),
                       *first->found ? ": " : "", output_clean(first->found));
        print_open(report);
        putchar('\n');
}
