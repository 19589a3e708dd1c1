/* SPDX-License-Identifier: Apache-2.0 */
/* The client of compartment-mgr; lib/client.c does the asking. */
#include "tools/door.h"
#include "lib/client.h"
#include "lib/config.h"

#include <signal.h>
#include <string.h>

enum status door_call(struct call call, struct arena *a)
{
        static struct client cm =
                CLIENT("compartment-mgr", SOCKET_CM,
                       "start it: systemctl start bulkhead-compartment-mgr; from a checkout: make "
                       "up, then . build/run/env");

        signal(SIGPIPE, SIG_IGN);
        return client_call(&cm, 0, call, a, NO_DEADLINE);
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
