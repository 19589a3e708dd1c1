/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unix sockets as doors. Daemons come here before they drop their rights, and for each caller.
 */
#include "lib/local_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { QUEUE_MOST = 128 /* peers who want to connect; more of them wait in connect() */ };

enum status local_socket_listen(const char *path, unsigned mode, int *listener_out)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd;

        if (strlen(path) >= sizeof address.sun_path)
                return FAIL(ST_USAGE, .subject = path, .expected = "at most 107 characters",
                            .remedy = "choose a shorter --run folder");
        strcpy(address.sun_path, path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        unlink(path);
        if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
            chmod(path, mode) < 0 || listen(fd, QUEUE_MOST) < 0) {
                int error = errno;

                if (fd >= 0)
                        close(fd);
                return FAIL(status_of_errno(error), .subject = path, .found = strerror(error),
                            .remedy = "make the --run folder, writable for the daemon");
        }
        *listener_out = fd;
        return ST_DONE;
}

enum status local_socket_give(const char *path, uid_t owner, gid_t group)
{
        if (lchown(path, owner, group) < 0)
                return FAIL(status_of_errno(errno), .subject = path, .found = strerror(errno),
                            .remedy = "start all daemons as root, or all as one user");
        return ST_DONE;
}

bool local_socket_peer(int fd, struct local_peer *peer_out)
{
        struct ucred who;
        socklen_t len = sizeof who, groups_len = sizeof peer_out->groups;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
                return false;
        peer_out->uid = who.uid;
        peer_out->gid = who.gid;
        peer_out->pid = who.pid;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer_out->groups, &groups_len) < 0)
                groups_len = 0;
        peer_out->groups_count = groups_len / sizeof *peer_out->groups;
        return true;
}

bool local_peer_in_group(const struct local_peer *peer, gid_t group)
{
        if (group == (gid_t)-1)
                return false;
        if (peer->gid == group)
                return true;
        for (size_t i = 0; i < peer->groups_count; i++)
                if (peer->groups[i] == group)
                        return true;
        return false;
}

void local_peer_name(const struct local_peer *peer, struct caller *caller_out)
{
        caller_out->principal = principal_of_uid(peer->uid, caller_out->name);
}
