/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulkhead vm passphrase add, change, remove, list: requests to compartment-mgr. Passphrases travel
 * in pipes and memory files; a recovery key is printed once, on standard output.
 */
#include "tools/commands.h"
#include "tools/door.h"
#include "tools/output.h"
#include "tools/passphrase.h"
#include "tools/recovery_key.h"
#include "tools/slots.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_SLOT = 0x100, OPTION_LAST, OPTION_RECOVERY, OPTION_RECOVERY_TO };

struct arguments {
        const char *name, *recovery_to;
        struct passphrase_source present, fresh;
        uint32_t slot; /* KEY_SLOTS_MOST: none was named */
        bool json, last, recovery;
};

static error_t parse(int key, char *value, struct argp_state *state)
{
        struct arguments *arguments = state->input;
        char *end;

        switch (key) {
        case ARGP_KEY_INIT:
                state->child_inputs[0] = &arguments->json;
                if (state->root_argp->children[1].argp)
                        state->child_inputs[1] = &arguments->present;
                if (state->root_argp->children[1].argp && state->root_argp->children[2].argp)
                        state->child_inputs[2] = &arguments->fresh;
                return 0;
        case OPTION_SLOT:
                arguments->slot = (uint32_t)strtoul(value, &end, 10);
                if (*end || *value < '0' || *value > '9' || arguments->slot >= KEY_SLOTS_MOST)
                        argp_error(state, "'%s' is not the number of a key slot", value);
                return 0;
        case OPTION_LAST:
                arguments->last = true;
                return 0;
        case OPTION_RECOVERY_TO:
                arguments->recovery_to = value;
                /* fall through */
        case OPTION_RECOVERY:
                arguments->recovery = true;
                return 0;
        case ARGP_KEY_ARG:
                if (arguments->name)
                        argp_usage(state);
                arguments->name = value;
                return 0;
        case ARGP_KEY_END:
                if (!arguments->name)
                        argp_usage(state);
                if (arguments->recovery && passphrase_is_given(&arguments->fresh))
                        argp_error(state, "a recovery key is made, not given");
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static const struct argp_option no_options[] = {{0}};
static const struct argp_option add_options[] = {
        {"recovery", OPTION_RECOVERY, NULL, 0,
         "The new passphrase is a recovery key of 256 bits, printed once", 1},
        {"recovery-to", OPTION_RECOVERY_TO, "PUBKEY.pem", 0,
         "The same, printed for the holder of that key alone (CMS, PEM)", 1},
        {0}};
static const struct argp_option change_options[] = {
        {"slot", OPTION_SLOT, "N", 0,
         "The passphrase of that key slot, instead of the one that is given", 1},
        {"recovery", OPTION_RECOVERY, NULL, 0,
         "The new passphrase is a recovery key of 256 bits, printed once", 1},
        {"recovery-to", OPTION_RECOVERY_TO, "PUBKEY.pem", 0,
         "The same, printed for the holder of that key alone (CMS, PEM)", 1},
        {0}};
static const struct argp_option remove_options[] = {
        {"slot", OPTION_SLOT, "N", 0,
         "The passphrase of that key slot, instead of the one that is given", 1},
        {"last", OPTION_LAST, NULL, 0, "Also where only the seal opens the disks afterwards", 1},
        {0}};

/* --- what is asked ------------------------------------------------------------------------- */

struct asked {
        struct vm_passphrase_req request;
        char recovery[RECOVERY_KEY_SIZE];
        struct bytes wrapped;
};

static enum status make_recovery(const struct arguments *arguments, struct arena *a,
                                 struct asked *asked)
{
        enum status s = ST_DONE;

        recovery_key_make(asked->recovery);
        if (arguments->recovery_to)
                s = recovery_key_wrap(asked->recovery, arguments->recovery_to, a, &asked->wrapped);
        asked->request.fresh_form = PASSPHRASE_RECOVERY;
        return s ? s
                 : passphrase_of((struct bytes){(const uint8_t *)asked->recovery, RECOVERY_KEY_LEN},
                                 &asked->request.fresh);
}

static enum status take(const struct arguments *arguments, struct arena *a, struct asked *asked)
{
        struct vm_passphrase_req *q = &asked->request;
        const bool finds = q->change != SLOT_ADD && q->slot == KEY_SLOTS_MOST;
        enum status s = ST_DONE;

        if (passphrase_is_given(&arguments->present) || finds)
                s = passphrase_take(&arguments->present, "Present passphrase", false, &q->present,
                                    &q->present_form);
        if (s || q->change == SLOT_REMOVE)
                return s;
        if (arguments->recovery)
                return make_recovery(arguments, a, asked);
        return passphrase_take(&arguments->fresh, "New passphrase", true, &q->fresh,
                               &q->fresh_form);
}

/* --- printing ------------------------------------------------------------------------------ */

static void print_json(const struct vm_passphrase_rep *reply, const struct asked *asked)
{
        struct json_object *o = output_json_vm(&reply->vm);

        json_object_object_add(o, "slots", slots_json(&reply->disks));
        output_json_text(o, "unsealed", reply->unsealed);
        if (asked->wrapped.len)
                output_json_text(o, "recovery_cms", (const char *)asked->wrapped.data);
        else if (*asked->recovery)
                output_json_text(o, "recovery_key", asked->recovery);
        output_json(o);
}

static void print_text(const struct vm_passphrase_rep *reply, const struct asked *asked)
{
        output_vm(&reply->vm, false);
        slots_print(&reply->disks);
        if (*asked->recovery)
                slots_print_recovery(asked->recovery, asked->wrapped);
        if (*reply->unsealed)
                printf("  the seal did not open the disks, and fits them less now: %s\n"
                       "    bulkhead vm seal %s DESCRIPTOR.xml --passphrase-file FILE\n",
                       output_clean(reply->unsealed), reply->vm.name);
}

static int run(enum slot_change change, const struct argp_option *options, bool fresh,
               const char *doc, int argc, char **argv)
{
        const struct argp_child children[] = {{&output_json_argp, 0, NULL, 0},
                                              {&passphrase_argp, 0, NULL, 0},
                                              {fresh ? &passphrase_new_argp : NULL, 0, NULL, 0},
                                              {0}};
        const struct argp argp = {options, parse, "NAME", doc, children, NULL, NULL};
        struct arguments arguments = {.slot = KEY_SLOTS_MOST};
        struct asked asked = {.request = {.change = change, .present = -1, .fresh = -1}};
        struct vm_passphrase_rep reply;
        struct arena *a;
        enum status s;
        int result;

        if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
                return EXIT_USAGE;
        a = arena_new();
        asked.request.vm = arguments.name;
        asked.request.slot = arguments.slot;
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
                arguments.json ? print_json(&reply, &asked) : print_text(&reply, &asked);
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
        return run(SLOT_ADD, add_options, true,
                   "Gives all encrypted disks of a stopped VM one more passphrase. The VM's seal "
                   "opens them, after all that a start checks, and follows the change; where it "
                   "does not open, the present passphrase does.",
                   argc, argv);
}

int cmd_vm_passphrase_change(int argc, char **argv)
{
        return run(SLOT_CHANGE, change_options, true,
                   "Replaces a passphrase of all encrypted disks of a stopped VM, in its key slot.",
                   argc, argv);
}

int cmd_vm_passphrase_remove(int argc, char **argv)
{
        return run(SLOT_REMOVE, remove_options, false,
                   "Removes a passphrase from all encrypted disks of a stopped VM.", argc, argv);
}

int cmd_vm_passphrase_list(int argc, char **argv)
{
        static const struct argp_child children[] = {{&output_json_argp, 0, NULL, 0},
                                                     {NULL, 0, NULL, 0}};
        static const struct argp argp = {
                no_options,
                parse,
                "NAME",
                "Lists the key slots of a VM's encrypted disks: the seal's "
                "own, and those of passphrases.",
                children,
                NULL,
                NULL};
        struct arguments arguments = {.slot = KEY_SLOTS_MOST};
        struct vm_slots_req request;
        struct vm_slots_rep reply;
        struct arena *a;
        enum status s;
        int result;

        if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
                return EXIT_USAGE;
        a = arena_new();
        request.vm = arguments.name;
        s = door_vm(arguments.name);
        if (!s)
                s = door_call(CALL(vm_slots, &request, &reply), a);
        if (s) {
                result = output_error(s, "vm passphrase list %s", output_clean(arguments.name));
        } else {
                if (arguments.json)
                        output_json(slots_json(&reply.disks));
                else
                        slots_print(&reply.disks);
                result = output_end();
        }
        arena_free(a);
        return result;
}
