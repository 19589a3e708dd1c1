/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A door: accepts connections on a unix socket, learns who is there (SO_PEERCRED, SO_PEERGROUPS),
 * reads frames without ever waiting for one peer, checks number, size and permission, and hands
 * each whole request to a thread of its own, which runs the handler and writes the reply.
 *
 * A handler may block. It reads as straight as it is: its memory is request->arena, its error is
 * the thread's (status.h). A connection has one request at a time.
 */
#ifndef BULKHEAD_LIB_SERVER_H
#define BULKHEAD_LIB_SERVER_H

#include "lib/message.h"

#include <sys/types.h>

/* Who asks. */
struct principal {
        unsigned roles; /* ADMIN, VERIFIER, DAEMON, PARENT */
        uid_t uid;
        gid_t gid;
        pid_t pid;
};

struct request {
        struct arena *arena;
        const struct principal *principal;
        /* What a handler keeps on the connection; session_end is called with it when the
         * connection closes (never while a handler runs). */
        void **session;
        void (**session_end)(void *session);
};

struct handler {
        uint16_t number;
        enum status (*call)(struct request *, const void *request, void *reply);
};

/*
 * The dispatch table of one server, and its handlers' prototypes, from the message table:
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
        const char *path; /* of the socket: made anew */
        unsigned mode;    /* of the socket, such as 0666 */
        const struct handler *handlers;
        size_t handlers_count;
        /* The roles of a peer, 0 to turn it away. groups: its supplementary groups. */
        unsigned (*roles)(const struct principal *, const gid_t *groups, size_t groups_count);
        size_t requests_most;    /* threads at once */
        size_t connections_most; /* the longest idle one makes room for a new one */
        size_t frame_most;       /* bytes in a request's body */
        int listener;            /* from server_listen() */
};

/* Makes the socket before privileges are dropped. */
enum status server_listen(const char *path, unsigned mode, int *listener_out);
/* Serves until SIGTERM or SIGINT (blocks them itself), then waits for the requests under way, at
 * most five seconds. Returns 0, or 3 when it cannot go on. also_watch: descriptors (of warm
 * parents) whose hang-up ends the server with 3; may be NULL. */
int server_run(const struct server_options *o, const int *also_watch, size_t watch_count);

/* Marks the connection of this request as one that is told events. */
void server_watch(struct request *r);
/* Tells an event to every connection that watches; one that does not read is closed. */
void server_tell(struct telling telling);

#endif
