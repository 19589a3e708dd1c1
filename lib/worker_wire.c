/* SPDX-License-Identifier: Apache-2.0 */
/* Packets with descriptors between a daemon, its warm parents and their children. */
#include "lib/worker_wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union control {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(JOB_FDS * sizeof(int))];
};

bool job_message_send(int to, const struct job_message *m, const int fds[JOB_FDS])
{
        union control control = {0};
        struct iovec part = {(void *)m, sizeof *m};
        struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
        struct cmsghdr *c;
        ssize_t n;

        if (m->made) {
                msg.msg_control = &control;
                msg.msg_controllen = sizeof control;
                c = CMSG_FIRSTHDR(&msg);
                c->cmsg_level = SOL_SOCKET;
                c->cmsg_type = SCM_RIGHTS;
                c->cmsg_len = CMSG_LEN(JOB_FDS * sizeof *fds);
                memcpy(CMSG_DATA(c), fds, JOB_FDS * sizeof *fds);
        }
        do
                n = sendmsg(to, &msg, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n == sizeof *m;
}

bool job_message_receive(int from, struct job_message *m, int fds_out[JOB_FDS])
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
        if (n != sizeof *m)
                return false;
        if (!m->made)
                return true;
        c = CMSG_FIRSTHDR(&msg);
        if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(JOB_FDS * sizeof *fds_out))
                return false;
        memcpy(fds_out, CMSG_DATA(c), JOB_FDS * sizeof *fds_out);
        return true;
}
