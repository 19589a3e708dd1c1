/* SPDX-License-Identifier: Apache-2.0 */
/* Packets with descriptors between a daemon, its warm parents and their children. */
#include "lib/worker_wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union control {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(JOB_FDS_MOST * sizeof(int))];
};

bool job_message_send(int to, const struct job_message *m, const int *fds, size_t count)
{
        union control control = {0};
        struct iovec part = {(void *)m, sizeof *m};
        struct msghdr msg = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = CMSG_SPACE(count * sizeof *fds)};
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        ssize_t n;

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(count * sizeof *fds);
        memcpy(CMSG_DATA(c), fds, count * sizeof *fds);
        do
                n = sendmsg(to, &msg, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n == sizeof *m;
}

bool job_message_receive(int from, struct job_message *m, int *fds, size_t count)
{
        union control control;
        struct iovec part = {m, sizeof *m};
        struct msghdr msg = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
        struct cmsghdr *c;
        ssize_t n;

        do
                n = recvmsg(from, &msg, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        c = n == sizeof *m ? CMSG_FIRSTHDR(&msg) : NULL;
        if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(count * sizeof *fds))
                return false;
        memcpy(fds, CMSG_DATA(c), count * sizeof *fds);
        return true;
}
