/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only file that talks to libxenstore. The back-end for Xen comes here from a child of the
 * domain worker: it writes below /local/domain/0/bulkhead, and removes what dead domains have left.
 * disk_hotplug comes here to write about the disk that it attaches.
 */
#include "compartment-mgr/domain/domain_xen_store.h"
#include "lib/channel.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <xenstore.h>
#include <xenstore_lib.h>

#define MARKS "/local/domain/0/bulkhead"
enum { BEGIN_TIME = 30 /* s */ };

static struct xs_handle *store;
static int line = -1; /* to xenstored's socket; only to be hung up when xenstored ends */
static bool watching;

static enum status unreachable(const char *doing)
{
        return FAIL(ST_UNREACHABLE, .subject = FMT("xenstore: %s", doing), .found = strerror(errno),
                    .remedy = "xenstored has to run in Dom0: systemctl status xenstored");
}

/* If there is a socket, xenstored has to answer at it. Otherwise libxenstore (4.17), even if told
 * to use nothing but the socket, would turn to the kernel's device, where a request waits for ever
 * for a daemon that is gone. */
static bool somebody_answers(void)
{
        struct sockaddr_un to = {.sun_family = AF_UNIX};

        snprintf(to.sun_path, sizeof to.sun_path, "%s", xs_daemon_socket());
        if (access(to.sun_path, F_OK))
                return true; /* a store in a domain of its own: only the kernel reaches that */
        if (line < 0)
                line = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        return line >= 0 && !connect(line, (struct sockaddr *)&to, sizeof to);
}

enum status store_connect(void)
{
        if (!store && somebody_answers())
                store = xs_open(0);
        return store ? ST_DONE : unreachable("connecting");
}

/* --- reading ----------------------------------------------------------------------------- */

enum status store_read(struct arena *a, const char *path, const char **text_out)
{
        enum status s = store_connect();
        unsigned len = 0;
        char *text;

        *text_out = NULL;
        if (s)
                return s;
        text = xs_read(store, XBT_NULL, path, &len);
        if (!text)
                return errno == ENOENT ? ST_DONE : unreachable(path);
        *text_out = arena_text(a, text);
        free(text);
        return ST_DONE;
}

enum status store_list(struct arena *a, const char *path, const char *const **names_out,
                       size_t *count_out)
{
        enum status s = store_connect();
        unsigned count = 0;
        const char **copies;
        char **names;

        *names_out = NULL;
        *count_out = 0;
        if (s)
                return s;
        names = xs_directory(store, XBT_NULL, path, &count);
        if (!names)
                return errno == ENOENT ? ST_DONE : unreachable(path);
        copies = arena_get_many(a, count, sizeof *copies);
        for (unsigned i = 0; i < count; i++)
                copies[i] = arena_text(a, names[i]);
        free(names);
        *names_out = copies;
        *count_out = count;
        return ST_DONE;
}

enum status store_write(const char *path, const char *text)
{
        enum status s = store_connect();

        if (!s && !xs_write(store, XBT_NULL, path, text, (unsigned)strlen(text)))
                s = unreachable(path);
        return s;
}

enum status store_remove(const char *path)
{
        enum status s = store_connect();

        if (!s && !xs_rm(store, XBT_NULL, path) && errno != ENOENT)
                s = unreachable(path);
        return s;
}

/* --- waiting ----------------------------------------------------------------------------- */

/* Takes the one event with which each watch is answered at once: it is not a change. */
static enum status begin_watching(void)
{
        static const char *const watches[] = {"@introduceDomain", "@releaseDomain"};
        enum status s = store_connect();

        for (size_t i = 0; i < 2 && !s; i++)
                if (!xs_watch(store, watches[i], watches[i]))
                        s = unreachable("watching domains");
        for (size_t i = 0; i < 2 && !s; i++) {
                unsigned count;
                char **event = xs_read_watch(store, &count);

                if (!event)
                        s = unreachable("watching domains");
                free(event);
        }
        watching = !s;
        return s;
}

/* Looks at our own line: libxenstore's descriptor (4.17) stays silent once xenstored has ended. */
static bool has_hung_up(const struct pollfd *p)
{
        errno = EPIPE;
        return p->revents != 0;
}

/* Takes all events that have come by now, as one change. errno says why there is no further one. */
static bool take_events(void)
{
        bool any = false;
        char **event;

        while ((event = xs_check_watch(store))) {
                free(event);
                any = true;
        }
        return any;
}

enum status store_wait(int ms, bool *changed_out)
{
        int64_t deadline = deadline_in(ms);
        struct pollfd p[2];
        enum status s;
        int r;

        *changed_out = !watching;
        if (!watching) {
                alarm(BEGIN_TIME); /* a store that dies just now: the kernel would wait for ever */
                s = begin_watching();
                alarm(0);
                return s;
        }
        p[0] = (struct pollfd){.fd = xs_fileno(store), .events = POLLIN};
        p[1] = (struct pollfd){.fd = line};
        do {
                *changed_out = take_events();
                if (*changed_out)
                        return ST_DONE;
                if (errno != EAGAIN)
                        return unreachable("watching domains");
                r = poll(p, 2, deadline_left(deadline));
                if (r > 0 && has_hung_up(&p[1]))
                        return unreachable("watching domains");
        } while (r > 0 || (r < 0 && errno == EINTR));
        return r ? unreachable("watching domains") : ST_DONE;
}

/* --- the mark ---------------------------------------------------------------------------- */

static const char *const stages[] = {"", "building", "built", "released"};

static const char *mark_path(const struct uuid *uuid, char path[80])
{
        char text[37];

        uuid_write(uuid, text);
        snprintf(path, 80, MARKS "/%s", text);
        return path;
}

enum status mark_read(struct arena *a, const struct uuid *uuid, struct mark *mark_out)
{
        char path[80], stage[16];
        const char *text;
        enum status s = store_read(a, mark_path(uuid, path), &text);

        *mark_out = (struct mark){.stage = MARK_NONE};
        if (s || !text)
                return s;
        if (sscanf(text, "%15s %" SCNu32, stage, &mark_out->domid) == 2)
                for (size_t i = MARK_BUILDING; i < sizeof stages / sizeof *stages; i++)
                        if (!strcmp(stages[i], stage))
                                mark_out->stage = (enum mark_stage)i;
        return ST_DONE;
}

/* Gives the node to Dom0 alone, whatever permissions it inherits. */
static bool write_own(const char *path, const char *text)
{
        struct xs_permissions dom0 = {.id = 0, .perms = XS_PERM_NONE};

        return xs_write(store, XBT_NULL, path, text, (unsigned)strlen(text)) &&
               xs_set_permissions(store, XBT_NULL, path, &dom0, 1);
}

enum status mark_write(const struct uuid *uuid, enum mark_stage stage, uint32_t domid)
{
        char path[80], text[32];
        enum status s = store_connect();

        if (s)
                return s;
        snprintf(text, sizeof text, "%s %" PRIu32, stages[stage], domid);
        if (!write_own(MARKS, "") || !write_own(mark_path(uuid, path), text))
                return unreachable("marking a domain");
        return ST_DONE;
}

enum status mark_remove(const struct uuid *uuid)
{
        char path[80];

        return store_remove(mark_path(uuid, path));
}
