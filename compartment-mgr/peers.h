/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to integrity-mgr and svdm. Either may be restarting: connecting is tried again for a
 * few seconds. A request that broke off half-way is never sent again from here.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_PEERS_H
#define BULKHEAD_COMPARTMENT_MGR_PEERS_H

#include "lib/channel.h"

enum peer { PEER_IM, PEER_SVDM };

enum {
        PEER_PATIENCE = 5000,         /* ms to be connected in */
        PEER_GLANCE = 300,            /* the same for status, which does not wait */
        PEER_BRIEF = 10 * 1000,       /* for what anybody may ask */
        PEER_SHORT = 120 * 1000,      /* for requests without measuring; slow TPMs included */
        PEER_LONG = 12 * 3600 * 1000, /* for requests that may read whole disks */
};

/* ST_UNREACHABLE with the daemon's name. */
enum status peer_connect(enum peer peer, int patience_ms, int *fd_out);
/* For requests that leave nothing behind on their connection: one that was parked, if the daemon is
 * still at its other end, or a new one. */
enum status peer_borrow(enum peer peer, int *fd_out);
/* Gives it back after its last request was answered; after anything else it is to be closed. */
void peer_park(enum peer peer, int fd);
/* One request on a connection that is there. */
enum status peer_ask(int fd, struct call call, struct arena *a, int deadline_ms);
/* One request on a borrowed connection. */
enum status peer_call(enum peer peer, struct call call, struct arena *a, int deadline_ms);

#endif
