/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulkhead: the command that people type. This file holds the table of commands and hands the rest
 * of the command line to one of them; each command's own file says what it touches. It runs with
 * the rights of whoever typed it, and has no others.
 */
#include "tools/commands.h"

#include "lib/config.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct command {
        const char *name, *what;
        int (*run)(int argc, char **argv);
        const struct command *more; /* a table of its own, if run is NULL */
};

static const struct command host_commands[] = {
        {"setup", "pin the TPM and make the keys of this host", cmd_host_setup, NULL},
        {"approve", "approve the present (or a future) state of this host", cmd_host_approve, NULL},
        {"approvals", "the approved states of this host", cmd_host_approvals, NULL},
        {"retire", "end all approvals up to the present epoch", cmd_host_retire, NULL},
        {"image", "make a measured Dom0 out of an installed one", cmd_host_image, NULL},
        {0},
};

static const struct command passphrase_commands[] = {
        {"add", "give its encrypted disks one more passphrase", cmd_vm_passphrase_add, NULL},
        {"change", "replace a passphrase", cmd_vm_passphrase_change, NULL},
        {"remove", "remove a passphrase", cmd_vm_passphrase_remove, NULL},
        {"list", "the key slots of its encrypted disks", cmd_vm_passphrase_list, NULL},
        {0},
};

static const struct command vm_commands[] = {
        {"define", "make a VM known from its xl.cfg", cmd_vm_define, NULL},
        {"undefine", "forget a stopped VM and its seal; its data stay", cmd_vm_undefine, NULL},
        {"list", "the VMs of this host", cmd_vm_list, NULL},
        {"show", "one VM: its state, disks, configuration, descriptor", cmd_vm_show, NULL},
        {"seal", "make or adopt its encrypted disks and seal their key", cmd_vm_seal, NULL},
        {"passphrase", "add, change, remove, list: what opens its disks beside the seal", NULL,
         passphrase_commands},
        {"start", "measure, judge, unseal, unlock and start", cmd_vm_start, NULL},
        {"stop", "stop it in an orderly way", cmd_vm_stop, NULL},
        {"destroy", "stop it at once, as a power cut would", cmd_vm_destroy, NULL},
        {"suspend", "hold it in memory", cmd_vm_suspend, NULL},
        {"resume", "let a suspended one run on", cmd_vm_resume, NULL},
        {"hibernate", "its memory to an encrypted disk; start wakes it", cmd_vm_hibernate, NULL},
        {"attach", "give a running one a device of its definition", cmd_vm_attach, NULL},
        {"detach", "take a device from a running one", cmd_vm_detach, NULL},
        {"console", "the guest's console, by xl", cmd_vm_console, NULL},
        {"autostart", "have it started with the host", cmd_vm_autostart, NULL},
        {0},
};

static const struct command commands[] = {
        {"status", "what runs, which TPM, which hypervisor, what is measured", cmd_status, NULL},
        {"jobs", "what is being done to which VM, for whom, since when", cmd_jobs, NULL},
        {"cancel", "end a job, and undo what it began", cmd_cancel, NULL},
        {"host", "setup, approve, retire and more: the keys and approved states of this host", NULL,
         host_commands},
        {"vm", "define, list, show, seal, start, stop, suspend and more", NULL, vm_commands},
        {"measure", "one measurement, as XML; needs neither daemon, TPM nor root", cmd_measure,
         NULL},
        {"attest", "have this host attest what a descriptor asks for", cmd_attest, NULL},
        {"verify", "judge evidence; needs no daemon, the exit status is the verdict", cmd_verify,
         NULL},
        {"help", "the manual page of a subject, such as `bulkhead help vm`", cmd_help, NULL},
        {0},
};

/* For parse(): the table of commands, the one that was chosen, and where it stands in argv. */
struct choice {
        const struct command *table, *chosen;
        int at;
};

static char *help(int key, const char *text, void *input)
{
        const struct choice *choice = input;
        char *list = NULL;
        size_t size;
        FILE *out;

        if (key != ARGP_KEY_HELP_POST_DOC || !choice)
                return (char *)text;
        out = open_memstream(&list, &size);
        if (!out)
                return (char *)text;
        fputs("Commands:\n", out);
        for (const struct command *c = choice->table; c->name; c++)
                fprintf(out, "  %-9s %s\n", c->name, c->what);
        fputs("\nEach has --help. Exit status: 0 done or trusted, 1 refused or untrusted,\n"
              "2 wrong usage, 3 could not be decided.",
              out);
        fclose(out);
        return list;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
        struct choice *choice = state->input;

        switch (key) {
        case ARGP_KEY_INIT:
                if (choice->table == commands)
                        state->child_inputs[0] = NULL;
                return 0;
        case ARGP_KEY_ARG:
                for (const struct command *c = choice->table; c->name; c++)
                        if (!strcmp(c->name, value))
                                choice->chosen = c;
                if (!choice->chosen)
                        argp_error(state, "there is no command '%s'", value);
                choice->at = state->next - 1;
                state->next = state->argc; /* the rest is the command's own */
                return 0;
        case ARGP_KEY_NO_ARGS:
                argp_usage(state);
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static int dispatch(const struct command *table, int argc, char **argv)
{
        static const struct argp_child folders[] = {{&config_command_argp, 0, "Folders:", 20}, {0}};
        struct argp argp = {.parser = parse,
                            .args_doc = "COMMAND [ARGUMENT...]",
                            .doc = "Integrity management for Xen hosts.\v ",
                            .children = table == commands ? folders : NULL,
                            .help_filter = help};
        struct choice choice = {.table = table};
        char *name = NULL;
        int result;

        if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &choice))
                return EXIT_USAGE;
        if (asprintf(&name, "%s %s", argv[0], choice.chosen->name) < 0)
                return EXIT_UNDECIDED;
        argc -= choice.at;
        argv += choice.at;
        argv[0] = name;
        result = choice.chosen->more ? dispatch(choice.chosen->more, argc, argv)
                                     : choice.chosen->run(argc, argv);
        free(name);
        return result;
}

int main(int argc, char **argv)
{
        argp_err_exit_status = EXIT_USAGE;
        argp_program_version = "bulkhead " BULKHEAD_VERSION;
        config_init();
        if (argc > 0)
                argv[0] = "bulkhead";
        return dispatch(commands, argc, argv);
}
