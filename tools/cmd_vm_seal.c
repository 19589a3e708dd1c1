/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulkhead vm seal: a request to compartment-mgr. Reads the descriptor and judges nothing in it.
 * Passphrases travel in pipes and memory files; a recovery key is printed once, on standard output.
 */
#include "tools/commands.h"
#include "tools/door.h"
#include "tools/file.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/slots.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_FORMAT = 0x100, OPTION_NO_RECOVERY, OPTION_YES, OPTION_FORGET_KEY };

struct arguments {
        const char *name, *file;
        struct options shared;
        bool format, no_recovery, yes, forget_key;
};

static const struct argp_option options[] = {
        {"format", OPTION_FORMAT, NULL, 0,
         "Make new encrypted disks: DESTROYS what is on the VM's writable disks", 1},
        {"yes", OPTION_YES, NULL, 0,
         "Do not ask, but go on, where --format destroys something that is recognised, or a disk "
         "is sealed for a VM that is not defined here; without a terminal to ask on it is needed",
         1},
        {"forget-key", OPTION_FORGET_KEY, NULL, 0,
         "Seal also where the present seal has the key of a disk that is not there; that key is "
         "lost",
         1},
        {"no-recovery", OPTION_NO_RECOVERY, NULL, 0,
         "With --format and no passphrase: make no recovery key; the disks' key is then in this "
         "TPM alone",
         7},
        {0},
};

static void check_use(const struct arguments *a, struct argp_state *state)
{
        const bool recovery = a->shared.recovery_to;

        if ((recovery || a->no_recovery) && !a->format)
                argp_error(state, "a recovery key is made by --format only; for disks that are "
                                  "sealed: bulkhead vm passphrase add");
        if (a->forget_key && a->format)
                argp_error(state, "--format makes new disks for a VM that has no seal: leave "
                                  "--forget-key out");
        if (recovery && a->no_recovery)
                argp_error(state, "--recovery-to and --no-recovery exclude each other");
        if ((recovery || a->no_recovery) && passphrase_is_given(&a->shared.present))
                argp_error(state, "a recovery key is made where no passphrase is given");
}

static error_t parse(int key, char *value, struct argp_state *state)
{
        struct arguments *arguments = state->input;

        switch (key) {
        case OPTION_FORMAT:
                arguments->format = true;
                return 0;
        case OPTION_YES:
                arguments->yes = true;
                return 0;
        case OPTION_FORGET_KEY:
                arguments->forget_key = true;
                return 0;
        case OPTION_NO_RECOVERY:
                arguments->no_recovery = true;
                return 0;
        case ARGP_KEY_ARG:
                if (state->arg_num > 1)
                        argp_usage(state);
                *(state->arg_num ? &arguments->file : &arguments->name) = value;
                return 0;
        case ARGP_KEY_END:
                if (state->arg_num < 2)
                        argp_usage(state);
                check_use(arguments, state);
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

/* --- what opens the disks ------------------------------------------------------------------ */

/* Beside the seal. */
struct opener {
        int fd; /* or -1 */
        enum passphrase_form form;
        struct recovery recovery;
};

/* To adopt disks takes their passphrase if the VM was never sealed; a sealed VM's key opens them.
 * New disks get a recovery key. */
static enum status find_opener(const struct arguments *arguments, const struct vm_show_rep *vm,
                               struct arena *a, struct opener *out)
{
        bool encrypted = false;

        if (passphrase_is_given(&arguments->shared.present))
                return passphrase_take(&arguments->shared.present, NULL, false, &out->fd,
                                       &out->form);
        if (arguments->format ? arguments->no_recovery : !passphrase_can_ask())
                return ST_DONE;
        for (size_t i = 0; i < vm->disks.count; i++)
                encrypted |= !strcmp(vm->disks.items[i].kind, "crypt");
        if (!encrypted || vm->vm.generation)
                return ST_DONE;
        if (arguments->format) {
                out->form = PASSPHRASE_RECOVERY;
                return recovery_key_give(arguments->shared.recovery_to, a, &out->recovery,
                                         &out->fd);
        }
        return passphrase_pipe(
                NULL,
                &(const struct passphrase_prompt){"Present passphrase of the LUKS2 disks",
                                                  "--passphrase-file"},
                false, &out->fd);
}

/* --- printing ------------------------------------------------------------------------------ */

/* Of a VM that has no new seal. */
static void tell_disks(const struct arguments *arguments, const struct vm_show_rep *now)
{
        const char *name = output_clean(arguments->name);

        if (*now->overwritten)
                fprintf(stderr,
                        "%s: not sealed; --format has overwritten %s, now or in an earlier try: "
                        "what was on it is lost; once more: bulkhead vm seal %s %s --format",
                        name, output_clean(now->overwritten), name, output_clean(arguments->file));
        else
                fprintf(stderr, "%s: %s", name,
                        now->vm.generation
                                ? "the earlier seal is still there; the disks are as they "
                                  "were"
                                : "not sealed; nothing was written to its disks");
        fputc('\n', stderr);
}

/* After an error. What is not known counts as sealed: then the recovery key is needed. A VM that
 * was sealed before, by another key or none, is ST_WRONG_STATE. */
static void tell_failure(enum status s, const struct arguments *arguments, const struct opener *by,
                         struct arena *a)
{
        const struct error kept = *error_last();
        const bool broken = s == ST_UNREACHABLE || s == ST_PROTOCOL || s == ST_TIMEOUT;
        struct vm_show_rep now;
        enum status shown = arguments->format ? door_show(arguments->name, &now, a) : ST_DONE;

        if (arguments->format && !shown && !now.undecided && *now.overwritten)
                tell_disks(arguments, &now);
        if (*by->recovery.key && s != ST_WRONG_STATE &&
            (broken || shown || now.undecided || now.vm.generation)) {
                fputs("if the VM is sealed all the same, this opens its disks:\n", stdout);
                slots_print_recovery(&by->recovery);
        }
        error_keep(&kept);
}

static int finish(enum status s, const struct arguments *arguments, const struct vm_seal_rep *reply,
                  const struct opener *by, struct arena *a)
{
        struct json_object *o;

        if (s) {
                tell_failure(s, arguments, by, a);
                return output_error(s, "vm seal %s", output_clean(arguments->name));
        }
        if (*reply->warning)
                fprintf(stderr, "bulkhead: warning: %s\n", output_clean(reply->warning));
        if (arguments->shared.json) {
                o = output_json_vm(&reply->vm);
                slots_json_recovery(o, &by->recovery);
                output_json(o);
        } else {
                output_vm(&reply->vm, false);
                slots_print_recovery(&by->recovery);
        }
        return output_end();
}

/* --- Ctrl-C -------------------------------------------------------------------------------- */

enum { LOOK_MS = 200, LOOKS = 300 };

/* A seal is committed at one moment: before it no header has been written, after it the headers are
 * written whatever happens. --format fills disks before that moment, and compartment-mgr knows
 * which. So there is an answer as soon as nothing is done any more. Ends the process; a second
 * Ctrl-C does, too. */
static void tell_outcome(const struct arguments *arguments, uint64_t generation_before,
                         const struct opener *by, struct arena *a)
{
        const char *name = output_clean(arguments->name);
        struct vm_show_rep now = {.vm.state = VM_SEALING};
        enum status s = ST_DONE;

        fprintf(stderr,
                "\nbulkhead: interrupted; waiting for what becomes of the seal (Ctrl-C leaves at "
                "once%s)\n",
                *by->recovery.key ? ", and the recovery key is never shown then" : "");
        /* Twice, since what was asked for may not have begun at the first look. */
        for (int i = 0, ended = 0; i < LOOKS && !s && ended < 2; i++) {
                usleep(LOOK_MS * 1000);
                s = door_show(arguments->name, &now, a);
                ended = now.vm.state == VM_SEALING ? 0 : ended + 1;
        }
        if (!s && now.vm.state != VM_SEALING && !now.undecided &&
            now.vm.generation == generation_before) {
                tell_disks(arguments, &now);
                door_end_interrupted();
        }
        if (!s && now.vm.generation > generation_before)
                fprintf(stderr, "%s: sealed (generation %llu): it was finished\n", name,
                        (unsigned long long)now.vm.generation);
        else
                fprintf(stderr, "%s: unknown: %s: bulkhead vm show %s\n", name,
                        s               ? "compartment-mgr does not tell"
                        : now.undecided ? "integrity-mgr does not tell"
                                        : "it is still being sealed",
                        name);
        slots_print_recovery(&by->recovery);
        door_end_interrupted();
}

/* --- the command --------------------------------------------------------------------------- */

/* The error at hand names what is in question. Nothing but "yes" is a yes. The passphrase is still
 * in its pipe. */
static bool consent_given(bool format)
{
        const struct error kept = *error_last();
        char answer[16] = "";
        FILE *terminal = fopen("/dev/tty", "r+e");

        if (!terminal)
                return false;
        fprintf(terminal, "%s\n%s Type yes to go on: ", kept.found,
                format ? "This would be DESTROYED." : "It would be taken over.");
        if (!fgets(answer, sizeof answer, terminal))
                *answer = 0;
        fclose(terminal);
        error_keep(&kept);
        return !strcmp(answer, "yes\n");
}

static const char about[] =
        "Makes (--format) or adopts the VM's encrypted disks and seals their key to what the "
        "descriptor measures and to this host's approved states.\v"
        "Without --format nothing on a disk is destroyed: a LUKS2 disk is adopted by adding a key "
        "slot, a plain one is refused. Sealing again binds the present state anew; after a change "
        "it takes a passphrase of the disks. The present seal is gone then: where it has the key "
        "of a disk that is not there now, sealing is refused without --forget-key. With --format, "
        "a passphrase that is given will open the new disks, too; without one, a recovery key is "
        "made and printed once.";

/* What the request is made of, and what the VM is before it. */
static enum status prepare(const struct arguments *arguments, struct arena *a,
                           struct vm_seal_req *request, struct vm_show_rep *before_out,
                           struct opener *by)
{
        enum status s = door_vm(arguments->name);

        request->vm = arguments->name;
        request->format = arguments->format;
        request->yes = arguments->yes;
        request->forget_key = arguments->forget_key;
        if (!s)
                s = door_must_be_admins("vm seal");
        if (!s)
                s = file_read(arguments->file, DOCUMENT_MOST, a, &request->descriptor);
        if (!s)
                s = door_show(arguments->name, before_out, a);
        if (!s)
                s = find_opener(arguments, before_out, a, by);
        request->passphrase = by->fd;
        request->form = by->form;
        return s;
}

/* Asks once more if a person agrees to what is in question. */
static enum status ask(struct vm_seal_req *request, struct vm_seal_rep *reply, struct arena *a,
                       bool *interrupted)
{
        enum status s = door_call_or_interrupt(CALL(vm_seal, request, reply), a, interrupted);

        if (s != ST_CONSENT || !consent_given(request->format))
                return s;
        request->yes = true;
        return door_call_or_interrupt(CALL(vm_seal, request, reply), a, interrupted);
}

static int seal(const struct arguments *arguments, struct arena *a)
{
        struct vm_seal_req request = {.passphrase = -1};
        struct opener by = {.fd = -1};
        struct vm_show_rep before;
        struct vm_seal_rep reply;
        bool interrupted = false;
        enum status s = prepare(arguments, a, &request, &before, &by);
        int result;

        if (!s)
                s = ask(&request, &reply, a, &interrupted);
        if (interrupted)
                tell_outcome(arguments, before.vm.generation, &by, a);
        result = finish(s, arguments, &reply, &by, a);
        if (by.fd >= 0)
                close(by.fd);
        explicit_bzero(&by, sizeof by);
        return result;
}

int cmd_vm_seal(int argc, char **argv)
{
        static const struct argp_child children[] = {{&options_output, 0, NULL, 0},
                                                     {&options_present, 0, NULL, 0},
                                                     {&options_recovery_to, 0, NULL, 0},
                                                     {0}};
        static const struct argp argp = {options, parse, "NAME DESCRIPTOR.xml", about, children,
                                         NULL,    NULL};
        struct arguments arguments = {0};
        struct arena *a;
        int result;

        if (!options_parse(&argp, argc, argv, &arguments, &arguments.shared))
                return EXIT_USAGE;
        a = arena_new();
        result = seal(&arguments, a);
        arena_free(a);
        return result;
}
