/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server has one or more listeners: each is a socket with a table of the requests that it answers
 * and a way to learn its callers' principals. The server reads frames without ever waiting for one
 * peer, and hands each whole request to a thread of its own, which checks permission and shape
 * (dispatch.h), runs the handler and writes the reply. All listeners of a server share its threads
 * and its connections by one rule of fairness (server_parts.h).
 *
 * A request of a peer without an administrator's rights gives way to others (lib/priority.h).
 *
 * A handler may block. Its memory is request->arena, its error is the thread's (status.h). A
 * connection has one request at a time.
 */
#ifndef BULKHEAD_LIB_SERVER_H
#define BULKHEAD_LIB_SERVER_H

#include "lib/message.h"
#include "lib/principal.h"

/* Whoever is at the other end of a connection, and what the listener grants to it. */
struct caller {
        struct principal principal;
        unsigned roles;                 /* ADMIN, VERIFIER, DAEMON, PARENT */
        bool may_pass_fds;              /* may send descriptors beside its requests */
        char name[PRINCIPAL_NAME_SIZE]; /* principal may point here: do not copy a caller */
};

struct connection;

struct request {
        struct arena *arena;
        const struct caller *caller;
        /* A handler may keep a session on its connection: *session_end is called with *session
         * when the connection closes, never while a handler runs, in a thread that may block. */
        void **session;
        void (**session_end)(void *session);
        struct connection *connection; /* for server_watch(); NULL in a worker */
};

struct handler {
        uint16_t number;
        enum status (*call)(struct request *, const void *request, void *reply);
};

/*
 * The dispatch table of one listener, and its handlers' prototypes, from the message table:
 *
 *   #define IM_MSG HANDLER_PROTOTYPE
 *   #include "bulkhead/messages.def"
 *   static const struct handler handlers[] = {
 *   #define IM_MSG HANDLER_ENTRY
 *   #include "bulkhead/messages.def"
 *   };
 *
 * Descriptors in a request are closed after the handler returns, so the handler duplicates those
 * that it keeps. Descriptors that it puts into the reply are closed after that was sent.
 */
#define HANDLER_PROTOTYPE(number, name, who, asked, reply)                                         \
        enum status on_##name(struct request *, const struct name##_req *, struct name##_rep *);   \
        static inline enum status call_##name(struct request *r, const void *q, void *p)           \
        {                                                                                          \
                return on_##name(r, q, p);                                                         \
        }
#define HANDLER_ENTRY(number, name, who, asked, reply) {number, call_##name},

struct server_options {
        size_t requests_most;    /* threads at once */
        size_t connections_most; /* then the one that is idle longest is closed for a new one */
        size_t memory_most; /* bytes of all frames from their header until the reply; 0: 64 MiB */
};

struct server_listener {
        int fd; /* of local_socket_listen() or the like, non-blocking; closed with the server */
        const struct handler *handlers;
        size_t handlers_count;
        size_t frame_most; /* bytes in a request's body; 4 KiB where it is to be refused */
        /* The roles with which a request counts whose caller asks for others: of threads and of
         * memory for frames it has no more than these. NULL: the caller's own. */
        unsigned (*roles_of)(uint16_t number);
        /* Learns the principal that has connected on fd, and grants roles. Does not wait. Is given
         * an empty *caller_out. The peer is turned away if this is false, or if the principal is
         * not valid or has no role. */
        bool (*admit)(int fd, struct caller *caller_out);
};

struct server;
struct server *server_new(const struct server_options *o);
/* Only before server_run(). Copies *listener. */
void server_add_listener(struct server *s, const struct server_listener *listener);
/* Serves until SIGTERM or SIGINT (which it blocks), then waits for the requests under way, at most
 * five seconds. Returns 0, or 3 when it cannot go on. also_watch: descriptors (of warm parents)
 * whose hang-up ends the server with 3; may be NULL. A process with several servers runs each in a
 * thread of its own; a signal ends them all. */
int server_run(struct server *s, const int *also_watch, size_t watch_count);
/* After server_run(): closes connections and listeners, and frees. Does nothing while a request is
 * still under way, which may use any of it. NULL is fine. */
void server_free(struct server *s);

/* From now on the connection of this request is told the server's events. */
void server_watch(struct request *r);
/* Tells an event to every connection that watches, and closes a connection that does not take it at
 * once. A connection whose request is being answered misses the event. */
void server_tell(struct server *s, struct telling telling);

#endif
