/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A warm parent: one thread, no parsing of anything from outside. It forks a child a job, keeps the
 * time, kills, and tells how each ended.
 */
#include "lib/channel.h"
#include "lib/dispatch.h"
#include "lib/log.h"
#include "lib/worker.h"
#include "lib/worker_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILDREN_MOST = 256 };

struct child {
        pid_t pid;
        int exit_pipe; /* ours alone: a child cannot say how it ended */
        int64_t deadline;
        bool timed_out;
};

static struct child children[CHILDREN_MOST];
static size_t children_count;

/* --- in the child --- */

static _Noreturn void serve_job(const struct worker_duty *duty, int socket)
{
        static const struct principal parent = {.roles = PARENT};
        struct arena *a = arena_new();
        void *session = NULL;
        void (*session_end)(void *) = NULL;
        struct request r = {a, &parent, &session, &session_end};
        struct frame f = {0};
        enum status s;

        for (;;) {
                s = channel_receive_frame(socket, MESSAGE_MOST, a, &f, NO_DEADLINE);
                if (s)
                        break;
                s = dispatch(duty->handlers, duty->handlers_count, &r, &f, socket);
                if (s)
                        break;
                arena_empty(a);
        }
        if (session_end)
                session_end(session);
        if (duty->child_end)
                duty->child_end();
        /* the daemon closing its end is how a job ends well */
        _exit(s == ST_UNREACHABLE ? 0 : 3);
}

static _Noreturn void begin_child(const struct worker_duty *duty, int socket, pid_t parent)
{
        sigset_t none;

        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(3);
        close(CONTROL_FD);
        for (size_t i = 0; i < children_count; i++)
                close(children[i].exit_pipe);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_IGN);
        if (duty->child_begin)
                duty->child_begin();
        if (duty->sandbox)
                sandbox_enter(duty->sandbox);
        serve_job(duty, socket);
}

/* --- in the warm parent --- */

static void kill_child(const struct child *c)
{
        kill(-c->pid, SIGKILL);
        kill(c->pid, SIGKILL);
}

static void tell_exit(int exit_pipe, int wait_status, bool timed_out)
{
        struct exit_message m = {wait_status, timed_out};

        if (write(exit_pipe, &m, sizeof m) < 0 && errno != EPIPE)
                log_warning("cannot tell how a job ended: %s", strerror(errno));
        close(exit_pipe);
}

static void start_child(const struct worker_duty *duty, int socket, int exit_pipe, int deadline_ms)
{
        pid_t parent = getpid(), pid;

        if (children_count == CHILDREN_MOST || (pid = fork()) < 0) {
                log_warning("cannot start another job");
                close(socket);
                tell_exit(exit_pipe, 3 << 8, false);
                return;
        }
        if (pid == 0) {
                close(exit_pipe);
                begin_child(duty, socket, parent);
        }
        setpgid(pid, pid);
        close(socket);
        children[children_count++] = (struct child){
                pid, exit_pipe, deadline_in(deadline_ms < 0 ? NO_DEADLINE : deadline_ms), false};
}

/* False: the daemon is gone. */
static bool take_job(const struct worker_duty *duty)
{
        struct job_message m;
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
        struct iovec part = {&m, sizeof m};
        struct msghdr msg = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
        ssize_t n = recvmsg(CONTROL_FD, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        struct cmsghdr *c;
        int fds[2];

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return true;
        c = n == sizeof m ? CMSG_FIRSTHDR(&msg) : NULL;
        if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof fds))
                return false;
        memcpy(fds, CMSG_DATA(c), sizeof fds);
        start_child(duty, fds[0], fds[1], m.deadline_ms);
        return true;
}

static void reap(void)
{
        int wait_status;
        pid_t pid;

        while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0) {
                for (size_t i = 0; i < children_count; i++) {
                        if (children[i].pid != pid)
                                continue;
                        kill(-pid, SIGKILL); /* what it left behind */
                        tell_exit(children[i].exit_pipe, wait_status, children[i].timed_out);
                        children[i] = children[--children_count];
                        break;
                }
        }
}

static int kill_late(void)
{
        int soonest = -1;

        for (size_t i = 0; i < children_count; i++) {
                int left = deadline_left(children[i].deadline);

                if (left == 0) {
                        children[i].timed_out = true;
                        kill_child(&children[i]);
                        left = 1000; /* to be reaped */
                }
                if (left >= 0 && (soonest < 0 || left < soonest))
                        soonest = left;
        }
        return soonest;
}

static _Noreturn void end_all(void)
{
        for (size_t i = 0; i < children_count; i++)
                kill_child(&children[i]);
        exit(0);
}

/* Control socket, signals, and the exit pipes, whose closing at the other end means: drop it. */
static void wait_and_handle(const struct worker_duty *duty, int signals)
{
        struct pollfd p[2 + CHILDREN_MOST] = {{CONTROL_FD, POLLIN, 0}, {signals, POLLIN, 0}};
        size_t n = children_count;
        struct signalfd_siginfo info;

        for (size_t i = 0; i < n; i++)
                p[2 + i] = (struct pollfd){children[i].exit_pipe, 0, 0};
        if (poll(p, 2 + n, kill_late()) < 0)
                return;
        for (size_t i = 0; i < n; i++)
                if (p[2 + i].revents & (POLLERR | POLLHUP))
                        kill_child(&children[i]);
        if (p[1].revents && read(signals, &info, sizeof info) == sizeof info &&
            info.ssi_signo == SIGTERM)
                end_all();
        reap();
        if (p[0].revents && !take_job(duty))
                end_all();
}

_Noreturn void worker_serve(const struct worker_duty *duty)
{
        struct warm_message warm = {PROTOCOL_VERSION};
        sigset_t set;
        int signals;

        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        sigaddset(&set, SIGTERM);
        sigprocmask(SIG_BLOCK, &set, NULL);
        signal(SIGINT, SIG_IGN); /* a terminal's ^C is for the daemon, whose end ends this */
        signal(SIGPIPE, SIG_IGN);
        signals = signalfd(-1, &set, SFD_CLOEXEC);
        fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC);
        if (duty->sandbox)
                sandbox_warm_up(duty->sandbox->profile);
        if (signals < 0 || send(CONTROL_FD, &warm, sizeof warm, MSG_NOSIGNAL) != sizeof warm)
                fatal("%s is started by its daemon, not by hand", duty->name);
        for (;;)
                wait_and_handle(duty, signals);
}
