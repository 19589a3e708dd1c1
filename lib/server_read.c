/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what peers send, as it comes: a hello, then requests. Nothing here waits for a peer. */
#include "lib/server_parts.h"

#include <sys/epoll.h>

enum {
        FRAME_TIME = 10000,      /* ms for a hello, and for a frame that has begun */
        STRANGER_MOST = 64 << 10 /* bytes of a stranger's frame: many strangers may begin one */
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
        c->phase = PHASE_READING;
        c->since = deadline_in(0);
        return !channel_send_frame(c->fd, MESSAGE_HELLO, (struct bytes){version, sizeof version},
                                   NULL, 0, deadline_in(0));
}

static size_t body_most(const struct connection *c)
{
        if (c->phase == PHASE_HELLO)
                return 4;
        return c->rank == RANK_STRANGER && c->listener->frame_most > STRANGER_MOST
                       ? STRANGER_MOST
                       : c->listener->frame_most;
}

/* False: the connection is to be closed. */
static bool step(struct connection *c, bool *whole_out)
{
        size_t fds_most = c->caller.may_pass_fds ? MESSAGE_FDS_MOST : 0;

        if (!frame_reader_step(&c->reader, c->fd, body_most(c), fds_most, whole_out))
                return true;
        if (error_last()->status == ST_PROTOCOL || error_last()->status == ST_DENIED)
                channel_send_error(c->fd, error_last(), deadline_in(0));
        return false;
}

void server_read(struct connection *c)
{
        bool started = frame_reader_started(&c->reader), whole;

        if (!step(c, &whole)) {
                server_forget(c);
                return;
        }
        if (!started && c->phase == PHASE_READING)
                c->since = deadline_in(0);
        if (!whole)
                server_wait_for_more(c, EPOLL_CTL_MOD);
        else if (c->phase != PHASE_HELLO)
                server_queue(c);
        else if (answer_hello(c))
                server_wait_for_more(c, EPOLL_CTL_MOD);
        else
                server_forget(c);
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
