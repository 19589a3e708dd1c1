/* SPDX-License-Identifier: Apache-2.0 */
/* The client of compartment-mgr; lib/client.c does the asking. */
#include "tools/door.h"
#include "lib/client.h"
#include "lib/config.h"

#include <signal.h>

enum status door_call(struct call call, struct arena *a)
{
        static struct client cm =
                CLIENT("compartment-mgr", SOCKET_CM,
                       "start it: systemctl start bulkhead-compartment-mgr; from a checkout: make "
                       "up, then . build/run/env");

        signal(SIGPIPE, SIG_IGN);
        return client_call(&cm, 0, call, a, NO_DEADLINE);
}
