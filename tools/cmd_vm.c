/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulkhead vm undefine, list, show, seal: requests to compartment-mgr. Reads the files that
 * were named (a configuration, a descriptor) and judges nothing in them.
 */
#include "tools/commands.h"
#include "tools/door.h"
#include "tools/file.h"
#include "tools/output.h"
#include "tools/owner.h"
#include "tools/passphrase.h"
#include "tools/recovery_key.h"
#include "tools/slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
        OPTION_FORMAT = 0x100,
        OPTION_FORGET_KEY,
        OPTION_NO_RECOVERY,
        OPTION_RECOVERY_TO,
        OPTION_YES
};

struct arguments {
        const char *name, *file, *recovery_to;
        struct passphrase_source passphrase;
        bool json, format, forget_key, no_recovery, yes;
        unsigned wanted; /* how many positional arguments: a name, then a file */
};

static error_t parse(int key, char *value, struct argp_state *state)
{
        struct arguments *arguments = state->input;

        switch (key) {
        case ARGP_KEY_INIT:
                if (state->child_inputs)
                        state->child_inputs[0] = &arguments->json;
                if (state->child_inputs && state->root_argp->children[1].argp)
                        state->child_inputs[1] = &arguments->passphrase;
                return 0;
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
        case OPTION_RECOVERY_TO:
                arguments->recovery_to = value;
                return 0;
        case ARGP_KEY_ARG:
                if (state->arg_num >= arguments->wanted)
                        argp_usage(state);
                if (state->arg_num == 1)
                        arguments->file = value;
                else
                        arguments->name = value;
                return 0;
        case ARGP_KEY_END:
                if (state->arg_num < arguments->wanted)
                        argp_usage(state);
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static const struct argp_child children[] = {{&output_json_argp, 0, NULL, 0}, {0}};

/* --- printing ------------------------------------------------------------------------------ */

static int finish(enum status s, const char *command, const struct arguments *arguments,
                  const struct vm_summary *vm)
{
        if (s)
                return output_error(s, "vm %s %s", command, output_clean(arguments->name));
        output_vm(vm, arguments->json);
        return output_end();
}

/* --- undefine ------------------------------------------------------------------------------ */

static struct json_object *json_forgotten(const char *name, const struct vm_undefine_rep *reply)
{
        struct json_object *o = json_object_new_object();

        output_json_text(o, "name", name);
        json_object_object_add(o, "forgotten", json_object_new_boolean(true));
        json_object_object_add(o, "disks", slots_json(&reply->disks));
        output_json_text(o, "kept", reply->kept);
        return o;
}

static void tell_forgotten(const char *name, const struct vm_undefine_rep *reply)
{
        printf("%s: forgotten\n", name);
        slots_print_left(&reply->disks, reply->kept);
}

/* Asks, on a terminal, where the seal has the only key of a disk. Whatever is not known is left to
 * compartment-mgr, which refuses. */
static bool may_lose(const char *name, struct arena *a)
{
        const struct vm_slots_req request = {.vm = name};
        struct vm_slots_rep reply;
        const char *path;

        if (!passphrase_can_ask() || door_call(CALL(vm_slots, &request, &reply), a)) {
                error_clear();
                return false;
        }
        path = slots_sealed_alone(&reply.disks);
        return path && reply.vm.generation &&
               passphrase_confirm(arena_print(a,
                                              "The seal of %s has the only key of %s: its data "
                                              "would be lost for good. Forget it?",
                                              reply.vm.name, output_clean(path)));
}

int cmd_vm_undefine(int argc, char **argv)
{
        static const struct argp_option options[] = {
                {"forget-key", OPTION_FORGET_KEY, NULL, 0,
                 "Also where that takes away the only key of an encrypted disk", 0},
                {0}};
        static const struct argp argp = {
                options,
                parse,
                "NAME",
                "Forgets a stopped VM and its seal. Its data stay, and what the seal made of the "
                "headers of its disks is removed: a passphrase opens them then. Where there is "
                "none, it asks, or needs --forget-key: nothing opens these disks any more.",
                children,
                NULL,
                NULL};
        struct arguments arguments = {.wanted = 1};
        struct vm_undefine_req request;
        struct vm_undefine_rep reply;
        struct arena *a;
        enum status s;
        int result;

        if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
                return EXIT_USAGE;
        a = arena_new();
        request.vm = arguments.name;
        request.forget_key = arguments.forget_key || may_lose(arguments.name, a);
        s = door_vm(arguments.name);
        if (!s)
                s = door_call(CALL(vm_undefine, &request, &reply), a);
        if (s) {
                result = output_error(s, "vm undefine %s", output_clean(arguments.name));
        } else {
                if (arguments.json)
                        output_json(json_forgotten(arguments.name, &reply));
                else if (!output_quiet())
                        tell_forgotten(arguments.name, &reply);
                result = output_end();
        }
        arena_free(a);
        return result;
}

/* --- list, show ---------------------------------------------------------------------------- */

enum { COLUMNS = 7, CELL = OWNER_TEXT_SIZE + 64 };

struct row {
        char cell[COLUMNS][CELL];
};

static struct row row_of(const struct vm_summary *vm)
{
        struct row r = {{[2] = "-", [3] = "-"}};
        char owner[OWNER_TEXT_SIZE], uuid[37];

        uuid_write(&vm->uuid, uuid);
        snprintf(r.cell[0], CELL, "%s", vm->name);
        snprintf(r.cell[1], CELL, "%s", vm_state_word(vm->state));
        if (vm->domid) {
                snprintf(r.cell[2], CELL, "%u", vm->domid);
                snprintf(r.cell[3], CELL, "%llu MiB", (unsigned long long)vm->memory >> 20);
        }
        snprintf(r.cell[4], CELL, "%s",
                 vm->foreign || vm->state == VM_DAMAGED ? "-"
                 : vm->generation                       ? "yes"
                                                        : "no");
        snprintf(r.cell[5], CELL, "%s", owner_text(vm, owner));
        snprintf(r.cell[6], CELL, "%s", uuid);
        return r;
}

/* What cannot be read is not only listed. */
static void print_damaged(const struct vm_list_rep *reply)
{
        for (size_t i = 0; i < reply->vms.count; i++) {
                const struct vm_summary *vm = &reply->vms.items[i];

                if (vm->state == VM_DAMAGED)
                        printf("%s: %s; bulkhead vm show %s says what to do\n", vm->name,
                               output_clean(vm->last_refusal), vm->name);
        }
}

/* Prints the rows, each column as wide as its widest cell; numbers stand at its right. */
static void print_rows(const struct row *rows, size_t count)
{
        static const bool right[COLUMNS] = {[2] = true, [3] = true};
        int width[COLUMNS] = {0};

        for (size_t i = 0; i < count; i++)
                for (size_t c = 0; c < COLUMNS; c++)
                        if ((int)strlen(rows[i].cell[c]) > width[c])
                                width[c] = (int)strlen(rows[i].cell[c]);
        for (size_t i = 0; i < count; i++) {
                for (size_t c = 0; c + 1 < COLUMNS; c++)
                        printf("%*s  ", right[c] ? width[c] : -width[c], rows[i].cell[c]);
                puts(rows[i].cell[COLUMNS - 1]);
        }
}

static int by_name(const void *a, const void *b)
{
        const struct vm_summary *x = a, *y = b;
        int order = strcmp(x->name, y->name);

        return order ? order : memcmp(&x->uuid, &y->uuid, sizeof x->uuid);
}

static void print_list(const struct vm_list_rep *reply, bool json, struct arena *a)
{
        const size_t count = reply->vms.count;
        struct vm_summary *vms = arena_get_many(a, count + 1, sizeof *vms);
        struct row *rows = arena_get_many(a, count + 1, sizeof *rows);
        struct json_object *list;

        if (count)
                memcpy(vms, reply->vms.items, count * sizeof *vms);
        qsort(vms, count, sizeof *vms, by_name);
        if (json) {
                list = json_object_new_array();
                for (size_t i = 0; i < count; i++)
                        json_object_array_add(list, output_json_vm(&vms[i]));
                output_json(list);
                return;
        }
        rows[0] = (struct row){{"NAME", "STATE", "DOMID", "MEMORY", "SEALED", "OWNER", "UUID"}};
        for (size_t i = 0; i < count; i++)
                rows[i + 1] = row_of(&vms[i]);
        print_rows(rows, count + 1);
        print_damaged(reply);
}

int cmd_vm_list(int argc, char **argv)
{
        static const struct argp argp = {NULL,
                                         parse,
                                         NULL,
                                         "Lists the VMs that you may see, as the hypervisor has "
                                         "them now; an admin also sees those that others started "
                                         "(owner foreign).",
                                         children,
                                         NULL,
                                         NULL};
        struct arguments arguments = {0};
        struct vm_list_rep reply;
        struct arena *a;
        enum status s;
        int result;

        if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
                return EXIT_USAGE;
        a = arena_new();
        s = door_call(CALL(vm_list, &(struct vm_list_req){}, &reply), a);
        if (s) {
                result = output_error(s, "vm list");
        } else {
                print_list(&reply, arguments.json, a);
                result = output_end();
        }
        arena_free(a);
        return result;
}

static const struct device_state *state_of(const struct vm_show_rep *reply, const char *device)
{
        for (size_t i = 0; i < reply->devices.count; i++)
                if (!strcmp(reply->devices.items[i].device, device))
                        return &reply->devices.items[i];
        return NULL;
}

static bool is_of(const struct device_state *d, const char *kind)
{
        return !strcmp(d->kind, kind);
}

static bool is_attached(const struct vm_show_rep *reply, const char *device)
{
        const struct device_state *d = state_of(reply, device);

        return d && d->attached;
}

static struct json_object *json_interfaces(const struct vm_show_rep *reply)
{
        struct json_object *all = json_object_new_array();

        for (size_t i = 0; i < reply->devices.count; i++) {
                const struct device_state *d = &reply->devices.items[i];
                struct json_object *nic;

                if (!is_of(d, "nic"))
                        continue;
                nic = json_object_new_object();
                output_json_text(nic, "device", d->device);
                output_json_text(nic, "bridge", d->where);
                json_object_object_add(nic, "attached", json_object_new_boolean(d->attached));
                json_object_array_add(all, nic);
        }
        return all;
}

/* The stored configuration is JSON; it ends where its bytes do, without a NUL. NULL if it has
 * none. */
static struct json_object *config_as_json(struct bytes config)
{
        struct json_tokener *reader = json_tokener_new();
        struct json_object *o = NULL;

        if (reader && config.len)
                o = json_tokener_parse_ex(reader, (const char *)config.data, (int)config.len);
        if (reader)
                json_tokener_free(reader);
        return o;
}

static void show_json(const struct vm_show_rep *reply)
{
        struct json_object *o = output_json_vm(&reply->vm), *disks = json_object_new_array();
        struct json_object *config = config_as_json(reply->config);

        for (size_t i = 0; i < reply->disks.count; i++) {
                const struct disk *d = &reply->disks.items[i];
                struct json_object *disk = json_object_new_object();

                output_json_text(disk, "device", d->device);
                output_json_text(disk, "path", d->path);
                output_json_text(disk, "kind", d->kind);
                json_object_object_add(disk, "writable", json_object_new_boolean(d->writable));
                json_object_object_add(disk, "attached",
                                       json_object_new_boolean(is_attached(reply, d->device)));
                json_object_array_add(disks, disk);
        }
        json_object_object_add(o, "disks", disks);
        json_object_object_add(o, "interfaces", json_interfaces(reply));
        json_object_object_add(o, "config", config);
        json_object_object_add(o, "descriptor",
                               json_object_new_string_len((const char *)reply->descriptor.data,
                                                          (int)reply->descriptor.len));
        output_json(o);
}

/* Says whether a device is attached; nothing for a VM without a domain. */
static const char *told_attached(const struct vm_show_rep *reply, const char *device)
{
        if (!reply->vm.domid)
                return "";
        return is_attached(reply, device) ? ", attached" : ", not attached";
}

static void show_text(const struct vm_show_rep *reply)
{
        char uuid[37];

        output_vm(&reply->vm, false);
        uuid_write(&reply->vm.uuid, uuid);
        printf("  uuid        %s\n", uuid);
        for (size_t i = 0; i < reply->disks.count; i++) {
                const struct disk *d = &reply->disks.items[i];

                printf("  disk        %s %s (%s, %s%s)\n", d->device, output_clean(d->path),
                       d->kind, d->writable ? "writable" : "read-only",
                       told_attached(reply, d->device));
        }
        for (size_t i = 0; i < reply->devices.count; i++) {
                const struct device_state *d = &reply->devices.items[i];

                if (!is_of(d, "disk"))
                        printf("  %-11s %s %s%s\n", is_of(d, "nic") ? "interface" : d->kind,
                               d->device, output_clean(d->where), told_attached(reply, d->device));
        }
        if (reply->config.len)
                printf("  config      %.*s\n", (int)reply->config.len,
                       (const char *)reply->config.data);
        if (reply->descriptor.len) {
                puts("  descriptor");
                output_lines(reply->descriptor);
        }
}

static enum status ask_show(const char *name, struct vm_show_rep *reply, struct arena *a)
{
        struct vm_show_req request = {.vm = name};
        enum status s = door_vm(name);

        return s ? s : door_call(CALL(vm_show, &request, reply), a);
}

int cmd_vm_show(int argc, char **argv)
{
        static const struct argp argp = {
                NULL,
                parse,
                "NAME",
                "Shows one VM: state, disks, the configuration that is measured, and the "
                "descriptor that it was sealed with.",
                children,
                NULL,
                NULL};
        struct arguments arguments = {.wanted = 1};
        struct vm_show_rep reply;
        struct arena *a;
        enum status s;
        int result;

        if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
                return EXIT_USAGE;
        a = arena_new();
        s = ask_show(arguments.name, &reply, a);
        if (s) {
                result = output_error(s, "vm show %s", output_clean(arguments.name));
        } else {
                arguments.json ? show_json(&reply) : show_text(&reply);
                result = output_end();
        }
        arena_free(a);
        return result;
}

/* --- console ------------------------------------------------------------------------------- */

/* The domain's number; ST_WRONG_STATE unless the VM is one of ours and has a domain. */
static enum status console_of(const char *name, struct arena *a, unsigned *domid_out)
{
        struct vm_show_rep reply;
        enum status s = door_vm(name);

        if (!s)
                s = ask_show(name, &reply, a);
        if (s)
                return s;
        if (reply.vm.simulated)
                return FAIL(ST_UNSUPPORTED, .subject = FMT("VM %s", name),
                            .expected = "a VM of Xen", .found = "a simulated one, without console");
        if (reply.vm.foreign || !reply.vm.domid)
                return FAIL(ST_WRONG_STATE, .subject = FMT("VM %s", name),
                            .expected = "a VM of Bulkhead that runs",
                            .found = reply.vm.foreign ? "one that others started"
                                                      : vm_state_word(reply.vm.state),
                            .remedy = reply.vm.foreign ? FMT("xl console %u", reply.vm.domid)
                                                       : FMT("bulkhead vm start %s", name));
        *domid_out = reply.vm.domid;
        return ST_DONE;
}

int cmd_vm_console(int argc, char **argv)
{
        static const struct argp argp = {
                NULL,
                parse,
                "NAME",
                "Hands over to xl console, for the guest's console, after asking whether the VM "
                "runs and is Bulkhead's. Ctrl-] leaves it. Needs root, as xl does.",
                NULL,
                NULL,
                NULL};
        struct arguments arguments = {.wanted = 1};
        struct arena *a;
        unsigned domid = 0;
        char text[16];
        enum status s;

        if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
                return EXIT_USAGE;
        a = arena_new();
        s = console_of(arguments.name, a, &domid);
        arena_free(a);
        if (!s) {
                snprintf(text, sizeof text, "%u", domid);
                execlp("xl", "xl", "console", text, (char *)NULL);
                s = FAIL(status_of_errno(errno), .subject = "xl", .found = strerror(errno),
                         .remedy = "apt-get install xen-utils-common");
        }
        return output_error(s, "vm console %s", output_clean(arguments.name));
}

/* --- seal ---------------------------------------------------------------------------------- */

static const struct argp_option seal_options[] = {
        {"format", OPTION_FORMAT, NULL, 0,
         "Make new encrypted disks: DESTROYS what is on the VM's writable disks", 1},
        {"yes", OPTION_YES, NULL, 0,
         "Also where --format destroys something that is recognised, or a disk is sealed for a VM "
         "that is not defined here (asked for without it)",
         1},
        {"no-recovery", OPTION_NO_RECOVERY, NULL, 0,
         "With --format and no passphrase: make no recovery key; the disks' key is then in this "
         "TPM "
         "alone",
         1},
        {"recovery-to", OPTION_RECOVERY_TO, "PUBKEY.pem", 0,
         "Print the recovery key for the holder of that key alone (CMS, PEM)", 1},
        {0},
};

/* What opens the disks beside the seal. */
struct opener {
        int fd; /* or -1 */
        enum passphrase_form form;
        char recovery[RECOVERY_KEY_SIZE]; /* "" if none was made */
        struct bytes wrapped;
};

static enum status make_recovery(const char *to, struct arena *a, struct opener *out)
{
        enum status s = ST_DONE;

        recovery_key_make(out->recovery);
        if (to)
                s = recovery_key_wrap(out->recovery, to, a, &out->wrapped);
        out->form = PASSPHRASE_RECOVERY;
        return s ? s
                 : passphrase_of((struct bytes){(const uint8_t *)out->recovery, RECOVERY_KEY_LEN},
                                 &out->fd);
}

/* To adopt disks takes their passphrase if the VM was never sealed; a sealed VM's key opens them.
 * New disks get a recovery key. */
static enum status find_opener(const struct arguments *arguments, struct arena *a,
                               struct opener *out)
{
        struct vm_show_rep vm;
        bool encrypted = false;
        enum status s;

        if (passphrase_is_given(&arguments->passphrase))
                return passphrase_take(&arguments->passphrase, NULL, false, &out->fd, &out->form);
        if (arguments->format ? arguments->no_recovery : !passphrase_can_ask())
                return ST_DONE;
        s = ask_show(arguments->name, &vm, a);
        if (s)
                return s;
        for (size_t i = 0; i < vm.disks.count; i++)
                encrypted |= !strcmp(vm.disks.items[i].kind, "crypt");
        if (!encrypted || vm.vm.generation)
                return ST_DONE;
        if (arguments->format)
                return make_recovery(arguments->recovery_to, a, out);
        return passphrase_pipe(NULL, "Present passphrase of the LUKS2 disks", false, &out->fd);
}

static int finish_seal(enum status s, const struct arguments *arguments,
                       const struct vm_summary *vm, const struct opener *by)
{
        struct json_object *o;

        if (s && *by->recovery && status_exit(s) != EXIT_REFUSED) {
                fputs("if the VM is sealed all the same, this opens its disks:\n", stdout);
                slots_print_recovery(by->recovery, by->wrapped);
        }
        if (s || !*by->recovery)
                return finish(s, "seal", arguments, vm);
        if (!arguments->json) {
                output_vm(vm, false);
                slots_print_recovery(by->recovery, by->wrapped);
                return output_end();
        }
        o = output_json_vm(vm);
        output_json_text(o, by->wrapped.len ? "recovery_cms" : "recovery_key",
                         by->wrapped.len ? (const char *)by->wrapped.data : by->recovery);
        output_json(o);
        return output_end();
}

static const struct argp_child seal_children[] = {
        {&output_json_argp, 0, NULL, 0}, {&passphrase_argp, 0, NULL, 0}, {0}};

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

int cmd_vm_seal(int argc, char **argv)
{
        static const struct argp argp = {
                seal_options,
                parse,
                "NAME DESCRIPTOR.xml",
                "Makes (--format) or adopts the VM's encrypted disks and seals their key to what "
                "the descriptor measures and to this host's approved states.\v"
                "Without --format nothing on a disk is destroyed: a LUKS2 disk is adopted by "
                "adding a key slot, a plain one is refused. Sealing again binds the present state "
                "anew; after a change it takes a passphrase of the disks. With --format, a "
                "passphrase "
                "that is given will open the new disks, too; without one, a recovery key is made "
                "and "
                "printed once.",
                seal_children,
                NULL,
                NULL};
        struct arguments arguments = {.wanted = 2};
        struct vm_seal_req request = {.passphrase = -1};
        struct opener by = {.fd = -1};
        struct vm_seal_rep reply;
        struct arena *a;
        enum status s;
        int result;

        if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
                return EXIT_USAGE;
        a = arena_new();
        request.vm = arguments.name;
        request.format = arguments.format;
        request.yes = arguments.yes;
        s = door_vm(arguments.name);
        if (!s)
                s = file_read(arguments.file, DOCUMENT_MOST, a, &request.descriptor);
        if (!s)
                s = find_opener(&arguments, a, &by);
        request.passphrase = by.fd;
        request.form = by.form;
        if (!s)
                s = door_call(CALL(vm_seal, &request, &reply), a);
        if (s == ST_CONSENT && consent_given(arguments.format)) {
                request.yes = true;
                s = door_call(CALL(vm_seal, &request, &reply), a);
        }
        result = finish_seal(s, &arguments, &reply.vm, &by);
        if (by.fd >= 0)
                close(by.fd);
        explicit_bzero(&by, sizeof by);
        arena_free(a);
        return result;
}
