/* SPDX-License-Identifier: Apache-2.0 */
/* The way from compartment-mgr to the two other daemons: their sockets in the run folder. */
#include "compartment-mgr/peers.h"
#include "lib/config.h"

#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE = 50 /* ms between two tries */, PARKED_MOST = 4 };

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

/* --- parked connections -------------------------------------------------------------------- */

static int parked[2][PARKED_MOST];
static size_t parked_count[2];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* over both */

static int take_parked(enum peer peer)
{
        int fd = -1;

        pthread_mutex_lock(&lock);
        if (parked_count[peer])
                fd = parked[peer][--parked_count[peer]];
        pthread_mutex_unlock(&lock);
        return fd;
}

/* Nothing is to be read there: no word out of turn, no end. */
static bool is_quiet(int fd)
{
        struct pollfd p = {fd, POLLIN | POLLRDHUP, 0};

        return poll(&p, 1, 0) == 0;
}

enum status peer_borrow(enum peer peer, int *fd_out)
{
        int fd;

        while ((fd = take_parked(peer)) >= 0) {
                if (is_quiet(fd)) {
                        *fd_out = fd;
                        return ST_DONE;
                }
                close(fd);
        }
        return peer_connect(peer, PEER_PATIENCE, fd_out);
}

void peer_park(enum peer peer, int fd)
{
        bool room;

        pthread_mutex_lock(&lock);
        room = parked_count[peer] < PARKED_MOST;
        if (room)
                parked[peer][parked_count[peer]++] = fd;
        pthread_mutex_unlock(&lock);
        if (!room)
                close(fd);
}

/* --- requests ------------------------------------------------------------------------------ */

enum status peer_ask(int fd, struct call call, struct arena *a, int deadline_ms)
{
        return channel_call(fd, call, a, deadline_in(deadline_ms));
}

enum status peer_call(enum peer peer, struct call call, struct arena *a, int deadline_ms)
{
        bool answered;
        int fd = -1;
        enum status s = peer_borrow(peer, &fd);

        if (s)
                return s;
        s = channel_ask(fd, call, a, deadline_in(deadline_ms), &answered);
        if (answered)
                peer_park(peer, fd);
        else
                close(fd);
        return s;
}
