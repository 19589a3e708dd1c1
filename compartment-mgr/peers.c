/* SPDX-License-Identifier: Apache-2.0 */
/* Names the two other daemons, which lib/client.c asks. Every story comes here. */
#include "compartment-mgr/peers.h"
#include "lib/client.h"
#include "lib/config.h"

#define REMEDY(name) "see its log; start it: systemctl start bulkhead-" name

static struct client clients[] = {
        [PEER_IM] = CLIENT("integrity-mgr", SOCKET_IM, REMEDY("integrity-mgr")),
        [PEER_SVDM] = CLIENT("svdm", SOCKET_SVDM, REMEDY("svdm")),
};

enum status peer_connect(enum peer peer, int patience_ms, int *fd_out)
{
        return client_connect(&clients[peer], patience_ms, fd_out);
}

enum status peer_borrow(enum peer peer, int *fd_out)
{
        return client_borrow(&clients[peer], PEER_PATIENCE, fd_out);
}

void peer_park(enum peer peer, int fd)
{
        client_park(&clients[peer], fd);
}

enum status peer_ask(int fd, struct call call, struct arena *a, int deadline_ms)
{
        return client_ask(fd, call, a, deadline_ms);
}

enum status peer_call(enum peer peer, struct call call, struct arena *a, int deadline_ms)
{
        return client_call(&clients[peer], PEER_PATIENCE, call, a, deadline_ms);
}
