/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames over a unix stream socket: body length (u32), message number (u16), how many descriptors
 * travel beside it (u16), all big endian, then the body. One request is outstanding at a time on a
 * connection, so a reply needs no identifier: it has the request's number, or MESSAGE_ERROR.
 * The first frame each way is MESSAGE_HELLO with the protocol version; another version is refused.
 */
#ifndef BULKHEAD_LIB_CHANNEL_H
#define BULKHEAD_LIB_CHANNEL_H

#include "lib/io.h"
#include "lib/message.h"

enum { PROTOCOL_VERSION = 3, FRAME_HEADER = 8 };

struct frame {
        uint16_t number;
        struct bytes body; /* in the arena */
        int fds[MESSAGE_FDS_MOST];
        size_t fds_count;
};

/* Both block until they are done, or ST_TIMEOUT at the deadline, or ST_CANCELLED (interrupt.h);
 * ST_UNREACHABLE if the peer is gone. most: bytes in a body. Received descriptors are the caller's,
 * close-on-exec. */
enum status channel_send_frame(int fd, uint16_t number, struct bytes body, const int *fds,
                               size_t fds_count, int64_t deadline);
enum status channel_receive_frame(int fd, size_t most, struct arena *a, struct frame *frame_out,
                                  int64_t deadline);
void frame_close_fds(struct frame *f);

/* A frame that comes in pieces. The body is the reader's until frame_reader_clear(). */
struct frame_reader {
        uint8_t header[FRAME_HEADER];
        size_t header_have, body_len;
        struct buffer body;
        struct frame frame;
        size_t fds_expected;
};
/* Reads what is there, without waiting, and nothing past the frame's end. most: bytes in a body;
 * fds_most: descriptors beside it. */
enum status frame_reader_step(struct frame_reader *r, int fd, size_t most, size_t fds_most,
                              bool *whole_out);
/* The same in two steps: a header first, which is known when *known_out is true, then the body,
 * for which memory is taken only now. */
enum status frame_reader_head(struct frame_reader *r, int fd, size_t fds_most, bool *known_out);
enum status frame_reader_body(struct frame_reader *r, int fd, size_t most, size_t fds_most,
                              bool *whole_out);
bool frame_reader_started(const struct frame_reader *r);
void frame_reader_clear(struct frame_reader *r); /* closes descriptors that are still there */

enum status channel_send(int fd, uint16_t number, const struct shape *shape, const void *message,
                         int64_t deadline);
enum status channel_send_error(int fd, const struct error *e, int64_t deadline);
/* Sends a call's request and waits for its reply, decoded where the call says. An error that comes
 * back is kept as this thread's and its status returned. The request's descriptors stay the
 * caller's; those in the reply become the caller's. */
enum status channel_call(int fd, struct call call, struct arena *a, int64_t deadline);
/* The same; *answered_out is true if the peer answered, be it with an error, and false if sending
 * or receiving failed. */
enum status channel_ask(int fd, struct call call, struct arena *a, int64_t deadline,
                        bool *answered_out);
/* channel_ask() in its two steps, to do something else while the other end works. */
enum status channel_send_request(int fd, struct call call, int64_t deadline);
enum status channel_receive_reply(int fd, struct call call, struct arena *a, int64_t deadline,
                                  bool *answered_out);

/* A connected pair of unix stream sockets, close-on-exec. */
enum status channel_pair(int fds[2]);
/* Connects to a unix socket and says hello. */
enum status channel_connect(const char *path, int64_t deadline, int *fd_out);

#endif
