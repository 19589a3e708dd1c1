/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of a server share, for lib/server*.c alone. The thread in server_run() waits on
 * all connections at once and owns them; a whole request gets a thread of its own, which owns the
 * connection until it hands it back.
 *
 *   server_share.c       how much each rank may use
 *   server_connection.c  the beginning and the end of a connection
 *   server_memory.c      the budget of all frames, and giving memory back
 *   server_closing.c     closing without waiting
 *   server_request.c     a request and its thread
 *   server_read.c        from bytes to a request
 *   server.c             the loop, and the events told to connections that watch
 */
#ifndef BULKHEAD_LIB_SERVER_PARTS_H
#define BULKHEAD_LIB_SERVER_PARTS_H

#include "lib/channel.h"
#include "lib/server.h"

#include <pthread.h>

/* Unprivileged peers must not starve privileged ones: each rank has, together with those below it,
 * its share of threads and of connections. */
enum rank { RANK_STRANGER, RANK_VERIFIER, RANK_MASTER, RANKS };

enum phase { PHASE_HELLO, PHASE_READING, PHASE_QUEUED, PHASE_RUNNING };

/* What an epoll event is about: the first field of whatever its pointer leads to. */
enum source { SOURCE_CONNECTION, SOURCE_LISTENER, SOURCE_BACK, SOURCE_SIGNAL, SOURCE_WATCHED };

struct listener {
        enum source source; /* first */
        struct server *server;
        struct server_listener o;
        bool refuses_fds; /* the kernel does, for peers that are not granted to send any */
        int64_t since;    /* ms: when it began to count ... */
        size_t let_in;    /* ... those below a master who connected */
        bool rests;       /* no peer is let in */
        struct listener *next;
};

struct connection {
        enum source source; /* first */
        struct server *server;
        const struct server_listener *listener;
        bool may_hold_fds; /* unread bytes may have descriptors beside them */
        struct connection *next, *previous;
        struct connection *next_queued; /* waiting for a thread, or handed back by one */
        int fd;
        enum phase phase;
        bool broken; /* set by the thread that served it */
        bool ends;   /* its session's end waits for a thread, or has one */
        bool watching;
        struct caller caller;
        enum rank rank;
        enum rank work_rank;   /* of its frame and request: `rank`, or lower */
        struct error *refusal; /* why its request is refused, unread; or NULL */
        struct frame_reader reader;
        size_t memory;   /* bytes of the budget that its frame has */
        bool needs_room; /* a frame's body waits until there is memory for it */
        bool dropped;    /* its memory was taken: to be closed */
        int64_t since;   /* ms on CLOCK_MONOTONIC: when its phase, or its frame, began */
        struct arena *arena;
        void *session;
        void (*session_end)(void *session);
        pthread_mutex_t sending;
};

struct server {
        struct server_options o;
        struct listener *listeners;
        struct connection connections; /* head of the list, newest first */
        size_t count[RANKS], running[RANKS], ending;
        bool rests;      /* a listener does */
        bool room_due;   /* memory was given back since bodies that wait for it were looked at */
        int64_t room_at; /* when they were */
        bool start_due;  /* the end of a session was put into the queue */
        struct connection **at_work; /* those whose requests are counted in `running` */
        size_t at_work_count;
        struct connection *queue, **queue_end;
        size_t memory[RANKS]; /* bytes of frames, from their header on */
        bool worked;          /* since memory was last given back */
        int64_t worked_at;
        int epoll, back, signals; /* back: an eventfd, written when a thread hands back */
        pthread_mutex_t lock;     /* over `handed_back`, the list and `watching` */
        struct connection *handed_back;
};

enum rank server_rank_of(unsigned roles);
/* May one more of that rank use what `most` can use at once? */
bool server_has_share(const size_t used[RANKS], enum rank rank, size_t most);
/* How much of it one principal may use, so that none takes the whole share of its rank. */
size_t server_share_of_one(enum rank rank, size_t most);

/* Starts a thread, detached if joinable_out is NULL; false if there is none to be had. */
bool server_start_thread(void *(*run)(void *), void *with, pthread_t *joinable_out);
/* Accepts peers that wait there, some at a time. */
void server_accept(struct listener *l);
/* Lets peers in where a listener has rested for long enough. */
void server_listen_again(struct server *s);
/* Asks epoll for one more event of this connection: EPOLL_CTL_ADD or EPOLL_CTL_MOD. */
void server_wait_for_more(struct connection *c, int how);
/* Closes a connection that no thread serves; if it has a session, once a thread has ended that. */
void server_forget(struct connection *c);
/* Closes the connection of a peer without ever waiting for what that peer has sent. */
void server_close(int fd, bool may_hold_fds);
/* True while so many of them wait to be closed that none should be added. */
bool server_closes_many(void);
/* Every now and then: tries again what no thread was to be had for. */
void server_hurry_closings(void);
/* Sets SO_PASSRIGHTS, which older kernels than Linux 6.16 do not have: without it the kernel
 * refuses descriptors beside what the peer sends. A connection has it from its listener, before the
 * peer can send anything. False where there is none. */
bool server_take_rights(int fd, int whether);

/* Gives the request that was read, or the end of a session, a thread, now or in its turn. */
void server_queue(struct connection *c);
/* Only puts it into the queue. */
void server_append(struct connection *c);
/* Starts what may run of that. */
void server_start_queued(struct server *s);
/* Waits again on the connections that threads handed back, and starts the next requests. */
void server_take_back(struct server *s);
size_t server_running(const struct server *s);

/* Before the first thread: how the heap gives back what it no longer needs. */
void server_memory_begin(void);
/* Whether there is memory for the body of the frame that has begun. */
bool server_has_room(const struct connection *c);
/* Memory for the body of the frame that has begun, from the budget of all: true if it has it. A
 * master takes it from whoever is below and has not sent all. */
bool server_take_memory(struct connection *c);
/* The frame is done with. */
void server_give_memory(struct connection *c);
/* Reads on where a body waited for memory, if there is some now. */
void server_read_waiting(struct server *s);
/* Every now and then: gives memory that was needed for a while back to the kernel. */
void server_trim(struct server *s);

/* Reads what has come. Closes a connection that broke the protocol or is at its end. */
void server_read(struct connection *c);
/* Closes connections that take too long over a hello, or over a frame that has begun. */
void server_close_stalled(struct server *s);

#endif
