/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server has one or more listeners: each is a socket with a table of the requests that it answers
 * and a way to learn who has come. The server reads frames without ever waiting for one peer,
 * checks number, size and permission, and hands each whole request to a thread of its own, which
 * runs the handler and writes the reply. All listeners of a server share its threads and its
 * connections by one rule of fairness (server_parts.h).
 *
 * A handler may block. It reads as straight as it is: its memory is request->arena, its error is
 * the thread's (status.h). A connection has one request at a time.
 */
#ifndef BULKHEAD_LIB_SERVER_H
#define BULKHEAD_LIB_SERVER_H

#include "lib/message.h"
#include "lib/principal.h"

/* Who is at the other end of a connection, and what the listener grants to it. */
struct caller {
        struct principal principal;
        unsigned roles;                 /* ADMIN, VERIFIER, DAEMON, PARENT */
        bool may_pass_fds;              /* descriptors beside its requests */
        char name[PRINCIPAL_NAME_SIZE]; /* room for the principal's; such a caller is not copied */
};

struct connection;

struct request {
        struct arena *arena;
        const struct caller *caller;
        /* What a handler keeps on the connection; session_end is called with it when the
         * connection closes (never while a handler runs). */
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
 * Descriptors in a request are closed after the handler returns: it duplicates what it keeps.
 * Descriptors that a handler puts into the reply are closed after it is sent.
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
        size_t connections_most; /* the longest idle one makes room for a new one */
};

struct server_listener {
        int fd; /* of local_socket_listen() or the like, non-blocking; closed with the server */
        const struct handler *handlers;
        size_t handlers_count;
        size_t frame_most; /* bytes in a request's body */
        /* Learns who has connected on fd, and grants roles. Does not wait. *caller_out is empty
         * before. False, no valid principal, or no role: turned away. */
        bool (*admit)(int fd, struct caller *caller_out);
};

struct server;
struct server *server_new(const struct server_options *o);
/* Before server_run(). */
void server_add_listener(struct server *s, const struct server_listener *listener);
/* Serves until SIGTERM or SIGINT (blocks them itself), then waits for the requests under way, at
 * most five seconds. Returns 0, or 3 when it cannot go on. also_watch: descriptors (of warm
 * parents) whose hang-up ends the server with 3; may be NULL. Several servers of one process each
 * run in a thread of their own, and a signal ends them all. */
int server_run(struct server *s, const int *also_watch, size_t watch_count);
/* After server_run(): closes connections and listeners. Where a request is still under way nothing
 * is freed: it may use all of it. NULL is fine. */
void server_free(struct server *s);

/* Marks the connection of this request as one that is told this server's events. */
void server_watch(struct request *r);
/* Tells an event to every connection that watches; one that does not read is closed. */
void server_tell(struct server *s, struct telling telling);

#endif
