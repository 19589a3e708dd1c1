/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of a door: how the command and the daemons ask a daemon. A client names one daemon
 * of this host, whose socket lies in the run folder; connections to it are plain descriptors. No
 * request is ever sent twice: one that broke off may have been done. Many threads may share a
 * client.
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
        const char *remedy; /* for a daemon that cannot be reached */
        /* connections that wait for their next request */
        int parked[CLIENT_PARKED_MOST];
        size_t parked_count;
        pthread_mutex_t lock;
};
#define CLIENT(name, socket, remedy)                                                               \
        {                                                                                          \
                name, socket, remedy, {0}, 0, PTHREAD_MUTEX_INITIALIZER                            \
        }

/* Connects and says hello. The daemon may be restarting, so it tries again until patience_ms have
 * passed; with 0 there is one try, whose hello may take five seconds. ST_UNREACHABLE with the
 * daemon's name, the socket, and the remedy; ST_PROTOCOL if the daemon has another version. */
enum status client_connect(const struct client *c, int patience_ms, int *fd_out);
/* One request on a connection; deadline_ms may be NO_DEADLINE. */
enum status client_ask(int fd, struct call call, struct arena *a, int deadline_ms);

/* A parked connection whose daemon is still there, or a new one: for requests that keep nothing on
 * their connection. */
enum status client_borrow(struct client *c, int patience_ms, int *fd_out);
/* Gives a borrowed connection back. Only if its last request was answered; else close it. */
void client_park(struct client *c, int fd);
/* One request on a borrowed connection. */
enum status client_call(struct client *c, int patience_ms, struct call call, struct arena *a,
                        int deadline_ms);

/* The next event on a connection that watches (compartment-mgr's request `watch`); nothing else may
 * be asked on it. The event lies in the arena. ST_TIMEOUT: there was none yet. */
enum status client_event(int fd, struct arena *a, int deadline_ms, struct telling *told_out);

#endif
