/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's side of workers: starts warm parents, gives them jobs, and believes a job's result
 * only when its process ended as it should. lib/worker_serve.c is the other side.
 */
#include "lib/worker.h"
#include "lib/channel.h"
#include "lib/report.h"
#include "lib/worker_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_TIME = 30000, END_TIME = 10000 };

struct worker {
        char name[64];
        pid_t pid;
        int control;
};

struct job {
        const char *name;
        int socket, exit_pipe;
        int64_t deadline;
};

/* --- starting --- */

static _Noreturn void become_worker(const char *program, const char *const *args, const char *user,
                                    const char *group_too, int control)
{
        const char *argv[16] = {program};

        for (size_t i = 0; args && args[i] && i < 14; i++)
                argv[i + 1] = args[i];
        if (control == CONTROL_FD)
                fcntl(control, F_SETFD, 0);
        else if (dup2(control, CONTROL_FD) < 0)
                _exit(3);
        close_range(CONTROL_FD + 1, ~0U, 0);
        if (user)
                user_drop(user, group_too);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execv(program, (char *const *)argv);
        fatal("cannot run %s: %s", program, strerror(errno));
}

static const char *base_name(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

/* The warm parent's first message says which protocol it speaks, and that it is warm. */
static enum status wait_until_warm(const struct worker *w)
{
        struct pollfd p = {w->control, POLLIN, 0};
        struct warm_message m;

        if (poll(&p, 1, START_TIME) != 1 || recv(w->control, &m, sizeof m, 0) != sizeof m)
                return FAIL(ST_WORKER, .subject = w->name, .found = "it did not start",
                            .remedy = "see its last lines in the log");
        if (m.version != PROTOCOL_VERSION)
                return FAIL(ST_PROTOCOL, .subject = w->name,
                            .expected = FMT("protocol version %d", PROTOCOL_VERSION),
                            .found = FMT("%u", m.version), .remedy = "install it anew");
        return ST_DONE;
}

enum status worker_start(const char *program, const char *const *args, const char *user,
                         const char *group_too, struct worker **worker_out)
{
        struct worker *w;
        int fds[2];
        enum status s;
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
                return FAIL(ST_IO, .subject = program, .found = strerror(errno));
        pid = fork();
        if (pid == 0)
                become_worker(program, args, user, group_too, fds[1]);
        close(fds[1]);
        if (pid < 0) {
                close(fds[0]);
                return FAIL(ST_IO, .subject = program, .found = strerror(errno));
        }
        w = memory_new(1, sizeof *w);
        w->pid = pid;
        w->control = fds[0];
        snprintf(w->name, sizeof w->name, "%s", base_name(program));
        s = wait_until_warm(w);
        if (s) {
                worker_stop(w);
                return s;
        }
        *worker_out = w;
        return ST_DONE;
}

int worker_hangup_fd(const struct worker *w)
{
        return w->control;
}

void worker_stop(struct worker *w)
{
        if (!w)
                return;
        close(w->control); /* it kills its children and ends */
        while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        free(w);
}

/* --- jobs --- */

static enum status start_job(struct worker *w, int deadline_ms, bool single, struct job **job_out)
{
        struct job_message m = {.deadline_ms = deadline_ms, .single = single};
        int sockets[2], pipes[2];
        struct job *j;
        enum status s = channel_pair(sockets);

        *job_out = NULL;
        if (s)
                return s;
        if (pipe2(pipes, O_CLOEXEC) < 0) {
                s = FAIL(ST_IO, .subject = w->name, .found = strerror(errno));
                close(sockets[0]);
                close(sockets[1]);
                return s;
        }
        if (!job_message_send(w->control, &m, (const int[]){sockets[1], pipes[1]}, 2))
                s = FAIL(ST_WORKER, .subject = w->name, .found = strerror(errno),
                         .remedy = "the daemon starts it anew: try again");
        close(sockets[1]);
        close(pipes[1]);
        j = memory_new(1, sizeof *j);
        /* the warm parent keeps the time; ours is later, in case that it hangs itself */
        *j = (struct job){
                w->name, sockets[0], pipes[0],
                deadline_in(deadline_ms == NO_DEADLINE ? NO_DEADLINE : deadline_ms + 2000)};
        if (s) {
                job_kill(j);
                return s;
        }
        *job_out = j;
        return ST_DONE;
}

enum status job_start(struct worker *w, int deadline_ms, struct job **job_out)
{
        return start_job(w, deadline_ms, false, job_out);
}

/* How the child ended, waiting for it at most until `deadline`. */
static enum status exit_of(struct job *j, int64_t deadline)
{
        struct pollfd p = {j->exit_pipe, POLLIN, 0};
        struct exit_message m;
        ssize_t r;

        if (poll(&p, 1, deadline_left(deadline)) != 1)
                return FAIL(ST_TIMEOUT, .subject = j->name, .found = "it does not end");
        do
                r = read(j->exit_pipe, &m, sizeof m);
        while (r < 0 && errno == EINTR);
        if (r != sizeof m)
                return FAIL(ST_WORKER, .subject = j->name, .found = "its parent process ended",
                            .remedy = "try again: the daemon starts it anew");
        if (m.timed_out)
                return FAIL(ST_TIMEOUT, .subject = j->name, .found = "stopped at its time limit");
        if (WIFSIGNALED(m.wait_status))
                return FAIL(ST_WORKER, .subject = j->name, .expected = "an end without a fault",
                            .found = FMT("ended by signal %d (%s)", WTERMSIG(m.wait_status),
                                         strsignal(WTERMSIG(m.wait_status))));
        if (WEXITSTATUS(m.wait_status))
                return FAIL(ST_WORKER, .subject = j->name, .expected = "exit status 0",
                            .found = FMT("exit status %d", WEXITSTATUS(m.wait_status)));
        return ST_DONE;
}

enum status job_call(struct job *j, struct call call, struct arena *a)
{
        bool answered;
        enum status s = channel_ask(j->socket, call, a, j->deadline, &answered);

        /* gone without an answer: why is in how it ended */
        if (s == ST_UNREACHABLE && !answered) {
                s = exit_of(j, deadline_in(END_TIME));
                if (!s)
                        s = FAIL(ST_WORKER, .subject = j->name, .found = "no answer");
        }
        return s;
}

static void job_free(struct job *j)
{
        close(j->socket);
        close(j->exit_pipe);
        free(j);
}

enum status job_end(struct job *j)
{
        enum status s;

        if (!j)
                return ST_DONE;
        shutdown(j->socket, SHUT_WR);
        s = exit_of(j, j->deadline == NO_DEADLINE ? deadline_in(END_TIME) : j->deadline);
        job_free(j);
        return s;
}

void job_kill(struct job *j)
{
        if (j)
                job_free(j); /* the warm parent sees the exit pipe close, and kills */
}

bool job_alive(struct job *j)
{
        struct pollfd p = {j->exit_pipe, POLLIN, 0};

        return poll(&p, 1, 0) == 0;
}

enum status worker_ask(struct worker *w, int deadline_ms, struct call call, struct arena *a,
                       struct job **job_out)
{
        enum status s = start_job(w, deadline_ms, true, job_out);

        if (s)
                return s;
        s = job_call(*job_out, call, a);
        if (s) {
                struct error why = *error_last();

                job_kill(*job_out);
                *job_out = NULL;
                error_keep(&why);
        }
        return s;
}

enum status worker_call(struct worker *w, int deadline_ms, struct call call, struct arena *a)
{
        struct job *j;
        enum status s = worker_ask(w, deadline_ms, call, a, &j), ended;

        if (s)
                return s;
        ended = job_end(j);
        if (ended) /* an answer of a process that then died is no answer */
                message_close_fds(message_info(call.number)->reply, call.reply);
        return ended;
}
