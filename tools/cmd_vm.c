/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulkhead vm undefine, list, show, console: requests to compartment-mgr.
 */
#include "tools/commands.h"
#include "tools/door.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/owner.h"
#include "tools/slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_FORGET_KEY = 0x100 };

struct arguments {
        const char *name;
        struct options shared;
        bool forget_key;
        unsigned wanted; /* how many VMs have to be named: none or one */
};

static error_t parse(int key, char *value, struct argp_state *state)
{
        struct arguments *arguments = state->input;

        switch (key) {
        case OPTION_FORGET_KEY:
                arguments->forget_key = true;
                return 0;
        case ARGP_KEY_ARG:
                if (state->arg_num >= arguments->wanted)
                        argp_usage(state);
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

static const struct argp_child children[] = {{&options_output, 0, NULL, 0}, {0}};

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

        if (!options_parse(&argp, argc, argv, &arguments, &arguments.shared))
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
                if (arguments.shared.json)
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
        if (!output_quiet())
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

        if (!options_parse(&argp, argc, argv, &arguments, &arguments.shared))
                return EXIT_USAGE;
        a = arena_new();
        s = door_call(CALL(vm_list, &(struct vm_list_req){}, &reply), a);
        if (s) {
                result = output_error(s, "vm list");
        } else {
                print_list(&reply, arguments.shared.json, a);
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
        output_json_text(o, "overwritten", reply->overwritten);
        json_object_object_add(o, "undecided", json_object_new_boolean(reply->undecided));
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

        output_vm_text(&reply->vm);
        uuid_write(&reply->vm.uuid, uuid);
        printf("  uuid        %s\n", uuid);
        for (size_t i = 0; i < reply->disks.count; i++) {
                const struct disk *d = &reply->disks.items[i];

                printf("  disk        %s %s (%s, %s%s)\n", d->device, output_clean(d->path),
                       d->kind, d->writable ? "writable" : "read-only",
                       told_attached(reply, d->device));
        }
        if (*reply->overwritten)
                printf("  overwritten %s: by a --format that was not finished; nothing is sealed\n",
                       output_clean(reply->overwritten));
        if (reply->undecided)
                puts("  undecided   whether the last seal counts; the next operation settles it");
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

        if (!options_parse(&argp, argc, argv, &arguments, &arguments.shared))
                return EXIT_USAGE;
        a = arena_new();
        s = door_show(arguments.name, &reply, a);
        if (s) {
                result = output_error(s, "vm show %s", output_clean(arguments.name));
        } else {
                arguments.shared.json ? show_json(&reply) : show_text(&reply);
                result = output_end();
        }
        arena_free(a);
        return result;
}

/* --- console ------------------------------------------------------------------------------- */

/* xl lets nobody else have a console. */
static enum status root_needed(const char *name)
{
        return FAIL(ST_DENIED, .subject = FMT("the console of VM %s", name), .expected = "root",
                    .found = "another user",
                    .remedy = FMT("as root: bulkhead vm console %s", name));
}

/* The domain's number; ST_WRONG_STATE unless the VM is one of ours and has a domain. */
static enum status console_of(const char *name, struct arena *a, unsigned *domid_out)
{
        struct vm_show_rep reply;
        enum status s = door_show(name, &reply, a);

        if (s == ST_DENIED)
                return root_needed(name);
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
        return geteuid() ? root_needed(name) : ST_DONE;
}

int cmd_vm_console(int argc, char **argv)
{
        static const struct argp_child quiet_children[] = {{&options_quiet, 0, NULL, 0}, {0}};
        static const struct argp argp = {
                NULL,
                parse,
                "NAME",
                "Hands over to xl console, for the guest's console, after asking whether the VM "
                "runs and is Bulkhead's. Ctrl-] leaves it. Needs root, as xl does.",
                quiet_children,
                NULL,
                NULL};
        struct arguments arguments = {.wanted = 1};
        struct arena *a;
        unsigned domid = 0;
        char text[16];
        enum status s;

        if (!options_parse(&argp, argc, argv, &arguments, &arguments.shared))
                return EXIT_USAGE;
        a = arena_new();
        s = console_of(arguments.name, a, &domid);
        arena_free(a);
        if (!s) {
                snprintf(text, sizeof text, "%u", domid);
                execlp("xl", "xl", "console", text, (char *)NULL);
                s = FAIL(ST_IO, .subject = "xl", .found = strerror(errno),
                         .remedy = "apt-get install xen-utils-common");
        }
        return output_error(s, "vm console %s", output_clean(arguments.name));
}
