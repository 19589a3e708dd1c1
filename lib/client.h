/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of a door: how the command and the daemons ask a daemon. A client names one daemon
 * of this host, whose socket lies in the run folder; connections to it are plain descriptors. A
 * request that broke off half-way is never sent again from here. May be used from many threads.
 *
 *   static struct client im = CLIENT("integrity-mgr", SOCKET_IM, "start it");
 *   s = client_call(&im, PATIENCE, CALL(im_sealed, &q, &p), arena, DEADLINE);
 */
#ifndef BULKHEAD_LIB_CLIENT_H
#define BULKHEAD_LIB_CLIENT_H

#include "lib/channel.h"

#include <pthread.h>

enum { CLIENT_PARKED_MOST = 4 };

struct client {
        const char *name;   /* of the daemon, for errors */
        const char *socket; /* its name in the run folder */
        const char *remedy; /* when it is not there */
        /* connections that wait for their next request */
        int parked[CLIENT_PARKED_MOST];
        size_t parked_count;
        pthread_mutex_t lock;
};
#define CLIENT(name, socket, remedy)                                                               \
        {                                                                                          \
                name, socket, remedy, {0}, 0, PTHREAD_MUTEX_INITIALIZER                            \
        }

/* Connects and says hello. A daemon may be restarting: tried again until patience_ms have passed;
 * with 0 there is one try, whose hello may take five seconds. ST_UNREACHABLE with the daemon's
 * name, the socket, and the remedy; ST_PROTOCOL if its version is another one. */
enum status client_connect(const struct client *c, int patience_ms, int *fd_out);
/* One request on a connection that is there; deadline_ms may be NO_DEADLINE. */
enum status client_ask(int fd, struct call call, struct arena *a, int deadline_ms);

/* For requests that leave nothing behind on their connection: one that was parked, if the daemon is
 * still at its other end, or a new one. */
enum status client_borrow(struct client *c, int patience_ms, int *fd_out);
/* Gives it back after its last request was answered; after anything else it is to be closed. */
void client_park(struct client *c, int fd);
/* One request on a borrowed connection. */
enum status client_call(struct client *c, int patience_ms, struct call call, struct arena *a,
                        int deadline_ms);

/* The next event on a connection that watches (CM's request `watch`), and from then on asks nothing
 * else. The event lies in the arena. ST_TIMEOUT: there was none yet. */
enum status client_event(int fd, struct arena *a, int deadline_ms, struct telling *told_out);

#endif
