/* SPDX-License-Identifier: Apache-2.0 */
/* Prints facts as text or as JSON. cmd_status.c and cmd_jobs.c come here. */
#include "tools/facts.h"
#include "tools/output.h"

#include <string.h>

static const char *const levels[] = {"plain", "note", "warning"};

static void print_json(const struct status_rep *reply)
{
        struct json_object *facts = json_object_new_array();

        for (size_t i = 0; i < reply->facts.count; i++) {
                const struct fact *f = &reply->facts.items[i];
                struct json_object *o = json_object_new_object();

                output_json_text(o, "area", f->area);
                output_json_text(o, "name", f->name);
                output_json_text(o, "value", f->value);
                output_json_text(o, "level", levels[f->level < 3 ? f->level : 2]);
                json_object_array_add(facts, o);
        }
        output_json(facts);
}

enum { NAME_WIDTH = 28, FACTS = STATUS_FACTS_MOST + 1 /* status --image adds one */ };

static void print_area(const struct status_rep *reply, const char *area, bool told[static FACTS])
{
        static const char *const marks[] = {"", "note: ", "WARNING: "};

        printf("%s\n", output_clean(area));
        for (size_t i = 0; i < reply->facts.count && i < FACTS; i++) {
                const struct fact *f = &reply->facts.items[i];

                if (strcmp(area, f->area))
                        continue;
                printf("  %-*s  %s%s\n", NAME_WIDTH, output_clean(f->name),
                       marks[f->level < 3 ? f->level : 2], output_clean(f->value));
                told[i] = true;
        }
}

/* Prints area by area, in the order in which they first occur: several daemons can tell of one. */
static void print_text(const struct status_rep *reply)
{
        bool told[FACTS] = {false};

        for (size_t i = 0; i < reply->facts.count && i < FACTS; i++) {
                if (told[i])
                        continue;
                if (i)
                        putchar('\n');
                print_area(reply, reply->facts.items[i].area, told);
        }
}

void facts_print(const struct status_rep *reply, bool json)
{
        json ? print_json(reply) : print_text(reply);
}
