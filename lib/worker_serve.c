/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A warm parent: one thread that parses nothing from outside. It forks one child a job, keeps the
 * time, kills late children, and tells the daemon how each ended.
 */
#include "lib/channel.h"
#include "lib/dispatch.h"
#include "lib/priority.h"
#include "lib/report.h"
#include "lib/worker.h"
#include "lib/worker_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child of a job made ahead is forked a moment later, after work that has just begun. */
enum { CHILDREN_MOST = 256, PAUSE = 2 /* ms */ };

struct child {
        uint64_t job;
        pid_t pid;     /* 0: not forked yet; that happens when it is due, or when its job begins */
        int socket;    /* the child's end; -1 once the child has it */
        int exit_pipe; /* to tell how it ended; never in a child */
        int64_t due, deadline;
        bool gives_way;
        bool timed_out;
        bool killed; /* only its end is still awaited */
};

static struct child children[CHILDREN_MOST];
static size_t children_count;

/* --- in the child --- */

static _Noreturn void serve_job(const struct worker_duty *duty, int socket)
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
        } while (!s);
        if (session_end)
                session_end(session);
        if (duty->child_end)
                duty->child_end();
        sched_yield(); /* lets the daemon take the answer before this process is torn down */
        /* A job ends well when the daemon closes its end. */
        _exit(!s || s == ST_UNREACHABLE ? 0 : 3);
}

static void close_others(const struct child *own)
{
        close(CONTROL_FD);
        for (struct child *c = children; c < children + children_count; c++) {
                close(c->exit_pipe);
                if (c->socket >= 0 && c != own)
                        close(c->socket);
        }
}

static _Noreturn void be_child(const struct worker_duty *duty, const struct child *own,
                               pid_t parent)
{
        int socket = own->socket;
        bool ahead = own->due != 0;
        sigset_t none;

        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(3);
        close_others(own);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_IGN);
        if (duty->child_begin)
                duty->child_begin();
        if (duty->sandbox)
                sandbox_enter(duty->sandbox);
        if (ahead && duty->rehearse)
                duty->rehearse();
        serve_job(duty, socket);
}

/* --- in the warm parent --- */

static void kill_child(struct child *c)
{
        c->killed = true;
        if (!c->pid)
                return;
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

static void forget(struct child *c)
{
        if (c->socket >= 0)
                close(c->socket);
        *c = children[--children_count];
}

/* The whole group: it may have threads by now. */
static void give_way(const struct child *c)
{
        setpriority(PRIO_PGRP, (id_t)c->pid, PRIORITY_GIVES_WAY);
}

/* If no process can be had the job ends at once, so that the daemon does not wait for its
 * answer. */
static void fork_child(const struct worker_duty *duty, struct child *c)
{
        pid_t parent = getpid(), pid = fork();

        if (pid == 0)
                be_child(duty, c, parent);
        if (pid < 0) {
                report_warning("cannot start another job: %s", strerror(errno));
                tell_exit(c->exit_pipe, 3 << 8, false);
                forget(c);
                return;
        }
        setpgid(pid, pid);
        c->pid = pid;
        close(c->socket);
        c->socket = -1;
        if (c->gives_way)
                give_way(c);
}

static void make_child(const struct job_message *m, const int fds[JOB_FDS])
{
        if (children_count < CHILDREN_MOST) {
                children[children_count++] = (struct child){.job = m->made,
                                                            .socket = fds[0],
                                                            .exit_pipe = fds[1],
                                                            .due = deadline_in(PAUSE),
                                                            .deadline = NO_DEADLINE};
                return;
        }
        report_warning("cannot start another job");
        close(fds[0]);
        tell_exit(fds[1], 3 << 8, false);
}

static void begin_job(const struct worker_duty *duty, const struct job_message *m)
{
        struct child *c = children;

        while (c < children + children_count && c->job != m->begun)
                c++;
        if (c == children + children_count)
                return; /* that child is dead, and the daemon was told */
        c->deadline = deadline_in(m->deadline_ms < 0 ? NO_DEADLINE : m->deadline_ms);
        c->gives_way = m->gives_way;
        if (c->pid) {
                if (c->gives_way)
                        give_way(c);
                return;
        }
        c->due = 0;
        fork_child(duty, c);
}

/* False: the daemon is gone. */
static bool take_job(const struct worker_duty *duty)
{
        struct job_message m;
        struct pollfd p = {CONTROL_FD, POLLIN, 0};
        int fds[JOB_FDS];

        if (poll(&p, 1, 0) != 1)
                return true;
        if (!job_message_receive(CONTROL_FD, &m, fds))
                return false;
        if (m.made)
                make_child(&m, fds);
        if (m.begun)
                begin_job(duty, &m);
        return true;
}

static void fork_due(const struct worker_duty *duty)
{
        for (size_t i = children_count; i-- > 0;) {
                struct child *c = &children[i];

                if (!c->pid && !c->killed && c->due && !deadline_left(c->due))
                        fork_child(duty, c);
        }
}

static struct child *child_of(pid_t pid)
{
        struct child *c = children;

        while (c < children + children_count && c->pid != pid)
                c++;
        return c < children + children_count ? c : NULL;
}

static void reap(void)
{
        int wait_status;
        struct child *c;
        pid_t pid;

        while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0) {
                c = child_of(pid);
                if (!c)
                        continue;
                kill(-pid, SIGKILL); /* what the child left behind in its group */
                tell_exit(c->exit_pipe, wait_status, c->timed_out);
                forget(c);
        }
}

/* Forgets jobs that the daemon dropped before their child was forked. */
static void forget_dropped(void)
{
        for (size_t i = children_count; i-- > 0;)
                if (children[i].killed && !children[i].pid) {
                        close(children[i].exit_pipe);
                        forget(&children[i]);
                }
}

/* Kills children whose time is over. Returns ms until the next deadline, -1 if there is none. */
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

/* How many ms poll() may wait: until a deadline, or until a child is due; -1 for ever. */
static int wait_time(void)
{
        int soonest = kill_late();

        for (size_t i = 0; i < children_count; i++) {
                int left =
                        children[i].pid || !children[i].due ? -1 : deadline_left(children[i].due);

                if (left >= 0 && (soonest < 0 || left < soonest))
                        soonest = left;
        }
        return soonest;
}

/* Waits on the control socket, on signals, and on the exit pipes: the daemon drops a job by closing
 * its end of the job's pipe. */
static void wait_and_handle(const struct worker_duty *duty, int signals)
{
        struct pollfd p[2 + CHILDREN_MOST] = {{CONTROL_FD, POLLIN, 0}, {signals, POLLIN, 0}};
        size_t n = children_count;
        struct signalfd_siginfo info;

        for (size_t i = 0; i < n; i++)
                p[2 + i] = (struct pollfd){children[i].killed ? -1 : children[i].exit_pipe, 0, 0};
        if (poll(p, 2 + n, wait_time()) < 0)
                return;
        for (size_t i = 0; i < n; i++)
                if (p[2 + i].revents & (POLLERR | POLLHUP))
                        kill_child(&children[i]);
        if (p[1].revents && read(signals, &info, sizeof info) == sizeof info &&
            info.ssi_signo == SIGTERM)
                end_all();
        reap();
        forget_dropped();
        if (p[0].revents && !take_job(duty))
                end_all();
        fork_due(duty);
}

_Noreturn void worker_serve(const struct worker_duty *duty)
{
        struct warm_message warm = {PROTOCOL_VERSION, duty->ahead};
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
