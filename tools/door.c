/* SPDX-License-Identifier: Apache-2.0 */
/* One request to compartment-mgr. */
#include "tools/door.h"

#include "lib/channel.h"
#include "lib/config.h"

#include <signal.h>
#include <unistd.h>

enum { CONNECT_MS = 5000 };

enum status door_call(struct call call, struct arena *a)
{
        char path[CONFIG_PATH];
        enum status s;
        int fd = -1;

        signal(SIGPIPE, SIG_IGN);
        config_path(path, config.run, SOCKET_CM);
        s = channel_connect(path, deadline_in(CONNECT_MS), &fd);
        if (s == ST_UNREACHABLE || s == ST_NOT_FOUND)
                s = FAIL(ST_UNREACHABLE, .subject = path, .found = "nobody answers",
                         .remedy = "start compartment-mgr (systemctl start "
                                   "bulkhead-compartment-mgr; from a "
                                   "checkout: make up, then . build/run/env)");
        if (!s)
                s = channel_call(fd, call, a, NO_DEADLINE);
        if (fd >= 0)
                close(fd);
        return s;
}
