/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers: processes of their own for the dangerous duties.
 *
 * A daemon starts each kind once, as a *warm parent*: fork and exec, libraries and grammars loaded,
 * own user. For every job the warm parent forks a child, which enters its sandbox, serves requests
 * on the job's socket until that closes, and exits 0. The warm parent kills the child's whole
 * process group at the job's deadline or when the daemon drops the job, and reports the exit status
 * on a pipe that the child never sees. A result counts only when the child then exited with 0.
 * A warm parent that loses its daemon kills its children and ends.
 *
 * A job gives way, as the thread does that begins its time (lib/priority.h). One that serves
 * everybody never does.
 *
 * If a worker's duty says `ahead`, the daemon has one job made before it needs it: the child waits
 * in its sandbox, so that a request goes to it at once, and the warm parent is only told that the
 * job's time has begun.
 */
#ifndef BULKHEAD_LIB_WORKER_H
#define BULKHEAD_LIB_WORKER_H

#include "lib/sandbox.h"
#include "lib/server.h"

/* --- the daemon's side --------------------------------------------------------------------- */

struct worker; /* a warm parent; may be used from many threads at once */
struct job;    /* used by one thread at a time */

/* Starts a warm parent and waits until it is warm. program: path of the executable. args: its
 * arguments without the program's name, NULL at the end; NULL for none. user and group_too: as for
 * user_drop(), user NULL to stay. ST_WORKER if it does not start, ST_PROTOCOL if it belongs to
 * another version. */
enum status worker_start(const char *program, const char *const *args, const char *user,
                         const char *group_too, struct worker **worker_out);
int worker_hangup_fd(const struct worker *w); /* for server_run()'s also_watch */
void worker_stop(struct worker *w);           /* NULL is fine */

/* Takes the job that was made ahead, or has one made. deadline_ms: for the whole job, from its
 * first request on; NO_DEADLINE for a job that lives on. */
enum status job_start(struct worker *w, int deadline_ms, struct job **job_out);
/* A job without a deadline that serves whoever asks next, too: it never gives way, whoever is the
 * first. */
enum status job_start_shared(struct worker *w, struct job **job_out);
/* As channel_call(). ST_WORKER if the child is gone, ST_TIMEOUT if the job's time is over. */
enum status job_call(struct job *j, struct call call, struct arena *a);
/* The same in two steps, to do something else while the child works. */
enum status job_ask(struct job *j, struct call call);
enum status job_answer(struct job *j, struct call call, struct arena *a);
/* Gives the job another deadline, counted from now. */
void job_set_deadline(struct job *j, int deadline_ms);
/* No request follows: the child ends as soon as it has answered. */
void job_last(struct job *j);
/* Lets the child end, waits for its exit status, frees the job: ST_DONE only for exit 0. NULL is
 * fine. */
enum status job_end(struct job *j);
/* Kills the child and frees the job. NULL is fine. */
void job_kill(struct job *j);
/* The same, and waits at most wait_ms until the child has ended: what it had open is closed then.
 * ST_TIMEOUT if it does not end; the job is freed all the same. How the child ended is not told. */
enum status job_kill_wait(struct job *j, int wait_ms);
bool job_alive(struct job *j); /* false once the child has ended */

/* One job with one request: what most callers want. On error the reply means nothing and
 * its descriptors are closed. */
enum status worker_call(struct worker *w, int deadline_ms, struct call call, struct arena *a);
/* The same in three steps: worker_ask(), job_answer(), job_end(). The answer counts only after
 * job_end() has returned ST_DONE. On error *job_out is NULL. */
enum status worker_ask(struct worker *w, int deadline_ms, struct call call, struct job **job_out);

/* --- the worker's side --------------------------------------------------------------------- */

struct worker_duty {
        const char *name;
        const struct handler *handlers;
        size_t handlers_count;
        const struct sandbox *sandbox; /* entered by each child; NULL: none (root by need) */
        bool ahead; /* fork one child ahead of its job; it waits in its sandbox */
        /* Called in a child that was forked ahead, while it waits: does once, on a built-in
         * example, what the job will do, so that the job itself causes fewer page faults. May be
         * NULL. */
        void (*rehearse)(void);
        void (*child_begin)(void); /* in each child, before the sandbox; may be NULL */
        void (*child_end)(void);   /* in each child, after its last request; may be NULL */
};

/* Serves jobs from descriptor 3, where worker_start() put the control socket. Never returns. The
 * caller has parsed its options and loaded what is to be warm. */
_Noreturn void worker_serve(const struct worker_duty *duty);

#endif
