/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of a server share, for lib/server*.c alone. One thread, the one in server_run(),
 * waits on every connection at once and owns them; a whole request gets a thread of its own, and
 * its connection is left alone until that thread hands it back.
 *
 *   server_share.c       how much each rank may use
 *   server_connection.c  the beginning and the end of a connection
 *   server_request.c     a request and its thread
 *   server_read.c        from bytes to a request
 *   server.c             the loop, and what is told to those who watch
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

/* What the loop waits on; the first field of each. */
enum source { SOURCE_CONNECTION, SOURCE_LISTENER, SOURCE_BACK, SOURCE_SIGNAL, SOURCE_WATCHED };

struct listener {
        enum source source;
        struct server *server;
        struct server_listener o;
        struct listener *next;
};

struct connection {
        enum source source;
        struct server *server;
        const struct server_listener *listener;
        struct connection *next, *previous;
        struct connection *next_queued; /* waiting for a thread, or handed back by one */
        int fd;
        enum phase phase;
        bool broken; /* set by the thread that served it */
        bool watching;
        struct caller caller;
        enum rank rank;
        struct frame_reader reader;
        int64_t since; /* when its phase, or its frame, began */
        struct arena *arena;
        void *session;
        void (*session_end)(void *session);
        pthread_mutex_t sending;
};

struct server {
        struct server_options o;
        struct listener *listeners;
        struct connection connections; /* head of the list, newest first */
        size_t count[RANKS], running[RANKS];
        struct connection *queue, **queue_end;
        int epoll, back, signals;
        pthread_mutex_t lock; /* over `handed_back`, the list and `watching` */
        struct connection *handed_back;
};

enum rank server_rank_of(unsigned roles);
/* May one more of that rank use what `most` can use at once? */
bool server_has_share(const size_t used[RANKS], enum rank rank, size_t most);

/* A detached one. False if there is none to be had. */
bool server_start_thread(void *(*run)(void *), void *with);
/* Accepts all who wait there. */
void server_accept(struct listener *l);
/* Asks epoll for one more event of this connection: EPOLL_CTL_ADD or EPOLL_CTL_MOD. */
void server_wait_for_more(struct connection *c, int how);
/* Closes a connection that no thread serves. */
void server_forget(struct connection *c);
/* Whether descriptors may travel over that socket, where the kernel can tell (Linux 6.16). */
void server_take_rights(int fd, int whether);

void server_queue(struct connection *c);
/* What threads handed back is read from again, and the next requests are started. */
void server_take_back(struct server *s);
size_t server_running(const struct server *s);

void server_read(struct connection *c);
/* A peer that has begun a frame, or has not said hello, and takes too long, goes. */
void server_close_stalled(struct server *s);

#endif
