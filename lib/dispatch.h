/* SPDX-License-Identifier: Apache-2.0 */
/* One request from frame to reply: what a door and a worker have in common. */
#ifndef BULKHEAD_LIB_DISPATCH_H
#define BULKHEAD_LIB_DISPATCH_H

#include "lib/channel.h"
#include "lib/server.h"

enum { REPLY_DEADLINE = 10000 }; /* ms for a peer to take a reply */

/* ST_DENIED unless this caller may ask that request. */
enum status dispatch_permits(const struct message_info *info, const struct caller *caller);
/* Checks permission, decodes, calls the handler, sends the reply or the error. Closes the frame's
 * descriptors. ST_DONE if the connection can go on, also after a request that was refused; an error
 * if the connection must be closed. */
enum status dispatch(const struct handler *handlers, size_t count, struct request *r,
                     struct frame *f, int fd);

#endif
