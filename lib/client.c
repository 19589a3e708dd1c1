/* SPDX-License-Identifier: Apache-2.0 */
/* Asks a daemon. The command comes here for compartment-mgr, and that for the two others. */
#include "lib/client.h"
#include "lib/config.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE = 50, HELLO_TIME = 5000 }; /* ms: between two tries; for the hello of one */

/* --- connections --- */

/* An error that the daemon answered stays as it is; so does one about the path, which alone has
 * `expected`. */
static enum status not_there(const struct client *c, const char *path, enum status s)
{
        char found[sizeof error_last()->found];

        if ((s != ST_UNREACHABLE && s != ST_TIMEOUT && s != ST_IO) || error_last()->expected[0])
                return s;
        status_format(found, "%s: %s", path,
                      error_last()->found[0] ? error_last()->found : status_sentence(s));
        return FAIL(ST_UNREACHABLE, .subject = c->name, .found = found, .remedy = c->remedy);
}

enum status client_connect(const struct client *c, int patience_ms, int *fd_out)
{
        const struct timespec pause = {.tv_nsec = PAUSE * 1000000L};
        int64_t until = deadline_in(patience_ms ? patience_ms : HELLO_TIME);
        char path[CONFIG_PATH];
        enum status s;

        config_path(path, config.run, c->socket);
        while ((s = channel_connect(path, until, fd_out)) && s != ST_PROTOCOL && patience_ms &&
               deadline_left(until) > PAUSE)
                nanosleep(&pause, NULL);
        return s ? not_there(c, path, s) : ST_DONE;
}

static int take_parked(struct client *c)
{
        int fd = -1;

        pthread_mutex_lock(&c->lock);
        if (c->parked_count)
                fd = c->parked[--c->parked_count];
        pthread_mutex_unlock(&c->lock);
        return fd;
}

/* Between two requests the daemon has nothing to say. If there is something to read, be it the end,
 * the connection is of no use. */
static bool is_quiet(int fd)
{
        struct pollfd p = {fd, POLLIN | POLLRDHUP, 0};

        return poll(&p, 1, 0) == 0;
}

enum status client_borrow(struct client *c, int patience_ms, int *fd_out)
{
        int fd;

        while ((fd = take_parked(c)) >= 0) {
                if (is_quiet(fd)) {
                        *fd_out = fd;
                        return ST_DONE;
                }
                close(fd);
        }
        return client_connect(c, patience_ms, fd_out);
}

void client_park(struct client *c, int fd)
{
        bool room;

        pthread_mutex_lock(&c->lock);
        room = c->parked_count < CLIENT_PARKED_MOST;
        if (room)
                c->parked[c->parked_count++] = fd;
        pthread_mutex_unlock(&c->lock);
        if (!room)
                close(fd);
}

/* --- requests --- */

enum status client_ask(int fd, struct call call, struct arena *a, int deadline_ms)
{
        return channel_call(fd, call, a, deadline_in(deadline_ms));
}

enum status client_call(struct client *c, int patience_ms, struct call call, struct arena *a,
                        int deadline_ms)
{
        bool answered;
        int fd = -1;
        enum status s = client_borrow(c, patience_ms, &fd);

        if (s)
                return s;
        s = channel_ask(fd, call, a, deadline_in(deadline_ms), &answered);
        if (answered)
                client_park(c, fd);
        else
                close(fd);
        return s;
}

/* --- events --- */

static enum status take_event(const struct frame *f, struct arena *a, struct telling *told_out)
{
        const struct message_info *info = message_info(f->number);
        void *event;

        if (!info || info->reply)
                return FAIL(ST_PROTOCOL, .subject = FMT("message number %u", f->number),
                            .expected = "an event",
                            .remedy = "use programs of one version on both sides");
        event = arena_get(a, shape_size(info->request));
        *told_out = (struct telling){f->number, event};
        return message_decode(info->request, f->body, f->fds, f->fds_count, a, event);
}

enum status client_event(int fd, struct arena *a, int deadline_ms, struct telling *told_out)
{
        struct frame f = {0};
        enum status s = channel_receive_frame(fd, MESSAGE_MOST, a, &f, deadline_in(deadline_ms));

        if (!s)
                s = take_event(&f, a, told_out);
        if (s)
                frame_close_fds(&f);
        return s;
}
