/* SPDX-License-Identifier: Apache-2.0 */
/* The way from compartment-mgr to the two other daemons: their sockets in the run folder. */
#include "compartment-mgr/peers.h"
#include "lib/config.h"

#include <time.h>
#include <unistd.h>

enum { PAUSE = 50 /* ms between two tries */ };

static const struct {
        const char *name, *socket;
} peers[] = {
        [PEER_IM] = {"integrity-mgr", SOCKET_IM},
        [PEER_SVDM] = {"svdm", SOCKET_SVDM},
};

enum status peer_connect(enum peer peer, int patience_ms, int *fd_out)
{
        const struct timespec pause = {.tv_nsec = PAUSE * 1000000L};
        int64_t until = deadline_in(patience_ms);
        char path[CONFIG_PATH], found[256];
        enum status s;

        config_path(path, config.run, peers[peer].socket);
        while ((s = channel_connect(path, until, fd_out)) && s != ST_PROTOCOL &&
               deadline_left(until) > PAUSE)
                nanosleep(&pause, NULL);
        if (!s || s == ST_PROTOCOL)
                return s;
        status_format(found, "%s", error_last()->found);
        return FAIL(ST_UNREACHABLE, .subject = peers[peer].name, .found = found,
                    .remedy = FMT("see its log; start it: systemctl start bulkhead-%s",
                                  peers[peer].name));
}

enum status peer_ask(int fd, struct call call, struct arena *a, int deadline_ms)
{
        return channel_call(fd, call, a, deadline_in(deadline_ms));
}

enum status peer_call(enum peer peer, struct call call, struct arena *a, int deadline_ms)
{
        int fd = -1;
        enum status s = peer_connect(peer, PEER_PATIENCE, &fd);

        if (s)
                return s;
        s = peer_ask(fd, call, a, deadline_ms);
        close(fd);
        return s;
}
