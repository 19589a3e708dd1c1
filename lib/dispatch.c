/* SPDX-License-Identifier: Apache-2.0 */
/* From a frame to a handler and back: number, permission, shape, in that order. */
#include "lib/dispatch.h"
#include "lib/request_log.h"

static const struct handler *handler_of(const struct handler *handlers, size_t count,
                                        uint16_t number)
{
        for (size_t i = 0; i < count; i++)
                if (handlers[i].number == number)
                        return &handlers[i];
        return NULL;
}

static const char *who_may(unsigned who)
{
        if (who & VERIFIER)
                return "ask as root, as a member of the group bulkhead-admin, or, about VMs of "
                       "your own, as a member of the group bulkhead-verifier";
        if (who & ADMIN)
                return ASK_AS_ADMIN;
        return "use the command bulkhead, which asks compartment-mgr";
}

enum status dispatch_permits(const struct message_info *info, const struct caller *caller)
{
        char found[PRINCIPAL_TEXT_SIZE];

        if (info->who == ANYONE || info->who & caller->roles)
                return ST_DONE;
        return FAIL(ST_DENIED, .subject = FMT("request %s", info->name),
                    .expected = "a principal with the right to it",
                    .found = principal_write(&caller->principal, found),
                    .remedy = who_may(info->who));
}

static enum status call(const struct handler *h, const struct message_info *info, struct request *r,
                        struct frame *f, void *reply)
{
        void *request = arena_get(r->arena, shape_size(info->request));
        enum status s = dispatch_permits(info, r->caller);

        if (!s)
                s = message_decode(info->request, f->body, f->fds, f->fds_count, r->arena, request);
        if (s) {
                request_log(info, r->caller, NULL, NULL, s);
                return s;
        }
        f->fds_count = 0; /* the descriptors are the struct's now */
        s = h->call(r, request, reply);
        request_log(info, r->caller, request, s ? NULL : reply, s);
        message_close_fds(info->request, request);
        return s;
}

/* The error of a status that nobody described is the status alone. */
static const struct error *error_of(enum status s)
{
        if (error_last()->status != s)
                error_set(s, &(struct why){.subject = ""});
        return error_last();
}

enum status dispatch(const struct handler *handlers, size_t count, struct request *r,
                     struct frame *f, int fd)
{
        const struct handler *h = handler_of(handlers, count, f->number);
        const struct message_info *info = message_info(f->number);
        int64_t deadline;
        enum status s;
        void *reply;

        error_clear();
        if (!h || !info) {
                s = FAIL(ST_PROTOCOL, .subject = FMT("message number %u", f->number),
                         .expected = "a request that this door answers");
                frame_close_fds(f);
                channel_send_error(fd, error_last(), deadline_in(REPLY_DEADLINE));
                return s;
        }
        reply = arena_get(r->arena, shape_size(info->reply));
        s = call(h, info, r, f, reply);
        frame_close_fds(f);
        deadline = deadline_in(REPLY_DEADLINE);
        if (s) {
                bool broken = s == ST_PROTOCOL;

                message_close_fds(info->reply, reply);
                s = channel_send_error(fd, error_of(s), deadline);
                return broken ? ST_PROTOCOL : s;
        }
        s = channel_send(fd, f->number, info->reply, reply, deadline);
        message_close_fds(info->reply, reply);
        if (s == ST_INTERNAL) /* our reply does not encode, so nothing was sent yet */
                s = channel_send_error(fd, error_last(), deadline);
        return s;
}
