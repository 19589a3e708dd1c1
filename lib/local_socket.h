/* SPDX-License-Identifier: Apache-2.0 */
/* Doors of this host: unix sockets. The kernel says who is at the other end. */
#ifndef BULKHEAD_LIB_LOCAL_SOCKET_H
#define BULKHEAD_LIB_LOCAL_SOCKET_H

#include "lib/server.h"

#include <sys/types.h>

enum { LOCAL_GROUPS_MOST = 256 };

/* What the kernel noted of a peer when it connected: SO_PEERCRED and SO_PEERGROUPS. */
struct local_peer {
        uid_t uid;
        gid_t gid;
        pid_t pid;
        gid_t groups[LOCAL_GROUPS_MOST]; /* supplementary; empty for a peer that has more */
        size_t groups_count;
};

/* Makes the socket anew, with that mode (such as 0666), before privileges are dropped. The listener
 * is the caller's: non-blocking, close-on-exec. */
enum status local_socket_listen(const char *path, unsigned mode, int *listener_out);
/* As root: makes that user its owner, so that with mode 0600 nobody else can connect, or wait in
 * the queue of those who want to; with 0660 the group can, too. (gid_t)-1: no group. */
enum status local_socket_give(const char *path, uid_t owner, gid_t group);
/* False if the kernel does not say. */
bool local_socket_peer(int fd, struct local_peer *peer_out);
/* False for (gid_t)-1, which stands for no group. */
bool local_peer_in_group(const struct local_peer *peer, gid_t group);
/* Sets the caller's principal to uid:N; grants nothing. */
void local_peer_name(const struct local_peer *peer, struct caller *caller_out);

#endif
