/* SPDX-License-Identifier: Apache-2.0 */
/* The client of compartment-mgr; lib/client.c does the asking. */
#include "tools/door.h"
#include "lib/client.h"
#include "lib/config.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static bool reads_only(enum message_number number)
{
        return number == MESSAGE_status || number == MESSAGE_trust || number == MESSAGE_vm_list ||
               number == MESSAGE_vm_show;
}

/* Ctrl-C ends the command, and with its connection what it asked for, unless that has committed. So
 * whoever typed it is told. */
static void interrupted(int signal_number)
{
        static const char text[] = "\nbulkhead: interrupted; what has not committed is undone, the "
                                   "rest goes on: bulkhead jobs shows it\n";

        if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
                _exit(3);
        raise(signal_number); /* once more, as SA_RESETHAND has left it */
}

/* Returns how it was before, which stays if the command's starter ignores the signal. */
static struct sigaction tell_if_interrupted(void)
{
        const struct sigaction tell = {.sa_handler = interrupted, .sa_flags = (int)SA_RESETHAND};
        struct sigaction before = {.sa_handler = SIG_DFL};

        if (!sigaction(SIGINT, NULL, &before) && before.sa_handler == SIG_DFL)
                sigaction(SIGINT, &tell, NULL);
        return before;
}

/* Whoever may use the administrators' socket does not wait behind a flood at the other one. */
static const char *socket_of_mine(void)
{
        char path[CONFIG_PATH];

        return access(config_path(path, config.run, SOCKET_ADMIN), R_OK | W_OK) ? SOCKET_CM
                                                                                : SOCKET_ADMIN;
}

enum status door_call(struct call call, struct arena *a)
{
        static struct client cm =
                CLIENT("compartment-mgr", SOCKET_CM,
                       "start it: systemctl start bulkhead-compartment-mgr; from a checkout: make "
                       "up, then . build/run/env");

        struct sigaction before;
        enum status s;

        cm.socket = socket_of_mine();
        signal(SIGPIPE, SIG_IGN);
        if (reads_only(call.number))
                return client_call(&cm, 0, call, a, NO_DEADLINE);
        before = tell_if_interrupted();
        s = client_call(&cm, 0, call, a, NO_DEADLINE);
        sigaction(SIGINT, &before, NULL);
        return s;
}

static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:+-";

enum status door_name(const char *what, const char *name)
{
        size_t len = strlen(name);

        if (!name[strspn(name, allowed)] && len <= WORD_MOST)
                return ST_DONE;
        return FAIL(ST_USAGE, .subject = FMT("%s '%.200s'", what, name),
                    .expected = "1 to 63 letters, digits and ._:+-",
                    .found = len > WORD_MOST ? FMT("%zu characters", len)
                                             : FMT("'%.4s'", name + strspn(name, allowed)),
                    .remedy = "bulkhead vm list shows the names");
}

enum status door_vm(const char *name)
{
        return door_name("VM", name);
}
