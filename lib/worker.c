/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's side of workers: starts warm parents, gives them jobs, and believes a job's result
 * only when its process ended as it should. lib/worker_serve.c is the other side.
 */
#include "lib/worker.h"
#include "lib/channel.h"
#include "lib/priority.h"
#include "lib/report.h"
#include "lib/worker_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
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
        bool ahead;           /* it wants one job made ahead */
        pthread_mutex_t lock; /* over what follows */
        uint64_t jobs;        /* how many were made, which is the number of the last */
        struct job *ready;    /* made ahead, for the thread that comes first */
        bool making;          /* a thread is making the next one */
};

struct job {
        const char *name;
        int socket, exit_pipe;
        int64_t deadline;
        struct worker *worker;
        uint64_t number;
        int deadline_ms;
        bool begun;  /* the warm parent knows that the job's time runs */
        bool asked;  /* it has had its first request */
        bool shared; /* it never gives way */
};

/* --- making jobs --- */

static enum status open_job(struct worker *w, int theirs_out[JOB_FDS], struct job **job_out)
{
        int sockets[2], pipes[2];
        enum status s = channel_pair(sockets);

        if (s)
                return s;
        if (pipe2(pipes, O_CLOEXEC) < 0) {
                s = FAIL(ST_IO, .subject = w->name, .found = strerror(errno));
                close(sockets[0]);
                close(sockets[1]);
                return s;
        }
        theirs_out[0] = sockets[1];
        theirs_out[1] = pipes[1];
        *job_out = memory_new(1, sizeof **job_out);
        **job_out = (struct job){.name = w->name,
                                 .socket = sockets[0],
                                 .exit_pipe = pipes[0],
                                 .deadline = NO_DEADLINE,
                                 .worker = w,
                                 .number = __atomic_add_fetch(&w->jobs, 1, __ATOMIC_RELAXED)};
        return ST_DONE;
}

/* Has a job made, to be used at once or ahead. The same packet may tell that another job's time has
 * begun (m). */
static enum status make_job(struct worker *w, struct job_message m, bool at_once,
                            struct job **job_out)
{
        int theirs[JOB_FDS];
        enum status s = open_job(w, theirs, job_out);

        if (s)
                return s;
        m.made = (*job_out)->number;
        if (at_once)
                m.begun = m.made;
        if (!job_message_send(w->control, &m, theirs))
                s = FAIL(ST_WORKER, .subject = w->name, .found = strerror(errno),
                         .remedy = "the daemon starts it anew: try again");
        close(theirs[0]);
        close(theirs[1]);
        if (s) {
                job_kill(*job_out);
                *job_out = NULL;
        }
        return s;
}

/* Tells the warm parent that a job's time begins (if m names one), and has the next job made. */
static void renew(struct worker *w, struct job_message m)
{
        struct job *next = NULL;
        bool mine;

        pthread_mutex_lock(&w->lock);
        mine = w->ahead && !w->ready && !w->making;
        w->making |= mine;
        pthread_mutex_unlock(&w->lock);
        if ((!mine || make_job(w, m, false, &next)) && m.begun)
                job_message_send(w->control, &m, NULL); /* failure: the warm parent is gone */
        if (!mine)
                return;
        pthread_mutex_lock(&w->lock);
        w->ready = next;
        w->making = false;
        pthread_mutex_unlock(&w->lock);
}

static struct job *take_ready(struct worker *w)
{
        struct job *j;

        pthread_mutex_lock(&w->lock);
        j = w->ready;
        w->ready = NULL;
        pthread_mutex_unlock(&w->lock);
        if (!j || job_alive(j))
                return j;
        job_kill(j);
        return NULL;
}

/* The warm parent keeps the time. Our own deadline is two seconds later, for a warm parent that
 * hangs. */
static void set_time(struct job *j, int deadline_ms)
{
        j->deadline_ms = deadline_ms;
        j->deadline = deadline_in(deadline_ms == NO_DEADLINE ? NO_DEADLINE : deadline_ms + 2000);
}

static enum status start(struct worker *w, int deadline_ms, bool shared, struct job **job_out)
{
        struct job *j = take_ready(w);
        enum status s = ST_DONE;

        *job_out = NULL;
        if (!j) {
                s = make_job(w,
                             (struct job_message){.deadline_ms = deadline_ms,
                                                  .gives_way = !shared && priority_gives_way()},
                             true, &j);
                if (s)
                        return s;
                j->begun = true;
        }
        j->shared = shared;
        set_time(j, deadline_ms);
        *job_out = j;
        return ST_DONE;
}

enum status job_start(struct worker *w, int deadline_ms, struct job **job_out)
{
        return start(w, deadline_ms, false, job_out);
}

enum status job_start_shared(struct worker *w, struct job **job_out)
{
        return start(w, NO_DEADLINE, true, job_out);
}

static bool gives_way(const struct job *j)
{
        return !j->shared && priority_gives_way();
}

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

/* The warm parent's first message says that it is warm, and which protocol it speaks. */
static enum status wait_until_warm(struct worker *w)
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
        w->ahead = m.ahead;
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
        pthread_mutex_init(&w->lock, NULL);
        snprintf(w->name, sizeof w->name, "%s", basename(program));
        s = wait_until_warm(w);
        if (s) {
                worker_stop(w);
                return s;
        }
        renew(w, (struct job_message){0});
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
        job_kill(w->ready);
        close(w->control); /* the warm parent sees this, kills its children and ends */
        while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        pthread_mutex_destroy(&w->lock);
        free(w);
}

/* --- jobs --- */

static enum status job_ended(struct job *j, int64_t deadline)
{
        struct pollfd p = {j->exit_pipe, POLLIN, 0};
        int r;

        do
                r = poll(&p, 1, deadline_left(deadline));
        while (r < 0 && errno == EINTR);
        return r == 1 ? ST_DONE
                      : FAIL(ST_TIMEOUT, .subject = j->name,
                             .found = "a process that does not end");
}

/* Waits for the child's end, at most until `deadline`, and says how it was. */
static enum status exit_of(struct job *j, int64_t deadline)
{
        struct exit_message m;
        ssize_t r;
        enum status s = job_ended(j, deadline);

        if (s)
                return s;
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

/* The child is gone without an answer; how it ended says why. */
static enum status why_gone(struct job *j)
{
        enum status s = exit_of(j, deadline_in(END_TIME));

        return s ? s : FAIL(ST_WORKER, .subject = j->name, .found = "no answer");
}

enum status job_ask(struct job *j, struct call call)
{
        enum status s = channel_send_request(j->socket, call, j->deadline);

        if (!j->asked) /* only now, so that the request does not wait for it */
                renew(j->worker, (struct job_message){.begun = j->begun ? 0 : j->number,
                                                      .deadline_ms = j->deadline_ms,
                                                      .gives_way = gives_way(j)});
        j->asked = j->begun = true;
        return s == ST_UNREACHABLE ? why_gone(j) : s;
}

enum status job_answer(struct job *j, struct call call, struct arena *a)
{
        bool answered;
        enum status s = channel_receive_reply(j->socket, call, a, j->deadline, &answered);

        return s == ST_UNREACHABLE && !answered ? why_gone(j) : s;
}

enum status job_call(struct job *j, struct call call, struct arena *a)
{
        enum status s = job_ask(j, call);

        return s ? s : job_answer(j, call, a);
}

void job_set_deadline(struct job *j, int deadline_ms)
{
        const struct job_message m = {
                .begun = j->number, .deadline_ms = deadline_ms, .gives_way = gives_way(j)};

        set_time(j, deadline_ms);
        job_message_send(j->worker->control, &m, NULL); /* failure: the warm parent is gone */
}

void job_last(struct job *j)
{
        shutdown(j->socket, SHUT_WR);
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
        job_last(j);
        s = exit_of(j, j->deadline == NO_DEADLINE ? deadline_in(END_TIME) : j->deadline);
        job_free(j);
        return s;
}

void job_kill(struct job *j)
{
        if (j)
                job_free(j); /* the warm parent sees the exit pipe close, and kills */
}

enum status job_kill_wait(struct job *j, int wait_ms)
{
        enum status s;

        if (!j)
                return ST_DONE;
        job_set_deadline(j, 0); /* the warm parent kills it, and tells when it has ended */
        s = job_ended(j, deadline_in(wait_ms));
        job_free(j);
        return s;
}

bool job_alive(struct job *j)
{
        struct pollfd p = {j->exit_pipe, POLLIN, 0};

        return poll(&p, 1, 0) == 0;
}

/* Kills a job after an error, which stays the thread's. */
static void job_drop(struct job **j)
{
        struct error why = *error_last();

        job_kill(*j);
        *j = NULL;
        error_keep(&why);
}

enum status worker_ask(struct worker *w, int deadline_ms, struct call call, struct job **job_out)
{
        enum status s = job_start(w, deadline_ms, job_out);

        if (!s)
                s = job_ask(*job_out, call);
        if (!s) {
                job_last(*job_out);
                return ST_DONE;
        }
        job_drop(job_out);
        return s;
}

enum status worker_call(struct worker *w, int deadline_ms, struct call call, struct arena *a)
{
        struct job *j;
        enum status s = worker_ask(w, deadline_ms, call, &j), ended;

        if (!s)
                s = job_answer(j, call, a);
        if (s) {
                job_drop(&j);
                return s;
        }
        ended = job_end(j);
        if (ended) /* the answer of a process that then failed does not count */
                message_close_fds(message_info(call.number)->reply, call.reply);
        return ended;
}
