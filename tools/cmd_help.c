/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead help: the manual page of a subject, by man(1). */
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/output.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct subject {
        const char *name, *page, *what;
} subjects[] = {
        {"vm", "bulkhead-vm", "define, seal, start and change virtual machines"},
        {"host", "bulkhead-host", "keys and approved states of a host"},
        {"attest", "bulkhead-attest", "measure, and have a host attest what it is"},
        {"measure", "bulkhead-attest", "one measurement, without a daemon"},
        {"verify", "bulkhead-verify", "judge evidence"},
        {"xl.cfg", "bulkhead-xl.cfg", "what of an xl.cfg is honoured"},
        {"descriptor", "bulkhead-descriptor", "descriptors: what is sealed to, and asked for"},
        {"predicate", "bulkhead-predicate", "stylesheets that judge what was measured"},
        {"evidence", "bulkhead-evidence", "evidence and trust records"},
        {"networks", "bulkhead-networks", "which VM is joined to which bridge"},
        {"status", "bulkhead", "what runs, and what this host has measured"},
        {"jobs", "bulkhead", "what is being done"},
        {"cancel", "bulkhead", "end what is being done"},
        {"commands", "bulkhead", "the command, its environment and exit statuses"},
};
enum { SUBJECTS = sizeof subjects / sizeof *subjects };

struct arguments {
        const struct subject *chosen;
        struct options shared;
};

static void choose(struct arguments *arguments, const char *name, struct argp_state *state)
{
        if (arguments->chosen)
                argp_error(state, "one subject at a time");
        for (size_t i = 0; i < SUBJECTS && !arguments->chosen; i++)
                if (!strcmp(subjects[i].name, name))
                        arguments->chosen = &subjects[i];
        if (!arguments->chosen)
                argp_error(state, "there is no subject '%s'; `bulkhead help` lists them", name);
}

static error_t parse(int key, char *value, struct argp_state *state)
{
        struct arguments *arguments = state->input;

        switch (key) {
        case ARGP_KEY_ARG:
                choose(arguments, value, state);
                return 0;
        case ARGP_KEY_END:
                if (arguments->chosen && arguments->shared.json)
                        argp_error(state, "a manual page is no JSON: leave --json out");
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static void list(bool json)
{
        struct json_object *all = json ? json_object_new_array() : NULL, *o;

        for (size_t i = 0; i < SUBJECTS; i++) {
                if (!json) {
                        printf("  %-11s %s\n", subjects[i].name, subjects[i].what);
                        continue;
                }
                o = json_object_new_object();
                output_json_text(o, "subject", subjects[i].name);
                output_json_text(o, "page", subjects[i].page);
                output_json_text(o, "what", subjects[i].what);
                json_object_array_add(all, o);
        }
        if (json)
                output_json(all);
}

/* The page of a program that runs where it was built: in docs/man beside its folder. NULL for a
 * program that is installed: man(1) finds the page. */
static char *page_of_sources(const char *page)
{
        char program[PATH_MAX], *path = NULL;
        ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);

        if (len < 0)
                return NULL;
        program[len] = 0;
        for (char section = '5'; section <= '8'; section += '8' - '5') {
                char *copy = strdup(program);
                const int r =
                        copy ? asprintf(&path, "%s/../docs/man/%s.%c", dirname(copy), page, section)
                             : -1;

                free(copy);
                if (r < 0)
                        return NULL;
                if (!access(path, R_OK))
                        return path;
                free(path);
        }
        return NULL;
}

/* Returns only if there is no man(1). */
static void run_man(const char *page)
{
        char *path = page_of_sources(page);

        if (path)
                execlp("man", "man", "-l", path, (char *)NULL);
        else
                execlp("man", "man", page, (char *)NULL);
}

int cmd_help(int argc, char **argv)
{
        static const struct argp_child children[] = {{&options_output, 0, NULL, 0}, {0}};
        static const struct argp argp = {
                .parser = parse,
                .args_doc = "[SUBJECT]",
                .doc = "Shows the manual page of a subject, or lists the subjects.",
                .children = children,
        };
        struct arguments arguments = {0};

        if (!options_parse(&argp, argc, argv, &arguments, &arguments.shared))
                return EXIT_USAGE;
        if (arguments.chosen) {
                run_man(arguments.chosen->page);
                fprintf(stderr, "%s: man: %s\n  remedy    apt install man-db\n", argv[0],
                        strerror(errno));
                return EXIT_UNDECIDED;
        }
        list(arguments.shared.json);
        return output_end();
}
