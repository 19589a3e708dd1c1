/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A warm parent: one thread, no parsing of anything from outside. It forks a child a job, keeps the
 * time, kills, and tells how each ended.
 */
#include "lib/channel.h"
#include "lib/dispatch.h"
#include "lib/report.h"
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

enum { CHILDREN_MOST = 256, SPARE_PAUSE = 3 /* ms */ };

struct child {
        pid_t pid;
        int exit_pipe; /* ours alone: a child cannot say how it ended */
        int64_t deadline;
        bool timed_out;
        bool killed; /* nothing more is awaited but its end */
};

static struct child children[CHILDREN_MOST];
static size_t children_count;

/* --- in the child --- */

static _Noreturn void serve_job(const struct worker_duty *duty, int socket, bool single)
{
        static const struct caller parent = {
                .principal = {PRINCIPAL_SELF, ""}, .roles = PARENT, .may_pass_fds = true};
        struct arena *a = arena_new();
        void *session = NULL;
        void (*session_end)(void *) = NULL;
        struct request r = {a, &parent, &session, &session_end, NULL};
        struct frame f = {0};
        enum status s;

        do {
                s = channel_receive_frame(socket, MESSAGE_MOST, a, &f, NO_DEADLINE);
                if (!s)
                        s = dispatch(duty->handlers, duty->handlers_count, &r, &f, socket);
                arena_empty(a);
        } while (!s && !single);
        if (session_end)
                session_end(session);
        if (duty->child_end)
                duty->child_end();
        /* the daemon closing its end is how a job of many requests ends well */
        _exit(!s || s == ST_UNREACHABLE ? 0 : 3);
}

static void begin_child(const struct worker_duty *duty, pid_t parent)
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
}

/* A spare waits, sandboxed already, for the job that it will be given. */
static _Noreturn void wait_for_job(const struct worker_duty *duty, int handoff)
{
        struct job_message m;
        int socket;

        if (duty->rehearse)
                duty->rehearse();
        if (!job_message_receive(handoff, &m, &socket, 1))
                _exit(0); /* the warm parent is gone */
        close(handoff);
        serve_job(duty, socket, m.single);
}

/* --- in the warm parent --- */

static void kill_child(struct child *c)
{
        c->killed = true;
        kill(-c->pid, SIGKILL);
        kill(c->pid, SIGKILL);
}

static void tell_exit(int exit_pipe, int wait_status, bool timed_out)
{
        struct exit_message m = {wait_status, timed_out};

        if (write(exit_pipe, &m, sizeof m) < 0 && errno != EPIPE)
                report_warning("cannot tell how a job ended: %s", strerror(errno));
        close(exit_pipe);
}

/* A child forked ahead of its job, so that no request waits for the fork. */
static struct spare {
        pid_t pid; /* 0: there is none */
        int handoff;
        int64_t due; /* when the next one is to be made: a job just given comes first */
} spare;

static void make_spare(const struct worker_duty *duty)
{
        pid_t parent = getpid(), pid;
        int ends[2];

        if (!duty->ahead || spare.pid || deadline_left(spare.due) ||
            socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
                return; /* without one the next job is forked when it comes */
        pid = fork();
        if (pid == 0) {
                close(ends[0]);
                begin_child(duty, parent);
                wait_for_job(duty, ends[1]);
        }
        close(ends[1]);
        if (pid < 0) {
                close(ends[0]);
                return;
        }
        setpgid(pid, pid);
        spare.pid = pid;
        spare.handoff = ends[0];
}

/* The spare's process, now at that job; 0 if there was none, or it is dead. */
static pid_t use_spare(const struct job_message *m, int socket)
{
        pid_t pid = spare.pid;
        bool given;

        if (!pid)
                return 0;
        given = job_message_send(spare.handoff, m, &socket, 1);
        close(spare.handoff);
        spare.pid = 0;
        spare.due = deadline_in(SPARE_PAUSE);
        if (!given)
                kill(pid, SIGKILL);
        return given ? pid : 0;
}

static pid_t fork_for_job(const struct worker_duty *duty, const struct job_message *m, int socket,
                          int exit_pipe)
{
        pid_t parent = getpid(), pid = fork();

        if (pid == 0) {
                close(exit_pipe);
                if (spare.pid)
                        close(spare.handoff);
                begin_child(duty, parent);
                serve_job(duty, socket, m->single);
        }
        if (pid > 0)
                setpgid(pid, pid);
        return pid;
}

static void start_child(const struct worker_duty *duty, const struct job_message *m, int socket,
                        int exit_pipe)
{
        pid_t pid = -1;

        if (children_count < CHILDREN_MOST) {
                pid = use_spare(m, socket);
                if (!pid)
                        pid = fork_for_job(duty, m, socket, exit_pipe);
        }
        close(socket);
        if (pid < 0) {
                report_warning("cannot start another job");
                tell_exit(exit_pipe, 3 << 8, false);
                return;
        }
        children[children_count++] = (struct child){
                pid, exit_pipe, deadline_in(m->deadline_ms < 0 ? NO_DEADLINE : m->deadline_ms),
                false, false};
}

/* False: the daemon is gone. */
static bool take_job(const struct worker_duty *duty)
{
        struct job_message m;
        struct pollfd p = {CONTROL_FD, POLLIN, 0};
        int fds[2];

        if (poll(&p, 1, 0) != 1)
                return true;
        if (!job_message_receive(CONTROL_FD, &m, fds, 2))
                return false;
        start_child(duty, &m, fds[0], fds[1]);
        return true;
}

static void reap(void)
{
        int wait_status;
        pid_t pid;

        while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0) {
                if (pid == spare.pid) {
                        close(spare.handoff);
                        spare.pid = 0;
                }
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
        if (spare.pid)
                kill(spare.pid, SIGKILL);
        exit(0);
}

/* How long poll() may wait: a job is due, or its successor's process is. */
static int wait_time(const struct worker_duty *duty)
{
        int soonest = kill_late(), due = deadline_left(spare.due);

        return duty->ahead && !spare.pid && (soonest < 0 || soonest > due) ? due : soonest;
}

/* Control socket, signals, and the exit pipes, whose closing at the other end means: drop it. */
static void wait_and_handle(const struct worker_duty *duty, int signals)
{
        struct pollfd p[2 + CHILDREN_MOST] = {{CONTROL_FD, POLLIN, 0}, {signals, POLLIN, 0}};
        size_t n = children_count;
        struct signalfd_siginfo info;

        for (size_t i = 0; i < n; i++)
                p[2 + i] = (struct pollfd){children[i].killed ? -1 : children[i].exit_pipe, 0, 0};
        if (poll(p, 2 + n, wait_time(duty)) < 0)
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
        make_spare(duty);
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
        make_spare(duty);
        for (;;)
                wait_and_handle(duty, signals);
}
