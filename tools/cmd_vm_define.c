/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulkhead vm define: a request to compartment-mgr; with --check, what a configuration worker of
 * the command's own says about each file, without a daemon. Reads the files that were named and
 * judges nothing in them.
 */
#include "tools/commands.h"
#include "tools/config_check.h"
#include "tools/door.h"
#include "tools/file.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/owner.h"

#include <string.h>
#include <unistd.h>

enum {
        OPTION_OWNER = 0x100,
        OPTION_CHECK,
        OPTION_REPLACE,
        OPTION_DESCRIPTOR,
        OPTION_YES,
        OPTION_FORGET_KEY
};

struct arguments {
        const char **files, *owner, *replaced, *descriptor;
        struct options shared;
        size_t count;
        bool check, replace, yes, forget_key;
};

static const struct argp_option options[] = {
        {"owner", OPTION_OWNER, "NAME|uid:N|tls:NAME", 0,
         "The principal that may have it attested beside admins: an account of this host, by name "
         "or number, or the holder of a certificate (the default is whoever asks; with --replace, "
         "the present owner)",
         1},
        {"check", OPTION_CHECK, NULL, 0,
         "Define nothing: say of each file all that is wrong with it, and of each key what becomes "
         "of it; needs neither a daemon nor root",
         2},
        {"replace", OPTION_REPLACE, "NAME", OPTION_ARG_OPTIONAL,
         "Give a stopped VM this definition in the place of its present one, and seal it again: "
         "the VM of that NAME, or else of the UUID or name in the file",
         3},
        {"descriptor", OPTION_DESCRIPTOR, "SEAL.xml", 0,
         "With --replace: seal with this descriptor (the default is the present seal's, with the "
         "VM's new name and the new paths of its boot files and read-only disks)",
         3},
        {"yes", OPTION_YES, NULL, 0,
         "With --replace: also where a disk is sealed for a VM that is not defined here", 3},
        {"forget-key", OPTION_FORGET_KEY, NULL, 0,
         "With --replace: also where the present seal has the key of a disk that the VM does not "
         "have afterwards; that key is lost",
         3},
        {0},
};

static void check_use(const struct arguments *a, struct argp_state *state)
{
        if (!a->count || (a->count > 1 && !a->check))
                argp_usage(state);
        if (a->check && (a->owner || a->replace))
                argp_error(state, "--check defines nothing: leave --owner and --replace out");
        if (!a->replace &&
            (a->descriptor || passphrase_is_given(&a->shared.present) || a->yes || a->forget_key))
                argp_error(state, "--descriptor, --yes, --forget-key and a passphrase belong to "
                                  "--replace");
}

static error_t parse(int key, char *value, struct argp_state *state)
{
        struct arguments *a = state->input;

        switch (key) {
        case OPTION_OWNER:
                a->owner = value;
                return 0;
        case OPTION_CHECK:
                a->check = true;
                return 0;
        case OPTION_REPLACE:
                a->replace = true;
                a->replaced = value;
                return 0;
        case OPTION_DESCRIPTOR:
                a->descriptor = value;
                return 0;
        case OPTION_YES:
                a->yes = true;
                return 0;
        case OPTION_FORGET_KEY:
                a->forget_key = true;
                return 0;
        case ARGP_KEY_ARG:
                a->files[a->count++] = value;
                return 0;
        case ARGP_KEY_END:
                check_use(a, state);
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static enum status define(const struct arguments *arguments, struct arena *a,
                          struct vm_summary *vm_out)
{
        struct vm_define_req q = {};
        struct vm_define_rep p;
        enum status s = ST_DONE;

        if (arguments->owner)
                s = owner_read(arguments->owner, a, &q.owner);
        if (!s)
                s = file_read(arguments->files[0], DOCUMENT_MOST, a, &q.config);
        if (!s)
                s = door_call(CALL(vm_define, &q, &p), a);
        if (!s)
                *vm_out = p.vm;
        return s;
}

static enum status replace(const struct arguments *arguments, struct arena *a,
                           struct vm_summary *vm_out)
{
        struct vm_replace_req q = {.vm = arguments->replaced ? arguments->replaced : "",
                                   .yes = arguments->yes,
                                   .forget_key = arguments->forget_key,
                                   .passphrase = -1};
        struct vm_replace_rep p;
        enum status s = door_vm(q.vm);

        if (!s && arguments->owner)
                s = owner_read(arguments->owner, a, &q.owner);
        if (!s)
                s = file_read(arguments->files[0], DOCUMENT_MOST, a, &q.config);
        if (!s && arguments->descriptor)
                s = file_read(arguments->descriptor, DOCUMENT_MOST, a, &q.descriptor);
        if (!s && passphrase_is_given(&arguments->shared.present))
                s = passphrase_take(&arguments->shared.present, NULL, false, &q.passphrase,
                                    &q.form);
        if (!s)
                s = door_call(CALL(vm_replace, &q, &p), a);
        if (!s)
                *vm_out = p.vm;
        if (q.passphrase >= 0)
                close(q.passphrase);
        return s;
}

/* A refusal names one thing; if the file has more of them, they can be had at once. */
static int refused(enum status s, const char *file)
{
        struct error why = *error_last();
        int result = output_error(s, "vm define %s", output_clean(file));

        if (!output_quiet() && !strncmp(why.subject, "xl.cfg", 6) && config_check_count(file) > 1)
                fprintf(stderr, "  all        bulkhead vm define --check %s\n", output_clean(file));
        return result;
}

int cmd_vm_define(int argc, char **argv)
{
        static const struct argp_child children[] = {
                {&options_output, 0, NULL, 0}, {&options_present, 0, NULL, 0}, {0}};
        static const struct argp argp = {
                options,
                parse,
                "CONFIG.cfg\n--check CONFIG.cfg...",
                "Makes a VM known from an ordinary xl.cfg: its UUID and MAC addresses are fixed "
                "from now on.\v"
                "A definition is changed by --replace: the present seal opens as for a start, and "
                "then the new definition and a new seal count together, or the old ones do. "
                "Writable disks stay as they are. A passphrase opens the disks where the seal does "
                "not.",
                children,
                NULL,
                NULL};
        struct arena *a = arena_new();
        struct arguments arguments = {.files = arena_get_many(a, (size_t)argc, sizeof(char *))};
        struct vm_summary vm;
        int result = EXIT_USAGE;
        enum status s;

        if (!options_parse(&argp, argc, argv, &arguments, &arguments.shared))
                goto out;
        if (arguments.check) {
                result =
                        config_check_files(arguments.files, arguments.count, arguments.shared.json);
                goto out;
        }
        s = arguments.replace ? replace(&arguments, a, &vm) : define(&arguments, a, &vm);
        if (s) {
                result = refused(s, arguments.files[0]);
                goto out;
        }
        output_vm(&vm, arguments.shared.json);
        result = output_end();
out:
        arena_free(a);
        return result;
}
