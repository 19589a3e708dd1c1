/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what peers send, as it comes: a hello, then requests. Nothing here waits for a peer. */
#include "lib/dispatch.h"
#include "lib/server_parts.h"

#include <sys/epoll.h>

enum {
        FRAME_TIME = 10000,  /* ms for a hello, and for a frame that has begun */
        SMALL_MOST = 4 << 10 /* bytes of a frame that is only to be refused, and of a stranger's */
};

static bool answer_hello(struct connection *c)
{
        static const uint8_t version[4] = {0, 0, 0, PROTOCOL_VERSION};
        struct reader r = reader_of(c->reader.frame.body);
        uint32_t theirs = read_u32(&r);

        if (c->reader.frame.number != MESSAGE_HELLO || !reader_done(&r))
                return false;
        if (theirs != PROTOCOL_VERSION) {
                FAIL(ST_PROTOCOL, .subject = "protocol version",
                     .expected = FMT("%d", PROTOCOL_VERSION), .found = FMT("%u", theirs),
                     .remedy = "use programs of one version on both sides");
                channel_send_error(c->fd, error_last(), deadline_in(0));
                return false;
        }
        frame_reader_clear(&c->reader);
        server_give_memory(c);
        c->phase = PHASE_READING;
        c->since = deadline_in(0);
        return !channel_send_frame(c->fd, MESSAGE_HELLO, (struct bytes){version, sizeof version},
                                   NULL, 0, deadline_in(0));
}

/* Whatever a caller may not ask needs no more than a refusal. */
static size_t body_most(const struct connection *c)
{
        const struct message_info *info = message_info(c->reader.frame.number);

        if (c->phase == PHASE_HELLO)
                return 4;
        if (c->rank == RANK_STRANGER || !info || dispatch_permits(info, &c->caller))
                return c->listener->frame_most < SMALL_MOST ? c->listener->frame_most : SMALL_MOST;
        return c->listener->frame_most;
}

/* ST_DENIED for a long request that the caller may not ask, before its body is read. */
static enum status check_length(const struct connection *c)
{
        const struct message_info *info = message_info(c->reader.frame.number);

        if (c->reader.body_len <= body_most(c) || !info || c->phase == PHASE_HELLO)
                return ST_DONE; /* frame_reader_body() says what is wrong */
        return dispatch_permits(info, &c->caller);
}

/* Known with the header. The memory that the frame has is counted by it until it is given back. */
static void find_work_rank(struct connection *c)
{
        const struct server_listener *l = c->listener;
        enum rank asked;

        if (c->memory || !l->roles_of)
                return;
        asked = server_rank_of(l->roles_of(c->reader.frame.number));
        c->work_rank = asked < c->rank ? asked : c->rank;
}

/* *has_room_out is false while there is no room for the body. */
static enum status step(struct connection *c, bool *has_room_out, bool *whole_out)
{
        const size_t fds_most = c->caller.may_pass_fds ? MESSAGE_FDS_MOST : 0;
        bool known;
        enum status s = frame_reader_head(&c->reader, c->fd, fds_most, &known);

        *whole_out = false;
        *has_room_out = true;
        if (!s && known)
                s = check_length(c);
        if (s || !known)
                return s;
        find_work_rank(c);
        if (c->reader.body_len <= body_most(c) && !server_take_memory(c)) {
                *has_room_out = false;
                return ST_DONE;
        }
        return frame_reader_body(&c->reader, c->fd, body_most(c), fds_most, whole_out);
}

/* The connection is to be closed. The peer is told why if that is its own doing. */
static void give_up(struct connection *c)
{
        const struct message_info *info = message_info(c->reader.frame.number);

        if (error_last()->status == ST_DENIED && info) {
                c->refusal = memory_new(1, sizeof *c->refusal);
                *c->refusal = *error_last();
                server_queue(c); /* a thread has it logged, and the connection closed */
                return;
        }
        if (error_last()->status == ST_PROTOCOL || error_last()->status == ST_DENIED)
                channel_send_error(c->fd, error_last(), deadline_in(0));
        server_forget(c);
}

void server_read(struct connection *c)
{
        bool started = frame_reader_started(&c->reader), has_room, whole;

        if (c->dropped) {
                server_forget(c);
                return;
        }
        if (step(c, &has_room, &whole)) {
                give_up(c);
                return;
        }
        if (!started && c->phase == PHASE_READING)
                c->since = deadline_in(0);
        c->needs_room = !has_room;
        if (!has_room)
                return; /* until there is, or its time is over */
        if (!whole)
                server_wait_for_more(c, EPOLL_CTL_MOD);
        else if (c->phase != PHASE_HELLO)
                server_queue(c);
        else if (answer_hello(c))
                server_wait_for_more(c, EPOLL_CTL_MOD);
        else
                server_forget(c);
}

/* The first of the highest rank that waits for room, and has it now. */
static struct connection *next_waiting(struct server *s)
{
        struct connection *c, *next = NULL;

        for (c = s->connections.next; c != &s->connections; c = c->next)
                if (c->needs_room && (!next || c->rank > next->rank) && server_has_room(c))
                        next = c;
        return next;
}

void server_read_waiting(struct server *s)
{
        struct connection *c;

        while ((c = next_waiting(s)))
                server_read(c);
}

void server_close_stalled(struct server *s)
{
        struct connection *c, *next;
        int64_t now = deadline_in(0);

        for (c = s->connections.next; c != &s->connections; c = next) {
                next = c->next;
                if (now - c->since > FRAME_TIME &&
                    (c->phase == PHASE_HELLO ||
                     (c->phase == PHASE_READING && frame_reader_started(&c->reader))))
                        server_forget(c);
        }
}
