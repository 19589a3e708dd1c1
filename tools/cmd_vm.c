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

#include <string.h>
#include <unistd.h>

enum { OPTION_FORMAT = 0x100, OPTION_FORGET_KEY, OPTION_PASSPHRASE_FILE };

struct arguments {
        const char *name, *file, *passphrase_file;
        bool json, format, forget_key;
        unsigned wanted; /* how many positional arguments: a name, then a file */
};

static error_t parse(int key, char *value, struct argp_state *state)
{
        struct arguments *arguments = state->input;

        switch (key) {
        case ARGP_KEY_INIT:
                if (state->child_inputs)
                        state->child_inputs[0] = &arguments->json;
                return 0;
        case OPTION_FORMAT:
                arguments->format = true;
                return 0;
        case OPTION_FORGET_KEY:
                arguments->forget_key = true;
                return 0;
        case OPTION_PASSPHRASE_FILE:
                arguments->passphrase_file = value;
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
                "Forgets a stopped VM and its seal. Its disks stay as they are: what only the seal "
                "could open stays shut for good.",
                NULL,
                NULL,
                NULL};
        struct arguments arguments = {.wanted = 1};
        struct vm_undefine_req request;
        struct vm_undefine_rep reply;
        struct arena *a;
        enum status s;

        if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
                return EXIT_USAGE;
        a = arena_new();
        request.vm = arguments.name;
        request.forget_key = arguments.forget_key;
        s = door_vm(arguments.name);
        if (!s)
                s = door_call(CALL(vm_undefine, &request, &reply), a);
        arena_free(a);
        if (s)
                return output_error(s, "vm undefine %s", output_clean(arguments.name));
        printf("%s: forgotten\n", arguments.name);
        return output_end();
}

/* --- list, show ---------------------------------------------------------------------------- */

static void print_one(const struct vm_summary *vm)
{
        char uuid[37], domid[16] = "-", memory[32] = "-", owner[OWNER_TEXT_SIZE];

        uuid_write(&vm->uuid, uuid);
        if (vm->domid) {
                snprintf(domid, sizeof domid, "%u", vm->domid);
                snprintf(memory, sizeof memory, "%llu MiB", (unsigned long long)vm->memory >> 20);
        }
        printf("%-16s %-11s %5s %8s %-7s %-16s %s\n", vm->name, vm_state_word(vm->state), domid,
               memory,
               vm->foreign      ? "-"
               : vm->generation ? "yes"
                                : "no",
               owner_text(vm, owner), uuid);
}

static void print_list(const struct vm_list_rep *reply, bool json)
{
        struct json_object *list;

        if (json) {
                list = json_object_new_array();
                for (size_t i = 0; i < reply->vms.count; i++)
                        json_object_array_add(list, output_json_vm(&reply->vms.items[i]));
                output_json(list);
                return;
        }
        printf("%-16s %-11s %5s %8s %-7s %-16s %s\n", "NAME", "STATE", "DOMID", "MEMORY", "SEALED",
               "OWNER", "UUID");
        for (size_t i = 0; i < reply->vms.count; i++)
                print_one(&reply->vms.items[i]);
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
                print_list(&reply, arguments.json);
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

static void show_json(const struct vm_show_rep *reply)
{
        struct json_object *o = output_json_vm(&reply->vm), *disks = json_object_new_array();
        struct json_object *config =
                reply->config.len ? json_tokener_parse((const char *)reply->config.data) : NULL;

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

/* --- seal ---------------------------------------------------------------------------------- */

static const struct argp_option seal_options[] = {
        {"format", OPTION_FORMAT, NULL, 0,
         "Make new encrypted disks: DESTROYS what is on the VM's writable disks", 1},
        {"passphrase-file", OPTION_PASSPHRASE_FILE, "FILE", 0,
         "The first line opens the LUKS2 disks that are adopted (asked for without it); with "
         "--format, it will open the new disks too: without one their key is in this TPM alone, "
         "and none can be added later",
         1},
        {0},
};

/* To adopt disks takes their passphrase if the VM was never sealed; a sealed VM's key opens
 * them. */
static enum status adoption_passphrase(const struct arguments *arguments, struct arena *a,
                                       int *fd_out)
{
        struct vm_show_rep vm;
        bool adopt = false;
        enum status s;

        if (arguments->passphrase_file)
                return passphrase_pipe(arguments->passphrase_file, NULL, false, fd_out);
        if (arguments->format || !passphrase_can_ask())
                return ST_DONE;
        s = ask_show(arguments->name, &vm, a);
        if (s)
                return s;
        for (size_t i = 0; i < vm.disks.count; i++)
                adopt |= !strcmp(vm.disks.items[i].kind, "crypt");
        if (!adopt || vm.vm.generation)
                return ST_DONE;
        return passphrase_pipe(NULL, "Present passphrase of the LUKS2 disks", false, fd_out);
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
                "anew; after a change it takes a passphrase of the disks.",
                children,
                NULL,
                NULL};
        struct arguments arguments = {.wanted = 2};
        struct vm_seal_req request = {.passphrase = -1};
        struct vm_seal_rep reply;
        struct arena *a;
        enum status s;
        int result;

        if (argp_parse(&argp, argc, argv, 0, NULL, &arguments))
                return EXIT_USAGE;
        a = arena_new();
        request.vm = arguments.name;
        request.format = arguments.format;
        s = door_vm(arguments.name);
        if (!s)
                s = file_read(arguments.file, DOCUMENT_MOST, a, &request.descriptor);
        if (!s)
                s = adoption_passphrase(&arguments, a, &request.passphrase);
        if (!s)
                s = door_call(CALL(vm_seal, &request, &reply), a);
        result = finish(s, "seal", &arguments, &reply.vm);
        if (request.passphrase >= 0)
                close(request.passphrase);
        arena_free(a);
        return result;
}
