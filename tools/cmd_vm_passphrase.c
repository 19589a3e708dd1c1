/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulkhead vm passphrase add, change, remove, list: requests to compartment-mgr. Passphrases travel
 * in pipes and memory files; a recovery key is printed once, on standard output.
 */
#include "tools/commands.h"
#include "tools/door.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/recovery_key.h"
#include "tools/slots.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_LAST = 0x100 };

struct arguments {
        const char *name;
        struct options shared;
        bool last;
};

static error_t parse(int key, char *value, struct argp_state *state)
{
        struct arguments *arguments = state->input;

        switch (key) {
        case OPTION_LAST:
                arguments->last = true;
                return 0;
        case ARGP_KEY_ARG:
                if (arguments->name)
                        argp_usage(state);
                arguments->name = value;
                return 0;
        case ARGP_KEY_END:
                if (!arguments->name)
                        argp_usage(state);
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static const struct argp_option no_options[] = {{0}};
static const struct argp_option remove_options[] = {
        {"last", OPTION_LAST, NULL, 0, "Also where only the seal opens the disks afterwards", 4},
        {0}};
static const struct argp_child list_children[] = {{&options_output, 0, NULL, 0}, {0}},
                               add_children[] = {{&options_output, 0, NULL, 0},
                                                 {&options_present, 0, NULL, 0},
                                                 {&options_new, 0, NULL, 0},
                                                 {&options_recovery, 0, NULL, 0},
                                                 {&options_recovery_to, 0, NULL, 0},
                                                 {0}},
                               change_children[] = {{&options_output, 0, NULL, 0},
                                                    {&options_slot, 0, NULL, 0},
                                                    {&options_present, 0, NULL, 0},
                                                    {&options_new, 0, NULL, 0},
                                                    {&options_recovery, 0, NULL, 0},
                                                    {&options_recovery_to, 0, NULL, 0},
                                                    {0}},
                               remove_children[] = {{&options_output, 0, NULL, 0},
                                                    {&options_slot, 0, NULL, 0},
                                                    {&options_present, 0, NULL, 0},
                                                    {0}};

/* --- what is asked ------------------------------------------------------------------------- */

struct asked {
        struct vm_passphrase_req request;
        struct recovery recovery;
};

static const struct passphrase_prompt present_prompt = {"Present passphrase", "--passphrase-file"},
                                      new_prompt = {"New passphrase", "--new-passphrase-file"};

static enum status take(const struct arguments *arguments, struct arena *a, struct asked *asked)
{
        struct vm_passphrase_req *q = &asked->request;
        const bool finds = q->change != SLOT_ADD && q->slot == KEY_SLOTS_MOST;
        enum status s = ST_DONE;

        if (passphrase_is_given(&arguments->shared.present) || finds)
                s = passphrase_take(&arguments->shared.present, &present_prompt, false, &q->present,
                                    &q->present_form);
        if (s || q->change == SLOT_REMOVE)
                return s;
        if (arguments->shared.recovery) {
                q->fresh_form = PASSPHRASE_RECOVERY;
                return recovery_key_give(arguments->shared.recovery_to, a, &asked->recovery,
                                         &q->fresh);
        }
        return passphrase_take(&arguments->shared.fresh, &new_prompt, true, &q->fresh,
                               &q->fresh_form);
}

/* --- printing ------------------------------------------------------------------------------ */

static void print_json(const struct vm_passphrase_rep *reply, const struct asked *asked)
{
        struct json_object *o = output_json_vm(&reply->vm);

        json_object_object_add(o, "slots", slots_json(&reply->disks));
        output_json_text(o, "unsealed", reply->unsealed);
        slots_json_recovery(o, &asked->recovery);
        output_json(o);
}

static void print_text(const struct vm_passphrase_rep *reply, const struct asked *asked)
{
        output_vm(&reply->vm, false);
        if (!output_quiet())
                slots_print(&reply->disks);
        slots_print_recovery(&asked->recovery);
        slots_print_still(&reply->disks, reply->vm.name);
        if (*reply->unsealed)
                printf("  the seal did not open the disks, and fits them less now: %s\n"
                       "    bulkhead vm seal %s DESCRIPTOR.xml --passphrase-file FILE\n",
                       output_clean(reply->unsealed), reply->vm.name);
}

static int run(enum slot_change change, const struct argp_option *options,
               const struct argp_child *children, const char *doc, int argc, char **argv)
{
        const struct argp argp = {options, parse, "NAME", doc, children, NULL, NULL};
        struct arguments arguments = {0};
        struct asked asked = {.request = {.change = change, .present = -1, .fresh = -1}};
        struct vm_passphrase_rep reply;
        struct arena *a;
        enum status s;
        int result;

        if (!options_parse(&argp, argc, argv, &arguments, &arguments.shared))
                return EXIT_USAGE;
        a = arena_new();
        asked.request.vm = arguments.name;
        asked.request.slot = arguments.shared.slot;
        asked.request.last = arguments.last;
        s = door_vm(arguments.name);
        if (!s)
                s = take(&arguments, a, &asked);
        if (!s)
                s = door_call(CALL(vm_passphrase, &asked.request, &reply), a);
        if (s) {
                result = output_error(s, "vm passphrase %s %s", slot_change_word(change),
                                      output_clean(arguments.name));
        } else {
                arguments.shared.json ? print_json(&reply, &asked) : print_text(&reply, &asked);
                result = output_end();
        }
        if (asked.request.present >= 0)
                close(asked.request.present);
        if (asked.request.fresh >= 0)
                close(asked.request.fresh);
        explicit_bzero(&asked, sizeof asked);
        arena_free(a);
        return result;
}

int cmd_vm_passphrase_add(int argc, char **argv)
{
        return run(SLOT_ADD, no_options, add_children,
                   "Gives all encrypted disks of a stopped VM one more passphrase. The VM's seal "
                   "opens them, after all that a start checks, and follows the change; where it "
                   "does not open, the present passphrase does.",
                   argc, argv);
}

int cmd_vm_passphrase_change(int argc, char **argv)
{
        return run(SLOT_CHANGE, no_options, change_children,
                   "Replaces a passphrase of all encrypted disks of a stopped VM, in its key slot.",
                   argc, argv);
}

int cmd_vm_passphrase_remove(int argc, char **argv)
{
        return run(SLOT_REMOVE, remove_options, remove_children,
                   "Removes a passphrase from all encrypted disks of a stopped VM.", argc, argv);
}

int cmd_vm_passphrase_list(int argc, char **argv)
{
        static const struct argp argp = {
                no_options,
                parse,
                "NAME",
                "Lists the key slots of a VM's encrypted disks: the seal's "
                "own, and those of passphrases.",
                list_children,
                NULL,
                NULL};
        struct arguments arguments = {0};
        struct vm_slots_req request;
        struct vm_slots_rep reply;
        struct arena *a;
        enum status s;
        int result;

        if (!options_parse(&argp, argc, argv, &arguments, &arguments.shared))
                return EXIT_USAGE;
        a = arena_new();
        request.vm = arguments.name;
        s = door_vm(arguments.name);
        if (!s)
                s = door_call(CALL(vm_slots, &request, &reply), a);
        if (s) {
                result = output_error(s, "vm passphrase list %s", output_clean(arguments.name));
        } else {
                if (arguments.shared.json)
                        output_json(slots_json(&reply.disks));
                else
                        slots_print(&reply.disks);
                result = output_end();
        }
        arena_free(a);
        return result;
}
