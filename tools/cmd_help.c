/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead help: the manual page of a subject, by man(1). */
#include "tools/commands.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct subject {
        const char *name, *page, *what;
} subjects[] = {
        {"vm", "bulkhead-vm", "define, seal, start and change virtual machines"},
        {"host", "bulkhead-host", "keys and approved states of a host"},
        {"attest", "bulkhead-attest", "measure, and have a host attest what it is"},
        {"verify", "bulkhead-verify", "judge evidence"},
        {"xl.cfg", "bulkhead-xl.cfg", "what of an xl.cfg is honoured"},
        {"descriptor", "bulkhead-descriptor", "descriptors: what is sealed to, and asked for"},
        {"predicate", "bulkhead-predicate", "stylesheets that judge what was measured"},
        {"evidence", "bulkhead-evidence", "evidence and trust records"},
        {"networks", "bulkhead-networks", "which VM is joined to which bridge"},
        {"commands", "bulkhead", "the command, its environment and exit statuses"},
};
enum { SUBJECTS = sizeof subjects / sizeof *subjects };

static error_t parse(int key, char *value, struct argp_state *state)
{
        const struct subject **chosen = state->input;

        if (key != ARGP_KEY_ARG)
                return ARGP_ERR_UNKNOWN;
        if (*chosen)
                argp_error(state, "one subject at a time");
        for (size_t i = 0; i < SUBJECTS && !*chosen; i++)
                if (!strcmp(subjects[i].name, value))
                        *chosen = &subjects[i];
        if (!*chosen)
                argp_error(state, "there is no subject '%s'; `bulkhead help` lists them", value);
        return 0;
}

int cmd_help(int argc, char **argv)
{
        static const struct argp argp = {
                .parser = parse,
                .args_doc = "[SUBJECT]",
                .doc = "Shows the manual page of a subject, or lists the subjects.",
        };
        const struct subject *chosen = NULL;

        if (argp_parse(&argp, argc, argv, 0, NULL, &chosen))
                return EXIT_USAGE;
        if (chosen) {
                execlp("man", "man", chosen->page, (char *)NULL);
                fprintf(stderr, "%s: man: %s\n  remedy    apt install man-db\n", argv[0],
                        strerror(errno));
                return EXIT_UNDECIDED;
        }
        for (size_t i = 0; i < SUBJECTS; i++)
                printf("  %-11s %s\n", subjects[i].name, subjects[i].what);
        return EXIT_DONE;
}
