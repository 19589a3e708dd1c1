/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers: processes apart that do the dangerous duties.
 *
 * A daemon starts each kind once, as a *warm parent*: fork and exec, libraries and grammars loaded,
 * own user. For every job the warm parent forks a child, which enters its sandbox, serves requests
 * on the job's socket until that closes, and exits 0. The warm parent kills the child's whole
 * process group at the job's deadline or when the daemon drops the job, and reports the exit status
 * on a pipe that the child never sees. A result counts only when the child then exited with 0.
 * A warm parent that loses its daemon kills its children and ends.
 *
 * Where the worker wants it (`ahead`), the daemon has a job made before it needs one: its child
 * waits in its sandbox, and a request goes to it without a detour by the warm parent, which is told
 * beside that the job's time has begun.
 */
#ifndef BULKHEAD_LIB_WORKER_H
#define BULKHEAD_LIB_WORKER_H

#include "lib/sandbox.h"
#include "lib/server.h"

/* --- the daemon's side --------------------------------------------------------------------- */

struct worker; /* a warm parent; may be used from many threads at once */
struct job;    /* used by one thread at a time */

/* program: path of the executable; args: up to its NULL, without the program's name. user: whom
 * to become (ignored when not root, NULL to stay), group_too: as user_drop(). Fatal duties are the
 * worker's own. */
enum status worker_start(const char *program, const char *const *args, const char *user,
                         const char *group_too, struct worker **worker_out);
int worker_hangup_fd(const struct worker *w); /* for server_run()'s also_watch */
void worker_stop(struct worker *w);           /* NULL is fine */

/* deadline_ms: for the whole job, NO_DEADLINE for one that lives on. */
enum status job_start(struct worker *w, int deadline_ms, struct job **job_out);
/* As channel_call(). ST_WORKER or ST_TIMEOUT when the child is gone or the time is over. */
enum status job_call(struct job *j, struct call call, struct arena *a);
/* The same in two steps, to do something else while the child works. */
enum status job_ask(struct job *j, struct call call);
enum status job_answer(struct job *j, struct call call, struct arena *a);
/* Another deadline, from now on. */
void job_set_deadline(struct job *j, int deadline_ms);
/* That was the last request: the child ends as soon as it has answered. */
void job_last(struct job *j);
/* Closes the socket, waits for the exit status: ST_DONE only for exit 0. Frees. NULL is fine. */
enum status job_end(struct job *j);
void job_kill(struct job *j); /* drops it: killed and freed. NULL is fine */
bool job_alive(struct job *j);

/* One job with one request: what most callers want. On error the reply means nothing and
 * its descriptors are closed. */
enum status worker_call(struct worker *w, int deadline_ms, struct call call, struct arena *a);
/* The same in three steps: worker_ask(), job_answer(), and job_end(), until which the answer is an
 * assertion and no more. On error *job_out is NULL. */
enum status worker_ask(struct worker *w, int deadline_ms, struct call call, struct job **job_out);

/* --- the worker's side --------------------------------------------------------------------- */

struct worker_duty {
        const char *name;
        const struct handler *handlers;
        size_t handlers_count;
        const struct sandbox *sandbox; /* entered by each child; NULL: none (root by need) */
        bool ahead; /* one child is forked ahead of its job, child_begin() and sandbox included */
        /* In a child forked ahead, before its job begins: once through what that will do, on an
         * example of our own, so that the job meets no page for the first time. May be NULL. */
        void (*rehearse)(void);
        void (*child_begin)(void); /* in each child, before the sandbox; may be NULL */
        void (*child_end)(void);   /* in each child, after its last request; may be NULL */
};

/* Serves jobs from descriptor 3, where worker_start() put the control socket. Never returns. The
 * caller has parsed its options and loaded what is to be warm. */
_Noreturn void worker_serve(const struct worker_duty *duty);

#endif
