/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compartment-mgr's requests to integrity-mgr and svdm, and how long it waits for them. What the
 * functions promise stands in lib/client.h.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_PEERS_H
#define BULKHEAD_COMPARTMENT_MGR_PEERS_H

#include "lib/channel.h"

enum peer { PEER_IM, PEER_SVDM };

enum {
        PEER_PATIENCE = 5000,         /* ms for connecting */
        PEER_GLANCE = 300,            /* the same for status, which does not wait */
        PEER_BRIEF = 10 * 1000,       /* for what anybody may ask */
        PEER_SHORT = 120 * 1000,      /* for requests without measuring; slow TPMs included */
        PEER_LONG = 12 * 3600 * 1000, /* for requests that may read whole disks */
};

enum status peer_connect(enum peer peer, int patience_ms, int *fd_out);
enum status peer_ask(int fd, struct call call, struct arena *a, int deadline_ms);
/* These connect within PEER_PATIENCE. */
enum status peer_borrow(enum peer peer, int *fd_out);
void peer_park(enum peer peer, int fd);
enum status peer_call(enum peer peer, struct call call, struct arena *a, int deadline_ms);

#endif
