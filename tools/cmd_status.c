/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead status: what the daemons tell about themselves, the TPM, the hypervisor and the TCB. */
#include "tools/commands.h"
#include "tools/door.h"
#include "tools/output.h"

#include <string.h>

struct arguments {
        bool json, trust;
};

static const struct argp_option options[] = {
        {"trust", 't', NULL, 0, "Print this host's trust record (not enrolled) instead", 1},
        {0},
};

static error_t parse(int key, char *value, struct argp_state *state)
{
        struct arguments *arguments = state->input;

        (void)value;
        switch (key) {
        case ARGP_KEY_INIT:
                state->child_inputs[0] = &arguments->json;
                return 0;
        case 't':
                arguments->trust = true;
                return 0;
        case ARGP_KEY_ARG:
                argp_usage(state);
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static int print_trust(struct arena *a)
{
        struct trust_rep reply;
        enum status s = door_call(MESSAGE_trust, &(struct trust_req){}, &reply, a);

        if (s)
                return output_error(s, "status --trust");
        fwrite(reply.trust.data, 1, reply.trust.len, stdout);
        return output_end();
}

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

enum { NAME_WIDTH = 28, FACTS = 256 };

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

/* By area, in the order in which the areas come first: several daemons tell of the same one. */
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

int cmd_status(int argc, char **argv)
{
        static const struct argp_child children[] = {{&output_json_argp, 0, NULL, 0}, {0}};
        static const struct argp argp = {
                options,
                parse,
                NULL,
                "Shows what runs, which TPM and hypervisor there are, and what is measured.\v"
                "A WARNING is something that the promises of this host do not cover.",
                children,
                NULL,
                NULL};
        struct arguments arguments = {0};
        struct status_rep reply;
        struct arena *a;
        enum status s;
        int result;

        if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
                return EXIT_USAGE;
        a = arena_new();
        if (arguments.trust) {
                result = print_trust(a);
                goto out;
        }
        s = door_call(MESSAGE_status, &(struct status_req){}, &reply, a);
        if (s) {
                result = output_error(s, "status");
                goto out;
        }
        arguments.json ? print_json(&reply) : print_text(&reply);
        result = output_end();
out:
        arena_free(a);
        return result;
}
