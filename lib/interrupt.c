/* SPDX-License-Identifier: Apache-2.0 */
/* A peer's end is looked at by poll(), so neither a signal nor the server's loop has part in it. */
#include "lib/interrupt.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

enum { LOOK = 500 /* ms */ };

static _Thread_local struct interrupt mine = {.peer = -1, .told = -1};

struct interrupt interrupt_get(void)
{
        return mine;
}

void interrupt_set(const struct interrupt *i)
{
        mine = *i;
}

void interrupt_peer(int fd)
{
        mine = (struct interrupt){.peer = fd, .told = -1};
}

void interrupt_allow(int told)
{
        mine.told = told;
        mine.allowed = true;
}

void interrupt_forbid(void)
{
        mine.allowed = mine.ended = false;
}

static enum status end(bool gone)
{
        mine.ended = true;
        mine.gone = gone;
        return FAIL(ST_CANCELLED, .subject = "the request",
                    .found = gone ? "whoever asked for it is gone" : "it was cancelled",
                    .remedy = "what had begun was undone: ask again if it is wanted");
}

/* One wait; the first two of p are what may interrupt it. A peer that only sends no more, and waits
 * for its answer (shutdown(2)), has not hung up. */
static int wait_once(struct pollfd p[3], int64_t deadline)
{
        int r;

        p[0] = (struct pollfd){mine.allowed ? mine.peer : -1, 0, 0};
        p[1] = (struct pollfd){mine.allowed ? mine.told : -1, POLLIN, 0};
        do
                r = poll(p, 3, deadline_left(deadline));
        while (r < 0 && errno == EINTR);
        return r;
}

bool interrupt_due(void)
{
        struct pollfd p[3] = {[2] = {.fd = -1}};

        return mine.ended || wait_once(p, deadline_in(0)) > 0;
}

enum status interrupt_check(void)
{
        struct pollfd p[3] = {[2] = {.fd = -1}};

        if (mine.ended)
                return end(mine.gone);
        return mine.allowed && wait_once(p, deadline_in(0)) > 0 ? end(p[0].revents) : ST_DONE;
}

int64_t interrupt_look(int64_t deadline)
{
        const int64_t look = deadline_in(LOOK);

        return mine.allowed && (deadline == NO_DEADLINE || look < deadline) ? look : deadline;
}

enum status interrupt_wait(int fd, short events, int64_t deadline)
{
        struct pollfd p[3] = {[2] = {fd, events, 0}};
        int r;

        if (mine.ended)
                return end(mine.gone);
        r = wait_once(p, deadline);
        if (r < 0)
                return FAIL(ST_IO, .subject = "poll", .found = strerror(errno));
        if (!r)
                return FAIL(ST_TIMEOUT, .subject = "an answer of another process");
        return p[2].revents ? ST_DONE : end(p[0].revents);
}
