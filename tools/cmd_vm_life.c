/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulkhead vm start, stop, destroy, suspend, resume, hibernate, autostart, attach, detach: each is
 * one request to compartment-mgr for each VM that was named, and prints the VM's state after it.
 */
#include "tools/commands.h"
#include "tools/door.h"
#include "tools/options.h"
#include "tools/output.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_TIMEOUT = 0x100, OPTION_OFF, SECONDS_MOST = 86400 };

struct life {
        const char *name; /* of the VM, or of the one whose turn it is */
        char **names;     /* of all, in the order of the command line */
        size_t count;
        const char *device;      /* of attach and detach */
        bool several;            /* one VM or more; else a VM and a device */
        struct json_object *all; /* for several VMs: what is printed at the end */
        struct options shared;
        bool off;
        uint32_t seconds;
};

static void set_seconds(struct argp_state *state, struct life *life, const char *text)
{
        char *end;
        unsigned long seconds = strtoul(text, &end, 10);

        if (*end || *text < '0' || *text > '9' || !seconds || seconds > SECONDS_MOST)
                argp_error(state, "--timeout %s: not a number of seconds from 1 to %d", text,
                           SECONDS_MOST);
        life->seconds = (uint32_t)seconds;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
        struct life *life = state->input;

        switch (key) {
        case OPTION_TIMEOUT:
                set_seconds(state, life, value);
                return 0;
        case OPTION_OFF:
                life->off = true;
                return 0;
        case ARGP_KEY_ARGS:
                life->names = state->argv + state->next;
                life->count = (size_t)(state->argc - state->next);
                if (!life->several && life->count != 2)
                        argp_usage(state);
                return 0;
        case ARGP_KEY_NO_ARGS:
                argp_usage(state);
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static const struct argp_option no_options[] = {{0}};
static const struct argp_option stop_options[] = {
        {"timeout", OPTION_TIMEOUT, "SECONDS", 0,
         "For the guest to shut itself down; after that it is ended by force (60)", 1},
        {0}};
static const struct argp_option autostart_options[] = {
        {"off", OPTION_OFF, NULL, 0, "Not any more", 1}, {0}};
static const struct argp_child children[] = {{&options_output, 0, NULL, 0}, {0}};

/* Each of these requests begins with the VM's name, and each reply with a summary of the VM. */
#define LIFE_MESSAGES(X)                                                                           \
        X(vm_start)                                                                                \
        X(vm_stop)                                                                                 \
        X(vm_destroy)                                                                              \
        X(vm_suspend)                                                                              \
        X(vm_resume)                                                                               \
        X(vm_hibernate)                                                                            \
        X(vm_autostart)                                                                            \
        X(vm_attach)                                                                               \
        X(vm_detach)

union request {
        const char *vm;
#define MEMBER(name) struct name##_req name;
        LIFE_MESSAGES(MEMBER)
#undef MEMBER
};

union reply {
        struct vm_summary vm;
#define MEMBER(name) struct name##_rep name;
        LIFE_MESSAGES(MEMBER)
#undef MEMBER
};

#define BEGINS_ALIKE(name)                                                                         \
        _Static_assert(!offsetof(struct name##_req, vm) && !offsetof(struct name##_rep, vm) &&     \
                               _Generic(((struct name##_req *)0)->vm, const char * : 1) &&         \
                               _Generic(((struct name##_rep *)0)->vm, struct vm_summary : 1),      \
                       #name " does not begin as the unions do");
LIFE_MESSAGES(BEGINS_ALIKE)

static enum status call(enum message_number number, union request *q, union reply *p,
                        struct arena *a)
{
        switch (number) {
#define CALL_IT(name)                                                                              \
        case MESSAGE_##name:                                                                       \
                return door_call(CALL(name, &q->name, &p->name), a);
                LIFE_MESSAGES(CALL_IT)
#undef CALL_IT
        default:
                return FAIL(ST_INTERNAL, .subject = "a message that is not of a VM's life");
        }
}

static union request make_request(enum message_number number, const struct life *life)
{
        union request q = {.vm = life->name};

        if (number == MESSAGE_vm_stop)
                q.vm_stop.seconds = life->seconds;
        if (number == MESSAGE_vm_autostart)
                q.vm_autostart.on = !life->off;
        if (number == MESSAGE_vm_attach)
                q.vm_attach.device = life->device;
        if (number == MESSAGE_vm_detach)
                q.vm_detach.device = life->device;
        return q;
}

static void tell_json(struct life *life, struct json_object *o)
{
        if (life->all)
                json_object_array_add(life->all, o);
        else
                output_json(o);
}

static void tell_stopped(struct life *life, const struct vm_stop_rep *reply)
{
        struct json_object *o;

        if (life->shared.json) {
                o = output_json_vm(&reply->vm);
                json_object_object_add(o, "clean", json_object_new_boolean(reply->clean));
                tell_json(life, o);
                return;
        }
        output_vm(&reply->vm, false);
        if (!reply->clean && !output_quiet())
                printf("  no clean stop: it had ended otherwise, "
                       "or was ended by force after %u s\n",
                       reply->seconds);
}

static void tell(struct life *life, enum message_number number, const union reply *reply)
{
        if (number == MESSAGE_vm_stop)
                tell_stopped(life, &reply->vm_stop);
        else if (life->shared.json)
                tell_json(life, output_json_vm(&reply->vm));
        else
                output_vm(&reply->vm, false);
}

/* One VM. Returns the exit status. */
static int run_one(const char *command, enum message_number number, struct life *life)
{
        struct arena *a = arena_new();
        union request request = make_request(number, life);
        union reply reply;
        enum status s = door_vm(life->name);
        int result = EXIT_DONE;

        if (!s && life->device)
                s = door_name("device", life->device);
        if (!s)
                s = call(number, &request, &reply, a);
        if (s)
                result = output_error(s, "vm %s %s", command, output_clean(life->name));
        else
                tell(life, number, &reply);
        arena_free(a);
        return result;
}

/* All that were named, one after the other, whatever becomes of one of them. The exit status is
 * that of the worst. */
static int run_each(const char *command, enum message_number number, struct life *life)
{
        int worst = EXIT_DONE;

        if (life->shared.json && life->count > 1)
                life->all = json_object_new_array();
        for (size_t i = 0; i < life->count; i++) {
                int result;

                life->name = life->names[i];
                result = run_one(command, number, life);
                fflush(stdout); /* a start may take long; output_end() sees an error */
                worst = result > worst ? result : worst;
        }
        if (life->all)
                output_json(life->all);
        return worst;
}

static int run(const char *command, enum message_number number, const struct argp_option *options,
               const char *doc, int argc, char **argv)
{
        const bool device = number == MESSAGE_vm_attach || number == MESSAGE_vm_detach;
        const struct argp argp = {options, parse, device ? "NAME DEVICE" : "NAME...", doc, children,
                                  NULL,    NULL};
        struct life life = {.several = !device};
        int result, end;

        if (!options_parse(&argp, argc, argv, &life, &life.shared))
                return EXIT_USAGE;
        if (device) {
                life.name = life.names[0];
                life.device = life.names[1];
                result = run_one(command, number, &life);
        } else {
                result = run_each(command, number, &life);
        }
        end = output_end();
        return result ? result : end;
}

int cmd_vm_start(int argc, char **argv)
{
        return run("start", MESSAGE_vm_start, no_options,
                   "Measures what the VM was sealed to, judges it, unseals the key, unlocks the "
                   "disks and starts the VM. Whatever fails undoes every step before it.",
                   argc, argv);
}

int cmd_vm_stop(int argc, char **argv)
{
        return run("stop", MESSAGE_vm_stop, stop_options,
                   "Stops the VM in an orderly way, by force after a time, and locks its disks. "
                   "With update=\"clean-stop\" in its descriptor, the seal then follows what the "
                   "VM wrote, if it shut itself down.",
                   argc, argv);
}

int cmd_vm_destroy(int argc, char **argv)
{
        return run("destroy", MESSAGE_vm_destroy, no_options,
                   "Stops the VM at once, as a power cut would, and locks its disks. The seal "
                   "stays as it was.",
                   argc, argv);
}

int cmd_vm_suspend(int argc, char **argv)
{
        return run("suspend", MESSAGE_vm_suspend, no_options,
                   "Holds the VM in memory: no time passes for it. Its disks stay unlocked.", argc,
                   argv);
}

int cmd_vm_resume(int argc, char **argv)
{
        return run("resume", MESSAGE_vm_resume, no_options, "Lets a suspended VM run on.", argc,
                   argv);
}

int cmd_vm_hibernate(int argc, char **argv)
{
        return run("hibernate", MESSAGE_vm_hibernate, no_options,
                   "Writes the VM's memory to a disk that is encrypted under the VM's own secret, "
                   "for which all is measured, judged and unsealed as at a start; then ends its "
                   "domain. A start wakes it.",
                   argc, argv);
}

int cmd_vm_autostart(int argc, char **argv)
{
        return run("autostart", MESSAGE_vm_autostart, autostart_options,
                   "Has the VM started whenever the host has started.", argc, argv);
}

int cmd_vm_attach(int argc, char **argv)
{
        return run("attach", MESSAGE_vm_attach, no_options,
                   "Gives a running VM a device of its definition (xvdb, vif0) that it does not "
                   "have now. What it was sealed to is measured and judged as at a start; whatever "
                   "fails undoes every step before it.",
                   argc, argv);
}

int cmd_vm_detach(int argc, char **argv)
{
        return run("detach", MESSAGE_vm_detach, no_options,
                   "Takes a device from a running VM, once its guest lets go of it; an encrypted "
                   "disk's key is wiped. The next start has all devices again.",
                   argc, argv);
}
